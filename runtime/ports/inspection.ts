import { type OptionNames, requireKnownOptions } from "../base/option_names.ts";
import { isThenable } from "../base/thenable.ts";
import type { ActorId } from "../language/address.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { Mode } from "../language/protocol.ts";

/**
 * A message in an inspection event. `id`, `causationId` and `correlationId` are made when they are read: read them from the
 * message itself, not from a copy that `{ ...message }` makes. `JSON.stringify` has all.
 */
export interface InspectedMessage extends ActorId {
  /** The name of its operation. */
  readonly operation: string;
  /** The mode of its operation. A publication is a `tell` to a built-in actor. */
  readonly mode: Mode;
  /** The id of the message. */
  readonly id: string;
  /** The id of the message whose turn sent this one. */
  readonly causationId: string | undefined;
  /**
   * The id of the first message in the chain of messages that led to this one. For a function that hears an event with a
   * store it is the id of the publication: the log of events keeps no other.
   */
  readonly correlationId: string;
  /** The number of attempts that have started. */
  readonly attempts: number;
  /** The headers that its sender added. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /**
   * When it was accepted, in milliseconds since 1970. With a store it is the time of its position, which the instance gave
   * that accepted it. In memory it is `undefined` if nobody was told that the message was accepted.
   */
  readonly acceptedMs: number | undefined;
  /**
   * How many messages of its protocol it stands for: 1, unless the listener hears of a sample (see
   * {@linkcode InspectOptions.sampled}).
   */
  readonly stands: number;
}

/**
 * An event in the life of a system. Every accepted message ends as `done`, `dead` or `cancelled`.
 *
 * - `accepted`: the message is in a mailbox, reported by the instance that put it there; with a store it may
 *   be reported just after `started`, because a committed message is visible before its sender is notified. If the instance
 *   that put it there has ended, or a transaction of a user did, the instance that first finds it reports it: so after a
 *   crash two instances may.
 *   `started`: its turn starts, `waitedMs` after it was accepted, also if it was tried before.
 *   `done`: its turn has committed.
 * - `failed`: its turn failed and committed nothing. `retrying`: it will be retried after `afterMs`.
 * - `dead`: the message became a dead letter. `cancelled`: whoever submitted it took it back; a turn of it that runs ends
 *   without a further event.
 * - `tookMs` of `done`, `failed`, `retrying` and `cancelled` is how long its handler took; until it was taken back, if it
 *   runs. It is absent if no turn ran, or if nobody was told that it began.
 * - Both durations are of the monotonic clock, with a part of a millisecond. Only if another process, or the process before
 *   a restart, accepted the message, `waitedMs` compares the clocks of the two, and is never below 0. In memory it is absent
 *   if nobody listened when the message was accepted.
 * - `committed`: the store has answered a commit, which took `tookMs` with its repeats and had so many `parts`: turns,
 *   messages that were accepted, and work of the runtime. Not every part need have taken effect.
 * - `activated`, `passivated`, `restarted`, `stopped`, `erased`: the life cycle of an actor.
 * - `escalated`: a failure that stops the system.
 * - `callback-failed`: a function passed to the system threw, or its promise rejected: an `inspect` listener,
 *   which is then removed; an interceptor of a send, after the message was sent; the `watch` of an event log; a listener
 *   of a turn's `signal`; the option `onWakeAt`. Also if the signal to `erase` a durable actor cannot be carried out.
 * - `unreadable`: a row of the store that belongs to no message in a mailbox cannot be read and was skipped:
 *   an event, a subscription, a schedule, a reply to a survey, or a dead letter.
 * - `transport-failed`: the transport failed in a way that no call reports: a batch that is sent again, one that this
 *   service could not take, a channel that cannot be read. Of several failures in a row of one destination, and of
 *   several for the same reason in one channel, only the first is reported.
 */
export type Inspection =
  | { readonly type: "accepted"; readonly message: InspectedMessage }
  | {
    readonly type: "started";
    readonly message: InspectedMessage;
    readonly waitedMs?: number | undefined;
  }
  | {
    readonly type: "done" | "cancelled";
    readonly message: InspectedMessage;
    readonly tookMs?: number | undefined;
  }
  | {
    readonly type: "failed";
    readonly message: InspectedMessage;
    readonly error: unknown;
    readonly tookMs?: number | undefined;
  }
  | {
    readonly type: "retrying";
    readonly message: InspectedMessage;
    readonly afterMs: number;
    readonly tookMs?: number | undefined;
  }
  | { readonly type: "dead"; readonly letter: DeadLetter }
  | { readonly type: "committed"; readonly tookMs: number; readonly parts: number }
  | {
    readonly type: "activated" | "passivated" | "restarted" | "stopped" | "erased";
    readonly actor: ActorId;
  }
  | { readonly type: "escalated"; readonly actor: ActorId; readonly error: unknown }
  | {
    readonly type: "callback-failed";
    readonly callback: "inspect" | "intercept" | "watch" | "signal" | "erase" | "onWakeAt";
    readonly error: unknown;
  }
  | { readonly type: "unreadable"; readonly row: string; readonly error: unknown }
  | { readonly type: "transport-failed"; readonly transport: string; readonly error: unknown };

/** The kind of a callback that failed. */
export type Callback = Extract<Inspection, { type: "callback-failed" }>["callback"];

