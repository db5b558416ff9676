import type { ActorId } from "./language/address.ts";
import { turnRoom } from "./activations/memory_host.ts";
import { LimitExceededError } from "./base/errors.ts";
import { Route } from "./messages/envelope.ts";
import { keptReplyOf } from "./messages/kept_reply.ts";
import type { Outgoing } from "./messages/outbox.ts";
import { shownName } from "./messages/shown_name.ts";
import type { ResolvedOptions } from "./ports/options.ts";
import type { Timer, Timers } from "./scheduling/timers.ts";

/** A message that waits, and its size. */
interface Waiting extends Outgoing {
  timer: Timer;
  readonly bytes: number;
  /** Its number among all that waited. */
  readonly number: number;
}

/** Whom the messages are sent to when they are due. */
export interface DelayedReceivers {
  /** Whether there is no room for a message now: then it waits for longer. */
  isFull(to: ActorId, route: Route): boolean;
  send(to: ActorId, route: Route, payload: unknown): void;
}

/** When a message that found no room looks again. */
const fullRetryMs = 1_000;

/**
 * The messages that wait in memory until they are due. One bound holds for all of them, and callers share it as they
 * share the replies: no caller may have more than are left free.
 */
export class DelayedSends {
  readonly #bounds: ResolvedOptions["limits"];
  readonly #timers: Timers;
  readonly #receivers: DelayedReceivers;
  readonly #waiting = new Set<Waiting>();
  /** The requests among them, by the keys of their replies. */
  readonly #requests = new Map<string, Waiting>();
  readonly #callers = new Map<string, number>();
  #bytes = 0;
  #last = 0;

  constructor(bounds: ResolvedOptions["limits"], timers: Timers, receivers: DelayedReceivers) {
    this.#bounds = bounds;
    this.#timers = timers;
    this.#receivers = receivers;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Those that wait, each with its number. */
  waiting(): Iterable<Outgoing & { readonly number: number }> {
    return this.#waiting;
  }

  /** Holds a message until it is due. Throws a `LimitExceededError` if there is no room: turns have more than others. */
  hold({ protocol, key }: ActorId, route: Route, payload: unknown, origin: "outside" | "turn"): void {
    const { delay, bytes = 0, caller } = route.extras!;
    const why = this.#full(bytes, caller, origin === "turn" ? turnRoom : 1);
    if (why !== undefined) {
      throw new LimitExceededError(
        "too-many-delayed",
        `Cannot delay ${shownName(route.operation, key)}: ${why}`,
      );
    }
    const waiting: Waiting = {
      to: { protocol, key },
      route,
      payload,
      timer: this.#timers.set(delay!.delayMs, () => this.#due(waiting)),
      bytes,
      number: ++this.#last,
    };
    this.#waiting.add(waiting);
    const replyKey = keptReplyOf(route.replyTo);
    if (replyKey !== undefined) this.#requests.set(replyKey, waiting);
    this.#bytes += bytes;
    if (caller !== undefined) this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1);
  }

  /** Takes back the request whose reply is kept under that key. Returns it, if it still waits. */
  take(replyKey: string): Outgoing | undefined {
    const waiting = this.#requests.get(replyKey);
    if (waiting === undefined) return undefined;
    this.#remove(waiting);
    return { ...waiting, route: dueRoute(waiting.route) };
  }

  /** Removes and returns all of them, because the system has stopped. */
  takeAll(): Outgoing[] {
    const all = [...this.#waiting];
    for (const waiting of all) this.#remove(waiting);
    return all.map((waiting) => ({ ...waiting, route: dueRoute(waiting.route) }));
  }

  #due(waiting: Waiting): void {
    const { to, route, payload } = waiting;
    if (this.#receivers.isFull(to, route)) {
      waiting.timer = this.#timers.set(fullRetryMs, () => this.#due(waiting));
      return;
    }
    this.#remove(waiting);
    this.#receivers.send(to, dueRoute(route), payload);
  }

  #remove(waiting: Waiting): void {
    waiting.timer.cancel();
    this.#waiting.delete(waiting);
    const replyKey = keptReplyOf(waiting.route.replyTo);
    if (replyKey !== undefined) this.#requests.delete(replyKey);
    this.#bytes -= waiting.bytes;
    const { caller } = waiting.route.extras!;
    if (caller === undefined) return;
    const left = this.#callers.get(caller)! - 1;
    if (left === 0) this.#callers.delete(caller);
    else this.#callers.set(caller, left);
  }

  #full(bytes: number, caller: string | undefined, room: number): string | undefined {
    const { size } = this;
    const most = this.#bounds.delayed * room;
    const bytesMost = this.#bounds.delayedBytes * room;
    if (size >= most) return `${size} of ${most} delayed messages wait`;
    if (size > 0 && this.#bytes + bytes > bytesMost) {
      return `the delayed messages that wait take ${this.#bytes} of ${bytesMost} bytes`;
    }
    const own = caller === undefined ? 0 : this.#callers.get(caller) ?? 0;
    if (own < most - size) return undefined;
    return `${own} of ${most} delayed messages of its caller wait, and ${most - size} are left for all`;
  }
}

/** The route of a message that is due: it was recognised as no repeat when it was accepted. */
function dueRoute({ operation, causationId, correlationId, replyTo, deadline, extras }: Route): Route {
  const rest = { ...extras, delay: undefined, scope: undefined, acceptedScope: extras?.scope };
  return new Route(operation, causationId, correlationId, replyTo, deadline, rest);
}
