import { TextLineStream } from "../brokers/lines.ts";
import type { Given } from "./given.ts";

/** How long a program may take to end when it is told to. */
const endMs = 10_000;

/** A program that serves HTTP, and prints its URL as soon as it does. */
export class ServingProgram implements AsyncDisposable {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStream<string>;
  #ended = false;

  private constructor(url: string, child: Deno.ChildProcess, lines: ReadableStream<string>) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(
    { runtime, folder }: Given,
    program: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<ServingProgram> {
    const child = new Deno.Command(runtime.command, {
      args: [...runtime.args, `${folder}/${program}`, ...args],
      env: { ...env, PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    const reader = lines.getReader();
    const { value: url } = await reader.read();
    reader.releaseLock();
    if (url === undefined) throw new Error(`${program} on ${runtime.name} has ended before it served`);
    return new ServingProgram(url, child, lines);
  }

  /** Tells it to end, and returns its exit code, or the signal that has ended it; undefined if it does not end in time. */
  async end(signal: Deno.Signal): Promise<number | Deno.Signal | undefined> {
    this.#child.kill(signal);
    const timer = Promise.withResolvers<undefined>();
    const id = setTimeout(timer.resolve, endMs, undefined);
    const status = await Promise.race([this.#child.status, timer.promise]);
    clearTimeout(id);
    this.#ended = status !== undefined;
    return status?.signal ?? status?.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.end("SIGKILL");
    await this.#lines.cancel();
  }
}
