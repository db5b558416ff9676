import type { Clock } from "../base/clock.ts";
import { StoppedError } from "../base/errors.ts";
import type { Tenure } from "../ports/transport.ts";

/** How long a batch waits for a mailbox or for the store before its tenure ends, and how often it looks. */
const patienceMs = 60_000;
const lookMsMin = 50;
const lookMsMax = 1_000;

/**
 * Waits with a batch that cannot be accepted at present. Nothing behind it is accepted meanwhile, so the order is kept. A
 * broker does not wait for ever: then the tenure ends, and the batch comes again.
 */
export class Patience {
  readonly #clock: Clock;
  readonly #tenure: Tenure;
  readonly #stopping: AbortSignal;
  #sinceMs: number | undefined = undefined;
  #pauseMs = lookMsMin;

  constructor(clock: Clock, tenure: Tenure, stopping: AbortSignal) {
    this.#clock = clock;
    this.#tenure = tenure;
    this.#stopping = stopping;
  }

  /** Throws if the tenure has ended or the system stops. */
  requireTenure(): void {
    if (this.#stopping.aborted) {
      throw new StoppedError(`Cannot accept from ${this.#tenure.shard}: the system stops`);
    }
    this.#tenure.signal.throwIfAborted();
  }

  /** Some of the batch was accepted: the time begins anew. */
  advanced(): void {
    this.#sinceMs = undefined;
    this.#pauseMs = lookMsMin;
  }

  /** Waits for a moment. Throws `why` if it has waited for too long; throws as well if the tenure ends meanwhile. */
  async wait(why: () => unknown): Promise<void> {
    this.requireTenure();
    const nowMs = this.#clock.monotonicMs();
    this.#sinceMs ??= nowMs;
    const leftMs = this.#sinceMs + patienceMs - nowMs;
    if (leftMs <= 0) throw why();
    const pauseMs = Math.min(this.#pauseMs, leftMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, lookMsMax);
    await this.#pause(pauseMs);
    this.requireTenure();
  }

  /** Waits for something, at most until the tenure ends or the system stops: then it throws. */
  async until(promise: Promise<unknown>): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const signals = [this.#tenure.signal, this.#stopping];
    const over = () => resolve();
    for (const signal of signals) signal.addEventListener("abort", over);
    try {
      this.requireTenure();
      await Promise.race([promise, ended]);
    } finally {
      for (const signal of signals) signal.removeEventListener("abort", over);
    }
    this.requireTenure();
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.setTimer(ms, resolve);
    try {
      await this.until(promise);
    } finally {
      cancel();
    }
  }
}
