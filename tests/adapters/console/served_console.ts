import {
  console as posthornConsole,
  type ConsoleOptions,
  type ConsoleSystem,
} from "@posthorn/posthorn/console";
import { Hono } from "hono";

/** A console on a port of its own, mounted under a path. */
export class ServedConsole implements AsyncDisposable {
  /** The origin of its server. */
  readonly origin: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = new AbortController();

  constructor(system: ConsoleSystem, options: ConsoleOptions = { actions: true }) {
    const app = new Hono();
    app.route("/ops/console", posthornConsole(system, options));
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      signal: this.#end.signal,
    }, app.fetch);
    this.origin = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The URL of one of its pages. */
  url(page: string): string {
    return `${this.origin}/ops/console/${page}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(); // and not `shutdown`, which would wait for the pages that are open
    await this.#server.finished;
  }
}
