import type { Actor } from "../language/actor.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { requireDelay, requireDuration, requireInteger } from "../base/require.ts";
import { type Interceptor, requireInterceptors } from "./interceptor.ts";
import { type Log, writeLine } from "./failure_log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { SchedulerOptions } from "../scheduling/scheduler.ts";
import type { NamedProtocol, Operation } from "../language/protocol.ts";
import type { Store } from "./store.ts";
import type { Transport } from "./transport.ts";

/** The limits of a system. */
export interface Limits {
  /**
   * The maximum number of actors in memory that are active or whose state is kept, at least 1. One more
   * evicts an idle actor of any protocol that loses nothing: its state is in a store or was never changed
   * from the initial one, and it has no schedule. If there is none, the message is refused with a
   * {@linkcode LimitExceededError} (`too-many-actors`); if a turn sent it, it becomes a dead letter.
   *
   * @default {1_000_000}
   */
  readonly actors?: number;
  /**
   * The maximum number of dead letters that are kept, at least 1. One more evicts the oldest one of the
   * operation that has the most, and within it of the caller that has the most. So a message that fails again
   * and again does not evict one that failed once.
   *
   * @default {1_000}
   */
  readonly deadLetters?: number;
  /**
   * The maximum number of bytes of dead letters that are kept, at least 1. Only those of known size count:
   * those sent with `bytes`, as over HTTP, and those in a store. Dead letters are evicted in the same order.
   *
   * @default {67_108_864}
   */
  readonly deadLetterBytes?: number;
  /**
   * The maximum number of delayed messages that wait until they are due, at least 1: in memory in one process, in a store
   * about. One more from outside a turn is refused with a {@linkcode LimitExceededError} (`too-many-delayed`). In memory
   * it is also refused if its caller has as many as there is room left. Ten times as many messages of turns may wait; one
   * more becomes a dead letter (`too-many-delayed`).
   *
   * @default {100_000}
   */
  readonly delayed?: number;
  /**
   * The maximum number of bytes of delayed messages, at least 1, with the same answers. In memory only those of known
   * size count: those sent with `bytes`, as over HTTP.
   *
   * @default {67_108_864}
   */
  readonly delayedBytes?: number;
  /**
   * The maximum number of events in the log of each topic in a store, at least 1. One more evicts the oldest.
   *
   * @default {1_000}
   */
  readonly events?: number;
  /**
   * The maximum number of message ids remembered for deduplication in memory, at least 1. One more evicts the
   * oldest id of the caller, or of the actor that sets ids, that has the most. It is also the number of
   * expired replies that can be told from unknown ones. In a store, ids are kept until
   * `deduplicationWindowMs` is over.
   *
   * @default {10_000}
   */
  readonly ids?: number;
  /**
   * The maximum number of bytes (estimated) of replies to asks and surveys that are remembered with their ids
   * in memory, at least 1. More evict the oldest reply of the caller that has the most. Its id is still
   * remembered: a repeat is not handled again and rejects with a {@linkcode NotFoundError} (`expired-reply`),
   * as it does when `replyRetentionMs` is over.
   *
   * @default {16_777_216}
   */
  readonly answerBytes?: number;
  /**
   * The maximum number of replies to submits that are pending or kept in memory, at least 1. One more evicts
   * the reply that was collected first; if none was collected, the submit is refused with a
   * {@linkcode LimitExceededError} (`too-many-replies`). A submit is also refused if its caller has as many
   * uncollected replies as there is room left: so a single caller can take half of the room, and another
   * caller still finds some.
   *
   * It does not apply with a store. There a reply is a row, which every instance can read repeatedly until
   * `replyRetentionMs` is over; counting the rows would cost each submit a read, and collecting a reply does
   * not remove it. Such replies are bounded by the number of submits within `replyRetentionMs`, and by the
   * capacity of the store (`store-full`).
   *
   * @default {100_000}
   */
  readonly replies?: number;
  /**
   * The maximum number of bytes (estimated) of replies that are kept in memory for callers, at least 1. A
   * submit is refused (`too-many-replies`) if its caller has as many bytes as there is room left; if pending
   * replies turn out larger than the room, the oldest reply of the caller that has the most expires. Replies
   * to submits of the program itself count by number only.
   *
   * @default {67_108_864}
   */
  readonly replyBytes?: number;
  /**
   * The maximum number of messages in a store that wait to be sent to one destination in another service (the actors of
   * a protocol, or an event), at least 1. One more from outside a turn is refused with a {@linkcode LimitExceededError}
   * (`outbox-full`). Ten times as many messages of turns may wait; one more becomes a dead letter (`outbox-full`).
   *
   * @default {10_000}
   */
  readonly outbox?: number;
  /**
   * The maximum number of bytes of such messages, at least 1, with the same answers.
   *
   * @default {67_108_864}
   */
  readonly outboxBytes?: number;
}

