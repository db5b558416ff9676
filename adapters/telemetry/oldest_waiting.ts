import type { Clock } from "../../runtime/base/clock.ts";
import { PosthornError } from "../../runtime/base/errors.ts";
import { within } from "../../runtime/base/within.ts";
import type { Observation } from "../../runtime/ports/observation.ts";
import type { Family, Labels } from "./exposition.ts";

/** How long an answer is good: whoever reads the metrics more often gets it again. */
const goodMs = 10_000;
/** How long the metrics wait for it: they are read most when the store is slow. */
const waitMs = 2_000;
/** How many protocols are looked at, and how many messages of each. */
const question = { limit: 200, countMax: 1_000 };

type Sample = readonly [Labels, number];

/** Asks how long the oldest message of each protocol has waited in the store, for whichever instance. */
export class OldestWaiting {
  readonly #observe: Pick<Observation, "protocols">;
  readonly #clock: Clock;
  #asked: Promise<readonly Sample[]> | undefined;
  #askedMs = 0;

  constructor(observe: Pick<Observation, "protocols">, clock: Clock) {
    this.#observe = observe;
    this.#clock = clock;
  }

  /** The answer as a metric; none if the store does not give it in time. */
  async families(): Promise<readonly Family[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#asked === undefined || nowMs - this.#askedMs >= goodMs) {
      this.#askedMs = nowMs;
      this.#asked = this.#ask();
    }
    const asked = this.#asked;
    if (!await within(this.#clock, waitMs, asked)) return [];
    const help = "How long the oldest message in the store has waited";
    return [{ type: "gauge", name: "oldest_waiting_seconds", help, samples: await asked }];
  }

  async #ask(): Promise<readonly Sample[]> {
    try {
      const { items } = await this.#observe.protocols(question);
      const nowMs = this.#clock.now();
      return items.flatMap(({ protocol, waiting, oldestMs }): Sample[] => {
        if (oldestMs === undefined && waiting.count > 0) return []; // of messages in memory nobody knows it
        return [[{ protocol }, Math.max(0, nowMs - (oldestMs ?? nowMs)) / 1_000]];
      });
    } catch (error) {
      if (error instanceof PosthornError) return []; // the status of the system, or of its store, says it
      throw error;
    }
  }
}