/** An event in the life of a message. */
export type MessageInspection = Extract<Inspection, { readonly message: InspectedMessage }>;

/**
 * Called for each event of a system, synchronously within the runtime's own work: it must be fast and must
 * not throw. A listener that throws is removed; the other listeners and the log are notified.
 */
export type Inspector = (event: Inspection) => void;

/** Options of {@linkcode System.inspect}. */
export interface InspectOptions {
  /**
   * Whether the listener hears `accepted`, `started` and `done` of a sample only: of at most so many messages a second in
   * this process, from 1 to 1,000; `true` is 1,000. So it costs next to nothing, however much the system does. All other
   * events it hears in full, without `tookMs` if the message is not of the sample. Listeners share one sample, the largest
   * that one of them wants. Each message of it says in `stands` how many messages of its protocol it stands for: all that
   * were accepted since the one before it. The sum of `stands` over `accepted` is the number of messages, up to the latest
   * one of the sample.
   *
   * In memory a message of the sample is heard of from its acceptance to its end. With a store nothing is kept of a message
   * that is read again: whose actor was not in memory when it was accepted, that another process accepted, or that is tried
   * again. Its turn is drawn anew, and stands for such turns alone: so of some messages only the acceptance is heard, and of
   * others only a turn.
   *
   * @default {false}
   */
  readonly sampled?: boolean | number;
}

const optionNames: OptionNames<InspectOptions> = { sampled: true };

/** The most messages a second in a sample. */
const sampledMax = 1_000;

interface Listener {
  readonly inspector: Inspector;
  /** How many messages a second it hears of; Infinity for all. */
  readonly perSecond: number;
  /** Whether it still listens. */
  listens: boolean;
}

/** The inspection port: the listeners of a system. */
export class Inspectors {
  /** The listeners, those of every message first. Replaced, never changed: one may be added or removed during an event. */
  #listeners: readonly Listener[] = [];
  /** Whether there is no listener. The runtime then builds no inspection events. */
  unobserved = true;
  /** Whether a listener hears of every message. */
  everything = false;
  /** Whether a listener hears of a sample. */
  sampling = false;
  /** How far apart the messages of the sample are at least. */
  sampledEveryMs = 0;
  readonly #onChange: (unobserved: boolean) => void;
  readonly #onFailure: (error: unknown) => void;

  /**
   * Calls `onChange` with `unobserved` when listeners are added or removed, `onFailure` when a listener threw
   * and was removed.
   */
  constructor(onChange: (unobserved: boolean) => void, onFailure: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  /**
   * Throws a `RangeError` if a sample is too large, or empty, and a `TypeError` if the listener is no function or an option
   * does not exist.
   */
  add(inspector: Inspector, options: InspectOptions = {}): Disposable {
    if (typeof inspector !== "function") {
      throw new TypeError(`Cannot inspect: the listener is no function, but of type ${typeof inspector}`);
    }
    requireKnownOptions("inspect", options, optionNames);
    const { sampled = false } = options;
    const perSecond = sampled === true ? sampledMax : sampled === false ? Infinity : sampled;
    const isSize = typeof perSecond === "number" && perSecond >= 1 && perSecond <= sampledMax;
    if (sampled !== false && !isSize) throw outOfRange(sampled);
    const listener: Listener = { inspector, perSecond, listens: true }; // the same function can be added twice
    this.#set(isSampled(listener) ? [...this.#listeners, listener] : [listener, ...this.#listeners]);
    return { [Symbol.dispose]: () => this.#remove(listener) };
  }

  /** Tells all listeners. */
  emit(event: Inspection): void {
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** Tells the listeners of every message. */
  emitEach(event: MessageInspection): void {
    for (const listener of this.#listeners) {
      if (isSampled(listener)) return;
      this.#tell(listener, event);
    }
  }

  /** Tells the listeners of a sample. */
  emitSampled(event: MessageInspection): void {
    for (const listener of this.#listeners) if (isSampled(listener)) this.#tell(listener, event);
  }

  #tell(listener: Listener, event: Inspection): void {
    if (!listener.listens) return;
    try {
      const result: unknown = listener.inspector(event);
      if (isThenable(result)) {
        Promise.resolve(result).then(undefined, (error) => this.#failed(listener, error));
      }
    } catch (error) {
      this.#failed(listener, error);
    }
  }

  #failed(listener: Listener, error: unknown): void {
    if (!listener.listens) return; // it failed and was removed before
    this.#remove(listener);
    this.#onFailure(error);
  }

  #remove(listener: Listener): void {
    listener.listens = false;
    this.#set(this.#listeners.filter((one) => one !== listener));
  }

  #set(listeners: readonly Listener[]): void {
    this.#listeners = listeners;
    const sampled = listeners.filter(isSampled);
    this.everything = sampled.length < listeners.length;
    this.sampling = sampled.length > 0;
    this.sampledEveryMs = 1_000 / Math.max(1, ...sampled.map(({ perSecond }) => perSecond));
    this.#onChange(this.unobserved = listeners.length === 0);
  }
}

function isSampled({ perSecond }: Listener): boolean {
  return perSecond <= sampledMax;
}

function outOfRange(sampled: unknown): RangeError {
  const value = typeof sampled === "number" ? sampled : `of type ${typeof sampled}`;
  return new RangeError(`Cannot use sampled: it must be true, or from 1 to ${sampledMax}, and is ${value}`);
}
