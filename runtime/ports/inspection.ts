import type { ActorId } from "../language/address.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { Envelope, MessageId } from "../messages/envelope.ts";
import { callGuarded } from "../base/call_guarded.ts";

/** A message in an inspection event. */
export interface InspectedMessage extends ActorId {
  /** The name of its operation. */
  readonly operation: string;
  /** The id of the message. */
  readonly id: string;
  /** The id of the message whose turn sent this one. */
  readonly causationId: string | undefined;
  /** The id of the first message in the chain of messages that led to this one. */
  readonly correlationId: string;
  /** The number of attempts that have started. */
  readonly attempts: number;
  /** The headers that its sender added. */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * An event in the life of a system. Every accepted message ends as `done`, `dead` or `cancelled`.
 *
 * - `accepted`: the message is in a mailbox, reported by the instance that put it there; with a store it may
 *   be reported just after `started`, because a committed message is visible before its sender is notified.
 *   `started`: its turn starts. `done`: its turn has committed.
 * - `failed`: its turn failed and committed nothing. `retrying`: it will be retried after `afterMs`.
 * - `dead`: the message became a dead letter. `cancelled`: whoever submitted it took it back; a turn of it that runs ends
 *   without a further event.
 * - `committed`: the store has answered a commit, which took `tookMs` with its repeats and had so many `parts`: turns,
 *   messages that were accepted, and work of the runtime. Not every part need have taken effect.
 * - `activated`, `passivated`, `restarted`, `stopped`, `erased`: the life cycle of an actor.
 * - `escalated`: a failure that stops the system.
 * - `callback-failed`: a function passed to the system threw, or its promise rejected: an `inspect` listener,
 *   which is then removed; the `watch` of an event log; a listener of a turn's `signal`; the option `onWakeAt`. Also if the `signal` to erase a
 *   durable actor cannot be carried out.
 * - `unreadable`: a row of the store that belongs to no message in a mailbox cannot be read and was skipped:
 *   an event, a subscription, a schedule, a reply to a survey, or a dead letter.
 * - `transport-failed`: the transport failed in a way that no call reports: a batch that is sent again, one that this
 *   service could not take, a channel that cannot be read. Of several failures in a row of one destination, and of
 *   several for the same reason in one channel, only the first is reported.
 */
export type Inspection =
  | { readonly type: "accepted" | "started" | "done" | "cancelled"; readonly message: InspectedMessage }
  | { readonly type: "failed"; readonly message: InspectedMessage; readonly error: unknown }
  | { readonly type: "retrying"; readonly message: InspectedMessage; readonly afterMs: number }
  | { readonly type: "dead"; readonly letter: DeadLetter }
  | { readonly type: "committed"; readonly tookMs: number; readonly parts: number }
  | {
    readonly type: "activated" | "passivated" | "restarted" | "stopped" | "erased";
    readonly actor: ActorId;
  }
  | { readonly type: "escalated"; readonly actor: ActorId; readonly error: unknown }
  | {
    readonly type: "callback-failed";
    readonly callback: "inspect" | "watch" | "signal" | "onWakeAt";
    readonly error: unknown;
  }
  | { readonly type: "unreadable"; readonly row: string; readonly error: unknown }
  | { readonly type: "transport-failed"; readonly transport: string; readonly error: unknown };

/** The kind of a callback that failed. */
export type Callback = Extract<Inspection, { type: "callback-failed" }>["callback"];

/** An event in the life of a message, without the message. */
export type MessageEvent =
  | { readonly type: "accepted" | "started" | "done" | "cancelled" }
  | { readonly type: "failed"; readonly error: unknown }
  | { readonly type: "retrying"; readonly afterMs: number };

/** The message of an envelope, as inspection events show it. */
export function inspectedMessage(envelope: Envelope, idText: (id: MessageId) => string): InspectedMessage {
  const { operation, key, route: { causationId } } = envelope;
  return {
    protocol: operation.protocol,
    key,
    operation: operation.name,
    id: idText(envelope.id),
    causationId: causationId === undefined ? undefined : idText(causationId),
    correlationId: idText(envelope.correlationId),
    attempts: envelope.attempts,
    headers: envelope.headers,
  };
}

/**
 * Called for each event of a system, synchronously within the runtime's own work: it must be fast and must
 * not throw. A listener that throws is removed; the other listeners and the log are notified.
 */
export type Inspector = (event: Inspection) => void;

/** The inspection port: the listeners of a system. */
export class Inspectors {
  readonly #listeners = new Set<Inspector>();
  /** Whether there is no listener. The runtime then builds no inspection events. */
  unobserved = true;
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

  add(listener: Inspector): Disposable {
    const own: Inspector = (event) => listener(event); // so that the same function can be added twice
    this.#listeners.add(own);
    this.#onChange(this.unobserved = false);
    return { [Symbol.dispose]: () => this.#remove(own) };
  }

  emit(event: Inspection): void {
    for (const listener of this.#listeners) {
      callGuarded(() => listener(event), (error) => {
        if (!this.#listeners.has(listener)) return; // it failed and was removed before
        this.#remove(listener);
        this.#onFailure(error);
      });
    }
  }

  #remove(listener: Inspector): void {
    this.#listeners.delete(listener);
    this.#onChange(this.unobserved = this.#listeners.size === 0);
  }
}
