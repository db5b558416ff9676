import { systemClock } from "../../../runtime/base/clock.ts";
import type { TransportConnection, TransportServices } from "../../../runtime/ports/transport.ts";
import { HttpTransportConnection } from "./connection.ts";
import type { Settings } from "./options.ts";
import { RefusedRequest } from "./refused_request.ts";
import type { Serving } from "./serving.ts";

/** How long a request waits for the start of the system, in milliseconds, and how many do. */
const startMs = 10_000;
const waitingMax = 1_000;

/** The connection that serves the routes of a transport: none before its system has started and after it has stopped. */
export class ServedConnection {
  readonly #settings: Settings;
  /** Those of the system that has it. */
  #services: TransportServices | undefined;
  #connection: HttpTransportConnection | undefined;
  #wasClosed = false;
  readonly #waiting = new Set<() => void>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Opens the connection. Rejects with a `TypeError` if another system has it. */
  async open(services: TransportServices): Promise<TransportConnection> {
    if (this.#services !== undefined) {
      throw new TypeError(
        "Cannot open the transport: another system has it, and each system takes one of its own",
      );
    }
    this.#services = services;
    this.#wasClosed = false;
    try {
      return await HttpTransportConnection.open(services, this.#settings, {
        onReading: (connection) => this.#serveSoon(connection, services),
        onClose: () => this.#closed(),
      });
    } catch (error) {
      this.#closed();
      throw error;
    }
  }

  /** What serves a request of that service. Waits for the start of the system. Throws a {@linkcode RefusedRequest}. */
  async serving(from: string | null): Promise<Serving> {
    if (this.#connection === undefined && !this.#wasClosed && this.#services?.service !== from) {
      await this.#start();
    }
    if (this.#connection !== undefined) return this.#connection.serving;
    throw new RefusedRequest(503, "unavailable", "The system has not started, or it has stopped");
  }

  /** Reports what went wrong with a request, and is no fault of it. */
  report(error: unknown): void {
    this.#services?.report(error);
  }

  /** It serves when the system has said all that it reads, which it does without a pause. */
  #serveSoon(connection: HttpTransportConnection, services: TransportServices): void {
    services.clock.macrotask(() => {
      if (this.#services !== services) return; // it was closed
      this.#connection = connection;
      for (const goOn of this.#waiting) goOn();
    });
  }

  #closed(): void {
    this.#services = undefined;
    this.#connection = undefined;
    this.#wasClosed = true;
    for (const goOn of this.#waiting) goOn();
  }

  async #start(): Promise<void> {
    if (this.#waiting.size >= waitingMax) {
      const why = `${this.#waiting.size} of ${waitingMax} requests wait for the system to start`;
      throw new RefusedRequest(429, "too-many-requests", why);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = systemClock().setTimer(startMs, resolve); // the clock of the system is not known yet
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    cancel();
  }
}
