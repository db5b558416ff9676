import { TextLineStream } from "../lines.ts";
import { compileSpring, nestFolder, springFolder } from "./install.ts";

/** Where a stranger is and what it does. */
export interface StrangerConfig {
  /** The URL of the broker. */
  readonly url: string;
  /** The protocol that it serves, with the operation `quote`: `{ kg }` is answered by `{ to, cents }`. */
  readonly serves: string;
  /** The event that it hears. */
  readonly hears: string;
  /** The protocols that it calls: on Kafka Nest wants their topics for answers, `<protocol>.reply`. */
  readonly calls?: readonly string[];
  /** The topic of answers to it: Spring on Kafka. */
  readonly answers?: string;
}

/** What it is told: the verb is the only key. */
export type Command =
  | { readonly call: Sent }
  | { readonly tell: Sent }
  | {
    readonly publish: { readonly event: string; readonly key?: string; readonly subject?: string } & Content;
  };

export interface Sent extends Content {
  readonly protocol: string;
  readonly key: string;
  readonly operation: string;
  readonly correlationId?: string;
}

interface Content {
  readonly payload?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What it says: a command that it has served, an event that it has heard, an answer to it. */
export interface Said {
  readonly key?: string;
  readonly operation?: string;
  readonly payload?: unknown;
  readonly contentType?: string;
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long a stranger may say nothing. */
const silentMs = 60_000;

/** A program that is not ours, which speaks with a broker and takes commands in lines of JSON. */
export class Stranger implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  readonly #held: (readonly [string, Said])[] = [];

  private constructor(command: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    this.#lines = text.pipeThrough(new TextLineStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  static async pika(config: StrangerConfig): Promise<Stranger> {
    const script = new URL("with_pika.py", import.meta.url).pathname;
    return await new Stranger("/usr/bin/python3", [script, JSON.stringify(config)]).#ready();
  }

  static async nest(config: StrangerConfig): Promise<Stranger> {
    const script = new URL("with_nest.mjs", import.meta.url).pathname;
    return await new Stranger("node", [script, JSON.stringify(config)], { NEST: nestFolder }).#ready();
  }

  static async spring(config: StrangerConfig): Promise<Stranger> {
    const folder = await Deno.makeTempDir({ prefix: "posthorn-spring-" });
    try {
      const classPath = `${await compileSpring(folder)}:${springFolder}/libs/*`;
      const { url, serves, hears, answers = "" } = config;
      const options = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classPath];
      return await new Stranger("java", [...options, "Stranger", url, serves, hears, answers]).#ready();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  async tell(command: Command): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  /** The next thing of this kind that it says: "served", "heard" or "answer". */
  async next(kind: string): Promise<Said> {
    for (;;) {
      const index = this.#held.findIndex(([held]) => held === kind);
      if (index >= 0) return this.#held.splice(index, 1)[0][1];
      const { value, done } = await this.#line();
      if (done) {
        const before = `it has said ${JSON.stringify(this.#held)}, and ${await this.#errors}`;
        throw new Error(`A stranger has ended before it said ${kind}: ${before}`);
      }
      if (!value.startsWith("{")) continue; // a log
      const said: Record<string, Said> = JSON.parse(value);
      if (said.failed !== undefined) throw new Error(`A stranger failed: ${said.failed}`);
      this.#held.push(...Object.entries(said));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await this.#child.status;
    await this.#input.abort().catch(() => {}); // the pipe is broken
    await this.#lines.cancel();
    await this.#errors;
  }

  /** One line. A stranger that says nothing for too long is ended. */
  async #line(): Promise<ReadableStreamReadResult<string>> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), silentMs);
    try {
      return await this.#lines.read();
    } finally {
      clearTimeout(timer);
    }
  }

  async #ready(): Promise<Stranger> {
    try {
      await this.next("ready");
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }
}
