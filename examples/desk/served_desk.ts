import type { Stats, System } from "@posthorn/posthorn";
import { desk } from "./desk.ts";
import type { Secrets } from "./secrets.ts";

/** A desk that is served, and can be stopped and opened again behind the same address. */
export class ServedDesk implements AsyncDisposable {
  readonly origin: string;
  readonly #open: () => Promise<System>;
  readonly #secrets: Secrets;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #system: System;
  #fetch: (request: Request) => Response | Promise<Response>;
  /** What its earlier systems have done. */
  readonly #before: Stats[] = [];

  private constructor(open: () => Promise<System>, system: System, secrets: Secrets) {
    this.#open = open;
    this.#secrets = secrets;
    this.#system = system;
    this.#fetch = desk(system, secrets).fetch;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#fetch(request),
    );
    this.origin = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  static async open(open: () => Promise<System>, secrets: Secrets): Promise<ServedDesk> {
    return new ServedDesk(open, await open(), secrets);
  }

  /** The system that runs now. */
  get system(): System {
    return this.#system;
  }

  /** What was done so far, by all its systems. What one left waiting, the next has done. */
  get stats(): Stats {
    return [...this.#before, this.#system.stats()].reduce((all, stats) => ({
      ...stats,
      accepted: all.accepted - all.waiting + stats.accepted,
      done: all.done + stats.done,
      dead: all.dead + stats.dead,
      protocols: Object.fromEntries(
        Object.entries(stats.protocols).map((
          [name, protocol],
        ) => [name, { ...protocol, done: protocol.done + (all.protocols[name]?.done ?? 0) }]),
      ),
    }));
  }

  /** Stops the system as it is, and opens another on what is stored. Returns how many messages waited. */
  async restart(): Promise<number> {
    await this.#system.stop({ drainMs: 0 });
    const stats = this.#system.stats();
    this.#before.push(stats);
    this.#system = await this.#open();
    this.#fetch = desk(this.#system, this.#secrets).fetch;
    return stats.waiting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.stop();
    await this.#server.shutdown();
  }
}
