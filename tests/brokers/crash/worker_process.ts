import { TextLineStream } from "../lines.ts";
import type { Report } from "./history.ts";

export interface WorkerOptions {
  readonly name: string;
  /** What follows `deno run -A`. */
  readonly args: readonly string[];
  readonly onReport: (report: Report, worker: string) => void;
  /** It ended, and nobody had killed it. */
  readonly onFailure: (failure: Error) => void;
  /** How long it may take to end in order. */
  readonly endTimeoutMs?: number | undefined;
}

/** One process that sends and receives: it reports on standard output and takes commands on standard input. */
export class WorkerProcess {
  readonly name: string;
  readonly #onReport: WorkerOptions["onReport"];
  readonly #onFailure: WorkerOptions["onFailure"];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #ended: Promise<void>;
  readonly #endTimeoutMs: number;
  #isEnding = false;
  #hasEnded = false;

  constructor({ name, args, onReport, onFailure, endTimeoutMs = 60_000 }: WorkerOptions) {
    this.name = name;
    this.#onReport = onReport;
    this.#onFailure = onFailure;
    this.#endTimeoutMs = endTimeoutMs;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {}); // it was killed: told by its status
    this.#ended = this.#follow();
  }

  /** Gives it a command, and waits until it has carried it out. */
  async tell(command: string): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(command, waiting);
    this.#input.write(new TextEncoder().encode(`${command}\n`)).catch(() => {}); // it has ended: told below
    await waiting.promise;
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Closes its input, which ends it in order. One that does not end is killed, and has failed. */
  async end(): Promise<void> {
    this.#isEnding = true;
    if (this.#hasEnded) return;
    await this.#input.close();
    const timer = setTimeout(() => {
      this.#onFailure(new Error(`Worker ${this.name} does not end within ${this.#endTimeoutMs} ms`));
      this.#child.kill("SIGKILL");
    }, this.#endTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Reads what it says until it ends. */
  async #follow(): Promise<void> {
    const said = lastText(this.#child.stderr);
    await this.#read();
    const { code, signal } = await this.#child.status;
    this.#hasEnded = true;
    await this.#input.abort().catch(() => {}); // a killed one has broken the pipe
    const error = new Error(`Worker ${this.name} ended with ${signal ?? code}: ${await said}`);
    for (const { reject } of this.#waiting.values()) reject(error);
    if (!this.#isEnding) this.#onFailure(error);
  }

  async #read(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      const report: Report = JSON.parse(line);
      if (report.is === "done") this.#waiting.get(report.command)?.resolve();
      else this.#onReport(report, this.name);
    }
  }
}

/** The end of what comes, when it has ended. */
async function lastText(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) text = (text + part).slice(-2_000);
  return text.trim();
}
