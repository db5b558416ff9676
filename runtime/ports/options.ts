import type { Actor } from "../language/actor.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { requireDelay, requireDuration, requireInteger } from "../base/errors.ts";
import { type Log, writeLine } from "./failure_log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { SchedulerOptions } from "../scheduling/scheduler.ts";
import type { Store } from "./store.ts";

/** The bounds of a system. */
export interface Limits {
  /**
   * The most actors in memory, active or with state kept, at least 1. For one more, an actor of any protocol leaves memory
   * that has nothing to do and of which nothing is lost: its state is in a store, or it never changed the initial one, and it
   * has no schedule. If there is none, the message is refused with a {@linkcode LimitExceededError} (`too-many-actors`); one
   * that a turn sent becomes a dead letter.
   *
   * @default {1_000_000}
   */
  readonly actors?: number;
  /**
   * The most dead letters that are kept, at least 1. Past it the oldest of whatever operation has the most is let go, and
   * within it of whatever caller: what fails again and again does not push out what failed once.
   *
   * @default {1_000}
   */
  readonly deadLetters?: number;
  /**
   * The most bytes of dead letters that are kept, at least 1, of those whose size is known: what came with `bytes`, as over
   * HTTP, or is in a store. Past it they are let go in the same order.
   *
   * @default {67_108_864}
   */
  readonly deadLetterBytes?: number;
  /**
   * The most events that the log of each topic keeps in a store, at least 1. Past it the oldest is let go.
   *
   * @default {1_000}
   */
  readonly events?: number;
  /**
   * The most ids that are remembered in memory, at least 1. Past it the oldest of whoever has the most is let go: of each
   * caller, and of each actor that gives ids. Also how many expired replies are told from those that never were. In a store
   * ids are known until their window is over.
   *
   * @default {10_000}
   */
  readonly ids?: number;
  /**
   * The most bytes of answers that are remembered with their ids in memory, at least 1: of asks and surveys, estimated. Past
   * it the oldest answer of whoever has the most is let go. Its id is still known: a repeat is not handled again, and
   * rejects with an {@linkcode NotFoundError} (`expired-reply`), as it does when `replyRetentionMs` is over.
   *
   * @default {16_777_216}
   */
  readonly answerBytes?: number;
  /**
   * The most replies that are waited for or kept in memory, at least 1. For one more, the one that was collected first
   * goes; where none was collected, the submit is refused with a {@linkcode LimitExceededError} (`too-many-replies`).
   * So is that of a caller that has as many waiting to be collected as are left for all: one alone has half, and
   * another finds room.
   *
   * It does not apply where there is a store. There a reply is a row that any instance gives, as often as it is asked, until
   * `replyRetentionMs` is over: to count them each submit would have to read, and none goes by being collected. They
   * are bounded by what is submitted within `replyRetentionMs`, and by the store's own room (`store-full`).
   *
   * @default {100_000}
   */
  readonly replies?: number;
  /**
   * The most bytes of replies that are kept in memory for callers, at least 1, estimated when they come. A caller that has as
   * many as are left for all is refused (`too-many-replies`); where replies that were still to come are more than that, the
   * oldest of whoever has the most has expired. Replies to the program's own submits count by number.
   *
   * @default {67_108_864}
   */
  readonly replyBytes?: number;
}

/** What a {@linkcode System} is made of. */
export interface SystemOptions {
  /** The actors it hosts, one definition for each protocol. */
  readonly actors: readonly Actor[];
  /**
   * How long an ask waits where it does not say so itself, in milliseconds above 0; `Infinity` for ever.
   *
   * @default {5_000}
   */
  readonly askTimeoutMs?: number;
  /**
   * How long a repeated id is known, in milliseconds above 0, counted from the first; `Infinity` for ever.
   *
   * @default {86_400_000}
   */
  readonly deduplicationWindowMs?: number;
  /**
   * How long the reply of a submit is kept for collection, in milliseconds above 0, counted from the submit; with a
   * store from when it came. `Infinity` for ever, which in memory means until it was collected.
   *
   * @default {3_600_000}
   */
  readonly replyRetentionMs?: number;
  /**
   * How long a stop waits for what can still run, in milliseconds of at least 0, where it does not say so itself.
   *
   * @default {1_000}
   */
  readonly drainMs?: number;
  /**
   * Where its actors are kept. Without one everything is in memory and lost with the process; with one every actor that is
   * not `transient` is durable. The system opens it, and closes it when it stops.
   */
  readonly store?: Store;
  /** Its bounds. */
  readonly limits?: Limits;
  /**
   * Hears of failures: each dead letter, and the first failure of each message that is tried again, as a line of text
   * without control characters and as what {@linkcode System.inspect} hears. At most 20 in a second; the next line says
   * how many were left out. `false` tells nobody.
   *
   * @default {(line) => console.error(line)}
   */
  readonly log?: Log | false;
  /** How its scheduler shares the time. */
  readonly scheduler?: SchedulerOptions;
  /**
   * Its time; a virtual clock in tests.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /**
   * Its chance; a seeded one in tests.
   *
   * @default {systemRandom()}
   */
  readonly random?: Random;
}

/** The options with every default filled in. */
export interface ResolvedOptions
  extends Required<Omit<SystemOptions, "actors" | "store" | "limits" | "scheduler">> {
  readonly limits: Required<Limits>;
  readonly scheduler: Required<SchedulerOptions>;
}

/** Fills in the defaults. Throws a `RangeError` that names the option which is out of its bounds. */
export function resolveOptions(options: SystemOptions): ResolvedOptions {
  const {
    actors = 1_000_000,
    answerBytes = 16_777_216,
    deadLetterBytes = 67_108_864,
    deadLetters = 1_000,
    events = 1_000,
    ids = 10_000,
    replies = 100_000,
    replyBytes = 67_108_864,
  } = options.limits ?? {};
  const { throughput = 4_096, mailboxMs = 1, sliceMs = 1.5 } = options.scheduler ?? {};
  const durations = {
    askTimeoutMs: options.askTimeoutMs ?? 5_000,
    deduplicationWindowMs: options.deduplicationWindowMs ?? 86_400_000,
    replyRetentionMs: options.replyRetentionMs ?? 3_600_000,
  };
  const limits = { actors, answerBytes, deadLetterBytes, deadLetters, events, ids, replies, replyBytes };
  for (const [name, value] of Object.entries(limits)) requireInteger(`limits.${name}`, value, 1);
  for (
    const [name, value] of Object.entries({
      ...durations,
      "scheduler.mailboxMs": mailboxMs,
      "scheduler.sliceMs": sliceMs,
    })
  ) {
    requireDuration(name, value);
  }
  requireInteger("scheduler.throughput", throughput, 1);
  const drainMs = options.drainMs ?? 1_000;
  requireDelay("drainMs", drainMs);
  return {
    ...durations,
    drainMs,
    limits,
    scheduler: { throughput, mailboxMs, sliceMs },
    clock: options.clock ?? systemClock(),
    random: options.random ?? systemRandom(),
    log: options.log ?? writeLine,
  };
}
