import type { Secrets } from "./secrets.ts";

const opened = /^The .*webhook desk is open: (http:\S+)\n/m;

/** The desk in a process of its own, served by `start.ts`. The process can be killed and restarted. */
export class ServedDesk implements AsyncDisposable {
  readonly #command: Deno.Command;
  #process: Deno.ChildProcess;
  #origin: Promise<string>;

  /** Starts it with these options. */
  constructor(options: readonly string[], secrets: Secrets) {
    this.#command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", `${import.meta.dirname}/start.ts`, "--empty", ...options],
      // A free port, which the process prints.
      env: { HOST: "127.0.0.1", PORT: "0", WEBHOOK_SECRET: secrets.webhooks, TOKEN_SECRET: secrets.tokens },
      stdin: "null",
      stdout: "piped",
    });
    this.#process = this.#command.spawn();
    this.#origin = originOf(this.#process);
  }

  /** Resolves with its URL when it is available, also after a kill. */
  readonly origin = (): Promise<string> => this.#origin;

  /** Kills the process with SIGKILL, and starts another with the same options. */
  async restart(): Promise<void> {
    const killed = this.#process;
    killed.kill("SIGKILL");
    this.#process = this.#command.spawn();
    this.#origin = originOf(this.#process);
    await Promise.all([killed.status, this.#origin]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has already ended
    }
    await this.#process.status;
  }
}

/** Reads the output of the process up to the line with the URL of the desk. */
async function originOf({ stdout }: Deno.ChildProcess): Promise<string> {
  let printed = "";
  for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    const origin = opened.exec(printed)?.[1];
    if (origin !== undefined) return origin;
  }
  throw new Error(`Cannot open the desk: its process ended before it said where it is. ${printed}`);
}
