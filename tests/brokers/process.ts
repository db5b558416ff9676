/** A program that outlives who starts it: it is known by a file with its process id and its start. */

import { isFile } from "./cache.ts";

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file that its output is appended to. */
  readonly log: string;
}

const setsid = "/usr/bin/setsid";

/**
 * Starts a program in a session of its own: the Ctrl-C of a terminal reaches only who started it, so that it
 * is stopped in order.
 */
export function startProgram({ command, args, env, log }: Program): Deno.ChildProcess {
  const shell = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', log, command, ...args];
  const [first, ...others] = isFile(setsid) ? [setsid, ...shell] : shell;
  return new Deno.Command(first, {
    args: others,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Kills a program that was started, and all that it has started in turn. */
export function killProgram({ pid }: Deno.ChildProcess): void {
  try {
    Deno.kill(isFile(setsid) ? -pid : pid, "SIGKILL");
  } catch (error) {
    if (startOf(pid) !== undefined) throw error;
  }
}

/** When a process started, in ticks since the machine did; undefined if it does not run (any more). */
export function startOf(pid: number): string | undefined {
  if (Deno.build.os !== "linux") {
    try {
      Deno.kill(pid, "SIGURG"); // ignored by default: tells whether there is one
      return "unknown";
    } catch {
      return undefined;
    }
  }
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
    return /[ZX]/.test(fields[0]) ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Remembers a process in a file. */
export function remember(file: string, pid: number): void {
  Deno.writeTextFileSync(file, `${pid} ${startOf(pid) ?? "ended"}\n`);
}

/** The process of a file, if it still runs: another one that has got its number since is not it. */
export function runningOf(file: string): number | undefined {
  if (!isFile(file)) return undefined;
  const [pid, start] = Deno.readTextFileSync(file).trim().split(" ");
  return startOf(Number(pid)) === start ? Number(pid) : undefined;
}

/** Waits until it is true, and looks ten times a second. False if the time is over. */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (!await isTrue()) {
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return true;
}
