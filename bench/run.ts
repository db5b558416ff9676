import type { Outcome } from "./contender.ts";

/** A program that measures one workload and prints its outcome as one line of JSON. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** An outcome, or the reason why there is none. */
export type Measurement = { readonly outcome: Outcome } | { readonly reason: string };

export interface MeasureOptions {
  /**
   * The time limit of the program in milliseconds, including the warm-up.
   * @default {120_000}
   */
  readonly timeoutMs?: number;
  /** Ends the program; the measurement rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The reason of a measurement that exceeded its time limit. */
export const timedOut = "timed out";

/** Runs the program in its own process. An outcome is valid only with the expected check. */
export async function measure(
  { command, args, env }: Command,
  expected: number,
  { timeoutMs = 120_000, signal }: MeasureOptions = {},
): Promise<Measurement> {
  signal?.throwIfAborted();
  const child = new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener("abort", kill);
  try {
    const { success, code, stdout, stderr } = await child.output();
    signal?.throwIfAborted();
    if (late) return { reason: timedOut };
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    if (!success) return { reason: complaintOf(text(stderr)) ?? `ended with code ${code}` };
    return judge(text(stdout), expected);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
}

function judge(printed: string, expected: number): Measurement {
  const line = printed.trimEnd().split("\n").at(-1) ?? "";
  let outcome: Partial<Outcome> | null;
  try {
    outcome = JSON.parse(line);
  } catch {
    outcome = null;
  }
  const { elapsedMs, check, also } = outcome ?? {};
  if (typeof elapsedMs !== "number" || typeof check !== "number") return { reason: "printed no outcome" };
  if (check !== expected) return { reason: `wrong result: ${check} instead of ${expected}` };
  if (!(elapsedMs > 0)) return { reason: "took no time that can be measured" };
  return { outcome: { elapsedMs, check, also } };
}

/** The line of the output that states the error of a program. */
function complaintOf(stderr: string): string | undefined {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.find((line) => /error/i.test(line)) ?? lines.at(-1);
  return line?.replace(/^error: (Uncaught )?(\(in promise\) )?/, "").slice(0, 120);
}
