import type { ActorId } from "./language/address.ts";
import { StoppedError } from "./base/errors.ts";
import { DelayedSends } from "./delayed_sends.ts";
import type { Delivery } from "./delivery.ts";
import type { Route } from "./messages/envelope.ts";
import type { Outgoing } from "./messages/outbox.ts";
import type { ResolvedOptions } from "./ports/options.ts";
import type { Timers } from "./scheduling/timers.ts";

/** What the delayed messages need of the delivery of their system. */
export type DelayedParts = Pick<
  Delivery,
  | "commits"
  | "deduplication"
  | "deliverAny"
  | "envelope"
  | "find"
  | "persistence"
  | "requireAcceptable"
  | "undeliverable"
>;

/** Decides where a delayed message waits: in memory, or in the store if its receiver is there or in another service. */
export class DelayedDelivery {
  readonly #delivery: DelayedParts;
  readonly #sends: DelayedSends;

  constructor(limits: ResolvedOptions["limits"], timers: Timers, delivery: DelayedParts) {
    this.#delivery = delivery;
    this.#sends = new DelayedSends(limits, timers, {
      isFull: (to, route) => this.#isFull(to, route),
      send: (to, route, payload) => delivery.deliverAny(to, route, payload),
    });
  }

  /** How many wait in memory. */
  get size(): number {
    return this.#sends.size;
  }

  /** Those that wait in memory, each with its number. */
  waiting(): ReturnType<DelayedSends["waiting"]> {
    return this.#sends.waiting();
  }

  /** Takes back the request whose reply is kept in memory under that key. Returns it, if it still waits. */
  take(replyKey: string): Outgoing | undefined {
    return this.#sends.take(replyKey);
  }

  /** Accepts a message from outside a turn that waits in memory. Throws if it cannot, and then nothing was accepted. */
  accept(to: ActorId, route: Route, payload: unknown): undefined {
    this.#delivery.requireAcceptable(to, route.operation, payload);
    this.#sends.hold(to, route, payload, "outside");
  }

  /** Takes a message of a turn in memory. If it cannot wait, it is a dead letter. */
  deliver(to: ActorId, route: Route, payload: unknown): void {
    const delivery = this.#delivery;
    const envelope = delivery.envelope(route, to.key, payload);
    const refuse = (error: unknown) => delivery.undeliverable(envelope, error);
    if (delivery.commits(to.protocol)) {
      return void delivery.persistence!.accept(to, route, payload).catch(refuse);
    }
    try {
      delivery.deduplication.once(envelope, () => {
        this.#sends.hold(to, route, payload, "turn");
        return route.replyTo; // a repeat is answered with the address of its reply
      });
    } catch (error) {
      refuse(error);
    }
  }

  /** Whether the mailbox of an actor in memory is full, also for messages of turns, and the deadline has not passed. */
  #isFull({ protocol, key }: ActorId, { deadline }: Route): boolean {
    const { host, length } = this.#delivery.find(protocol, key) ?? {};
    if (host === undefined || length! < host.turnCapacity) return false;
    return (deadline?.atMs ?? Infinity) > host.services.clock.now();
  }

  /** The system has stopped: makes dead letters of those that wait in memory. Returns how many. */
  end(): number {
    const all = this.#sends.takeAll();
    for (const { to, route, payload } of all) {
      const envelope = this.#delivery.envelope(route, to.key, payload);
      const error = new StoppedError(`${envelope}: the system stopped before it was due`);
      this.#delivery.undeliverable(envelope, error);
    }
    return all.length;
  }
}
