import type { Clock } from "../base/clock.ts";
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

  /** Throws if the tenure has ended. */
  requireTenure(): void {
    this.#tenure.signal.throwIfAborted();
  }

  /** Some of the batch was accepted: the time begins anew. */
  advanced(): void {
    this.#sinceMs = undefined;
    this.#pauseMs = lookMsMin;
  }

  /**
   * Waits for a moment. Throws `why` if it has waited for too long; throws as well if the tenure ends meanwhile, or the
   * system stops: then nothing would change.
   */
  async wait(why: () => unknown): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    this.#sinceMs ??= nowMs;
    const leftMs = this.#sinceMs + patienceMs - nowMs;
    if (leftMs <= 0) throw why();
    const { promise, resolve } = Promise.withResolvers<void>();
    const pauseMs = Math.min(this.#pauseMs, leftMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, lookMsMax);
    const cancel = this.#clock.setTimer(pauseMs, resolve);
    try {
      await until(promise, [this.#tenure.signal, this.#stopping]);
    } finally {
      cancel();
    }
  }

  /** Waits for the end of turns, at most until the tenure ends: then it throws. A stop lets them end. */
  async turns(ends: Promise<unknown>): Promise<void> {
    await until(ends, [this.#tenure.signal]);
  }
}

/** Waits for a promise. Throws the reason of the first signal that is aborted before it settles. */
async function until(promise: Promise<unknown>, signals: readonly AbortSignal[]): Promise<void> {
  promise.catch(() => {}); // whoever waits for it may have been told of a signal instead
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const over = () => resolve();
  for (const signal of signals) signal.addEventListener("abort", over);
  try {
    for (const signal of signals) signal.throwIfAborted();
    await Promise.race([promise, aborted]);
    for (const signal of signals) signal.throwIfAborted();
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", over);
  }
}
