import { fileURLToPath } from "node:url";
import { cpuUsage } from "node:process";

/** The time limit of a report in milliseconds. */
const patienceMs = 5_000;

/** The report of a server process on request. */
export interface Report {
  /** The processor time of all threads of the process since its start. */
  readonly cpuMs: number;
  /** Its other counters. */
  readonly also: Readonly<Record<string, number>>;
}

/**
 * A server in its own process: it prints its port, then a report for each line of its input, until the input
 * ends.
 */
export class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";
  port = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts a module that calls {@linkcode serveReports}. */
  static async start(module: string, args: readonly string[]): Promise<ServerProcess> {
    const server = new ServerProcess(
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", fileURLToPath(module), ...args],
        env: { NO_COLOR: "1" },
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn(),
    );
    try {
      server.port = Number(await server.#line());
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async report(): Promise<Report> {
    await this.#input.write(new TextEncoder().encode("\n"));
    return JSON.parse(await this.#line());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {}); // it has already ended
    await this.#lines.cancel();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patienceMs);
    await this.#child.status;
    clearTimeout(timer);
  }

  /** Reads the next line of the output. A server whose event loop starves never prints one. */
  async #line(): Promise<string> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`The server said nothing for ${patienceMs} ms`)), patienceMs);
    });
    try {
      return await Promise.race([this.#read(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error("The server has ended");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

/**
 * Serves on the loopback interface, and answers each line of the input with a report. Ends with the input.
 */
export async function serveReports(
  handler: (request: Request) => Response | Promise<Response>,
  also: () => Report["also"] = () => ({}),
): Promise<void> {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(port),
  }, (request) => handler(request));
  for await (const _ of Deno.stdin.readable) {
    const { user, system } = cpuUsage();
    console.log(JSON.stringify({ cpuMs: (user + system) / 1_000, also: also() } satisfies Report));
  }
  Deno.exit(0);
}