/** Options of a {@linkcode System}. */
export interface SystemOptions {
  /** The actors that the system hosts: one definition for each protocol. */
  readonly actors: readonly Actor[];
  /**
   * The default timeout of an ask, in milliseconds above 0; `Infinity` for none.
   *
   * @default {5_000}
   */
  readonly askTimeoutMs?: number;
  /**
   * How long a message id is remembered, in milliseconds above 0, counted from its first message: a repeat
   * within this window is answered as the first was. `Infinity` for no end.
   *
   * @default {86_400_000}
   */
  readonly deduplicationWindowMs?: number;
  /**
   * How long the reply of a submit is kept for collection, in milliseconds above 0, counted from the reply.
   * `Infinity` for no end; in memory the reply is then kept until it is collected.
   *
   * @default {3_600_000}
   */
  readonly replyRetentionMs?: number;
  /**
   * How long a request may take that is answered later, in milliseconds above 0, if its handler does not say it
   * with the `timeoutMs` of `ctx.later()`. `Infinity` for no end. A reply that has not come is awaited for as
   * long, and at least for `replyRetentionMs`: also one that another service gives.
   *
   * @default {604_800_000}
   */
  readonly laterMs?: number;
  /**
   * The default of how long a stop waits for messages that can still run, in milliseconds of at least 0.
   *
   * @default {1_000}
   */
  readonly drainMs?: number;
  /**
   * The store that keeps the actors. Without a store everything is in memory and lost with the process; with
   * one every actor that is not `transient` is durable. The system opens the store, and closes it when it
   * stops.
   */
  readonly store?: Store;
  /**
   * The name of this service, which all its processes share: 1 to 64 characters of `[a-z0-9-]`, of which the first is a
   * letter. Required with a transport.
   */
  readonly name?: string;
  /**
   * The transport to other services, with what they may send to, ask and hear. The system opens it, and closes it when
   * it stops.
   */
  readonly transport?: Transport;
  /**
   * What other services host: protocols, or single operations. Handles reach their actors, and subscribers here get
   * their events and surveys. Requires a transport. An event or survey whose payload is `unchecked` is refused: what comes
   * from outside must be validated.
   *
   * @default {[]}
   */
  readonly remote?: readonly (NamedProtocol<string> | Operation)[];
  /**
   * Protocols whose actors other processes on the same store host: handles reach them in every mode, and this process runs
   * none of their turns. So a front can consist of peers alone (`actors: []`), and front and workers scale apart. An ask of
   * a peer is put into the store, and its reply comes through the store too. Requires a store. A protocol is in one of
   * `actors`, `peers` and `remote`. If a peer turns out to be transient where it is hosted, what is sent to it is refused
   * there (`transient-peer`).
   *
   * @default {[]}
   */
  readonly peers?: readonly NamedProtocol<string>[];
  /**
   * Called with the time (milliseconds since 1970) at which this process must run again for what waits in the store: the
   * next schedule, retry or message, also if the process ends before. `undefined`: nothing waits. It is called when the time
   * becomes earlier, when it has passed, and when nothing waits any more, and before the commit that makes it necessary.
   * Whoever is called has the process started at that time, by a scheduler of the platform, and calls `system.sweep()` there.
   * A time that is too early only costs a look. What it throws is reported as `callback-failed`.
   *
   * Not needed with `durableObject`, which sets the alarm of its object. Has no effect without a store.
   */
  readonly onWakeAt?: (atMs: number | undefined) => void;
  /**
   * Code around every turn and every send, the first outermost: for tracing, say.
   *
   * @default {[]}
   */
  readonly intercept?: readonly Interceptor[];
  /** The limits of the system. */
  readonly limits?: Limits;
  /**
   * Called for each dead letter, and for the first failure of each message that will be retried: with a line
   * of text without control characters, and with the event as {@linkcode System.inspect} reports it. At most
   * 20 calls in a second; the next line says how many were left out. `false` disables the log.
   *
   * @default {(line) => console.error(line)}
   */
  readonly log?: Log | false;
  /** How the scheduler divides the time between mailboxes. */
  readonly scheduler?: SchedulerOptions;
  /**
   * The source of time. Use a virtual clock in tests.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock;
  /**
   * The source of randomness. Use a seeded one in tests.
   *
   * @default {systemRandom()}
   */
  readonly random?: Random;
}

