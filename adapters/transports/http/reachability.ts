import type { Clock } from "../../../runtime/base/clock.ts";
import type { Random } from "../../../runtime/base/random.ts";
import type { TransportState } from "../../../runtime/ports/transport.ts";
import type { Peer } from "./peer.ts";

/** The pause before services that are away are greeted again, in milliseconds; it doubles. Refusals last longer. */
const pauseMsMin = 200;
const pauseMsMax = 5_000;
const refusedMs = 30_000;

/**
 * Whether services can be reached. It is so as long as one of them answers: each lane waits by itself for a service that is
 * away. If none of those that were tried does, they are greeted again and again, and nothing else is sent meanwhile. A
 * process that greets nobody is `blocked` then: its lanes go on by themselves, and no timer is left when they are empty.
 */
export class Reachability {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #peers: readonly Peer[];
  readonly #watchers = new Set<(state: TransportState) => void>();
  #state: TransportState;
  #cancel: (() => void) | undefined;
  #failures = 0;
  #closed = false;
  readonly #greets: boolean;

  /** `greets`: nothing is sent before a service has answered. */
  constructor(clock: Clock, random: Random, peers: readonly Peer[], greets: boolean) {
    this.#clock = clock;
    this.#random = random;
    this.#peers = peers;
    this.#greets = greets;
    this.#state = { status: greets && peers.length > 0 ? "connecting" : "connected" };
  }

  get state(): TransportState {
    return this.#state;
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    this.#watchers.add(onChange);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onChange) };
  }

  /** The health of a service has changed. */
  look(): void {
    if (this.#closed) return;
    const tried = this.#peers.map(({ health }) => health).filter(({ status }) => status !== "unknown");
    if (tried.length === 0) return;
    if (tried.some(({ status }) => status === "up")) {
      this.#failures = 0;
      this.#cancel?.();
      this.#cancel = undefined;
      return this.#set({ status: "connected" });
    }
    const reasons = tried.flatMap((health) => "reason" in health ? health.reason : []);
    if (!this.#greets) return this.#set({ status: "blocked", reason: reasons[0] });
    const status = tried.every(({ status }) => status === "refused") ? "refused" : "connecting";
    this.#set({ status, reason: reasons[0] });
    this.#greetLater();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#watchers.clear();
  }

  #set(state: TransportState): void {
    const { status, reason } = this.#state;
    if (status === state.status && reason === state.reason) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }

  #greetLater(): void {
    if (this.#cancel !== undefined) return;
    const pauseMs = this.#state.status === "refused"
      ? refusedMs
      : Math.min(pauseMsMin * 2 ** this.#failures++, pauseMsMax);
    this.#cancel = this.#clock.setTimer(pauseMs * (0.5 + this.#random.next() / 2), () => {
      this.#cancel = undefined;
      const away = this.#peers.filter(({ health }) => health.status !== "unknown");
      for (const peer of away) peer.greet().catch(() => {}); // its health says why
    });
  }
}
