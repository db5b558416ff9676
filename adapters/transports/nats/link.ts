import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { TransportServices, TransportState } from "../../../runtime/ports/transport.ts";
import { connect, faultOf } from "./client.ts";
import type { Server, Settings } from "./options.ts";
import { Session } from "./session.ts";
import type { ServerInfo } from "./wire.ts";

/** What a link needs. */
export interface LinkOptions {
  readonly settings: Settings;
  readonly services: TransportServices;
  /** Is called with each session before anybody uses it. If it rejects, the session is given up. */
  prepare(session: Session): Promise<void>;
  /** A session can be used. */
  began(session: Session): void;
}

const away: TransportState = { status: "connecting", reason: "The connection to NATS has ended" };
const awayMs = { from: 100, to: 5_000 };
const refusedMs = { from: 5_000, to: 60_000 };

/** The connection of a process to the server, made anew whenever it breaks: each of them is a session. */
export class Link {
  /** The session that can be used; absent while there is none. */
  session: Session | undefined;
  /** The subject under which answers to this process come, in all its sessions. */
  readonly inbox: string;
  /** Settles with the first attempt. Rejects if the service has another store. */
  readonly tried: Promise<void>;
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(state: TransportState) => void>();
  readonly #running: Promise<void>;
  /** The session that there is, also if it cannot be used yet. */
  #made: Session | undefined;
  #state: TransportState = { status: "connecting", reason: "it has not been tried yet" };

  constructor(options: LinkOptions) {
    const { services: { random, clock } } = options;
    this.#options = options;
    this.inbox = `_INBOX.${random.ulid(clock.now())}`;
    const tried = Promise.withResolvers<void>();
    this.tried = tried.promise;
    this.#running = this.#run((error) => {
      if (error instanceof PosthornError && error.code === "another-store") tried.reject(error);
      else tried.resolve();
    });
  }

  get state(): TransportState {
    return this.session?.ended.aborted === true ? away : this.#state; // before anybody else is told
  }

  /** Calls back when the state has changed. */
  watch(onChange: (state: TransportState) => void): Disposable {
    const listener = (state: TransportState) => onChange(state);
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** The server takes messages, or does not. */
  blocked(reason: string | undefined): void {
    if (this.session === undefined || (reason === undefined) === (this.#state.status === "connected")) return;
    this.#become(reason === undefined ? { status: "connected" } : { status: "blocked", reason });
  }

  /** Ends the session, and makes no other one. */
  async close(): Promise<void> {
    this.#stop.abort();
    const session = this.#made;
    session?.end(new PosthornError("transport-closed", "The connection to NATS is closed"));
    await session?.close();
    await this.#running;
  }

  async #run(tried: (error?: unknown) => void): Promise<void> {
    const { services: { clock, random }, settings: { servers } } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    for (let attempts = 0; !signal.aborted; attempts++) {
      const server = servers[attempts % servers.length];
      const error = await this.#attempt(server, () => {
        failures = 0;
        tried();
      });
      this.session = undefined;
      tried(error);
      if (signal.aborted) break;
      const fault = faultOf(error, server);
      const status = fault.code === "transport-refused" || fault.code === "another-store"
        ? "refused"
        : "connecting";
      this.#become({ status, reason: fault.message });
      const { from, to } = status === "refused" ? refusedMs : awayMs;
      const restMs = Math.min(from * 2 ** Math.min(failures++, 16), to);
      await pause(clock, restMs * (0.5 + random.next() / 2), signal);
    }
    this.#become({ status: "connecting", reason: "it is closed" });
  }

  /** Connects once. Resolves with the reason when the session has ended, or was not begun. */
  async #attempt(server: Server, began: () => void): Promise<unknown> {
    const { settings, services, prepare } = this.#options;
    const { signal } = this.#stop;
    let session: Session | undefined;
    try {
      const { clock, random, service, report } = services;
      const name = `posthorn-${service}`;
      const connection = await connect(server, settings, { clock, name, report, signal });
      const secret = random.ulid(clock.now());
      session = this.#made = new Session({ connection, clock, inbox: this.inbox, secret, denied: report });
      if (signal.aborted) return undefined; // in the moment before: `close` did not know of this session
      requireServer(connection.info, server);
      await prepare(session);
      if (signal.aborted) return undefined;
      this.session = session;
      began();
      this.#become({ status: "connected" });
      this.#options.began(session);
      if (!session.ended.aborted) {
        await new Promise((resolve) => session!.ended.addEventListener("abort", resolve));
      }
      return session.ended.reason;
    } catch (error) {
      return error;
    } finally {
      this.#made = undefined;
      await session?.close();
    }
  }

  #become(state: TransportState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

/** Throws if the server is too old, or has no streams. */
function requireServer({ version = "", jetstream }: ServerInfo, { place }: Server): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < 2 || (major === 2 && minor < 10);
  const why = isOld
    ? `its version must be at least 2.10: it is ${version}`
    : jetstream !== true
    ? "JetStream is not enabled"
    : undefined;
  if (why !== undefined) throw new PosthornError("transport-refused", `Cannot use NATS at ${place}: ${why}`);
}