const systemNames: OptionNames<SystemOptions> = {
  actors: true,
  askTimeoutMs: true,
  clock: true,
  deduplicationWindowMs: true,
  drainMs: true,
  intercept: true,
  laterMs: true,
  limits: true,
  log: true,
  name: true,
  onWakeAt: true,
  peers: true,
  random: true,
  remote: true,
  replyRetentionMs: true,
  scheduler: true,
  store: true,
  transport: true,
};

const limitNames: OptionNames<Limits> = {
  actors: true,
  answerBytes: true,
  deadLetterBytes: true,
  deadLetters: true,
  delayed: true,
  delayedBytes: true,
  events: true,
  ids: true,
  outbox: true,
  outboxBytes: true,
  replies: true,
  replyBytes: true,
};

const schedulerNames: OptionNames<SchedulerOptions> = {
  mailboxMs: true,
  sliceMs: true,
  throughput: true,
};

/** The options with all defaults applied. */
export interface ResolvedOptions extends
  Required<
    Omit<
      SystemOptions,
      | "actors"
      | "store"
      | "intercept"
      | "limits"
      | "scheduler"
      | "name"
      | "transport"
      | "remote"
      | "peers"
      | "onWakeAt"
    >
  > {
  readonly onWakeAt: SystemOptions["onWakeAt"];
  readonly limits: Required<Limits>;
  readonly scheduler: Required<SchedulerOptions>;
}

/**
 * Applies the defaults. Throws a `TypeError` that names an option that does not exist, and a `RangeError` that names the
 * option that is out of its bounds.
 */
export function resolveOptions(options: SystemOptions): ResolvedOptions {
  requireKnownOptions("System", options, systemNames);
  requireActors(options.actors);
  requireInterceptors(options.intercept);
  requireKnownOptions("System", options.limits, limitNames, "limits");
  requireKnownOptions("System", options.scheduler, schedulerNames, "scheduler");
  const {
    actors = 1_000_000,
    answerBytes = 16_777_216,
    deadLetterBytes = 67_108_864,
    deadLetters = 1_000,
    delayed = 100_000,
    delayedBytes = 67_108_864,
    events = 1_000,
    ids = 10_000,
    outbox = 10_000,
    outboxBytes = 67_108_864,
    replies = 100_000,
    replyBytes = 67_108_864,
  } = options.limits ?? {};
  const { throughput = 4_096, mailboxMs = 1, sliceMs = 1.5 } = options.scheduler ?? {};
  const durations = {
    askTimeoutMs: options.askTimeoutMs ?? 5_000,
    deduplicationWindowMs: options.deduplicationWindowMs ?? 86_400_000,
    replyRetentionMs: options.replyRetentionMs ?? 3_600_000,
    laterMs: options.laterMs ?? 604_800_000,
  };
  const limits = {
    actors,
    answerBytes,
    deadLetterBytes,
    deadLetters,
    delayed,
    delayedBytes,
    events,
    ids,
    outbox,
    outboxBytes,
    replies,
    replyBytes,
  };
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
    onWakeAt: options.onWakeAt,
  };
}

/** Throws a `TypeError` unless it is a list of actors. For programs that no compiler has checked. */
function requireActors(actors: readonly Partial<Actor>[]): void {
  if (!Array.isArray(actors)) {
    throw new TypeError("Cannot start the system: `actors` must be a list of actors, for example []");
  }
  const at = actors.findIndex((actor) => !Array.isArray(actor?.handlers));
  if (at < 0) return;
  const remedy = "make one with actor(protocol, { state, on })";
  throw new TypeError(`Cannot start the system: actors[${at}] is no actor: ${remedy}`);
}
