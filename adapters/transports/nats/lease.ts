import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { Session } from "./session.ts";
import { leaseMs, type Streams } from "./streams.ts";

const renewMs = 1_000;

/** What a lease needs. */
export interface LeaseOptions {
  readonly session: Session;
  readonly streams: Streams;
  readonly clock: Clock;
  /** The name of this process. */
  readonly instance: string;
  /** The name of the channel. */
  readonly channel: string;
  /** It is lost: another process may have it. */
  lost(): void;
}

/**
 * The right to read a channel, which one process of a service has at a time. It is a hint that saves work: that two read
 * in order is up to the receiver, who knows its position.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #number: number;
  #renewedAtMs: number;
  #cancel: Cancel = () => {};
  #over = false;

  private constructor(options: LeaseOptions, number: number, sinceMs: number) {
    this.#options = options;
    this.#number = number;
    this.#renewedAtMs = sinceMs;
    this.#later();
  }

  /** Takes the lease; `undefined` if another process has it. `last` is the number of one that may still be ours. */
  static async take(options: LeaseOptions, last: number): Promise<Lease | undefined> {
    const { session, streams, channel, instance, clock } = options;
    const sinceMs = clock.monotonicMs();
    const kept = last === 0 ? undefined : await streams.lease(session, channel, instance, last);
    const number = kept ?? await streams.lease(session, channel, instance, 0);
    return number === undefined ? undefined : new Lease(options, number, sinceMs);
  }

  /** The number under which the server knows it. */
  get number(): number {
    return this.#number;
  }

  /** Gives it back, so that another process has it at once. */
  release(): void {
    if (this.#over) return;
    this.#end();
    const body = new TextEncoder().encode(JSON.stringify({ seq: this.#number, no_erase: true }));
    this.#options.session.publish({
      subject: `$JS.API.STREAM.MSG.DELETE.${this.#options.streams.names.readerStream}`,
      body,
      headers: {},
    });
  }

  #later(): void {
    this.#cancel = this.#options.clock.setTimer(renewMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { session, streams, channel, instance, clock } = this.#options;
    const sinceMs = clock.monotonicMs();
    this.#cancel = clock.setTimer(this.#renewedAtMs + leaseMs - sinceMs, () => this.#lose());
    const number = await streams.lease(session, channel, instance, this.#number).catch(() => undefined);
    if (this.#over) return;
    if (number === undefined) return this.#lose();
    this.#cancel();
    this.#number = number;
    this.#renewedAtMs = sinceMs;
    this.#later();
  }

  #lose(): void {
    if (this.#over) return;
    this.#end();
    this.#options.lost();
  }

  #end(): void {
    this.#over = true;
    this.#cancel();
  }
}
