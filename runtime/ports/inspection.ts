import type { ActorId } from "../language/address.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { Envelope, MessageId } from "../messages/envelope.ts";
import { callGuarded } from "../base/call_guarded.ts";

/** One message, as an inspection sees it. */
export interface InspectedMessage extends ActorId {
  /** The name of its operation. */
  readonly operation: string;
  /** Its id. */
  readonly id: string;
  /** The id of the message whose turn sent it. */
  readonly causationId: string | undefined;
  /** The id of the message with which it all began. */
  readonly correlationId: string;
  /** How many attempts at its turn have begun. */
  readonly attempts: number;
  /** What its sender let travel with it. */
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/**
 * Something that happened in a system. Every accepted message is `done` or `dead` in the end.
 *
 * - `accepted`: in a mailbox, as the instance tells that put it there; with a store it may come just after `started`, for
 *   what is committed is seen before its sender hears of it. `started`: its turn begins. `done`: its turn has committed.
 * - `failed`: its turn left nothing. `retrying`: it is tried again after that long.
 * - `dead`: it will not be delivered.
 * - `activated`, `passivated`, `restarted`, `stopped`, `erased`: what became of an actor.
 * - `escalated`: a failure that stops the system.
 * - `callback-failed`: a function that was given to the system threw, or its promise rejected: `inspect`, which hears no more
 *   then; the `watch` of an event log; a listener of a turn's `signal`.
 * - `unreadable`: a row of the store that belongs to no message in a mailbox cannot be read, and was passed by: an event, a
 *   subscription, a schedule, an answer to a survey, a dead letter.
 */
export type Inspection =
  | { readonly type: "accepted" | "started" | "done"; readonly message: InspectedMessage }
  | { readonly type: "failed"; readonly message: InspectedMessage; readonly error: unknown }
  | { readonly type: "retrying"; readonly message: InspectedMessage; readonly afterMs: number }
  | { readonly type: "dead"; readonly letter: DeadLetter }
  | {
    readonly type: "activated" | "passivated" | "restarted" | "stopped" | "erased";
    readonly actor: ActorId;
  }
  | { readonly type: "escalated"; readonly actor: ActorId; readonly error: unknown }
  | {
    readonly type: "callback-failed";
    readonly callback: "inspect" | "watch" | "signal";
    readonly error: unknown;
  }
  | { readonly type: "unreadable"; readonly row: string; readonly error: unknown };

/** What a function was given to that threw. */
export type Callback = Extract<Inspection, { type: "callback-failed" }>["callback"];

/** What became of a message, without the message. */
export type MessageEvent =
  | { readonly type: "accepted" | "started" | "done" }
  | { readonly type: "failed"; readonly error: unknown }
  | { readonly type: "retrying"; readonly afterMs: number };

/** One message, as an inspection sees it. */
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
 * Hears what happens in a system. It is called at once, within the runtime's own work: be quick, and never throw. One that
 * throws hears no more, which the others and the log are told.
 */
export type Inspector = (event: Inspection) => void;

/** The inspection port: who listens, and whether anybody does. */
export class Inspectors {
  readonly #listeners = new Set<Inspector>();
  /** Whether nobody listens: then nothing is put together for them. */
  unobserved = true;
  readonly #onChange: (unobserved: boolean) => void;
  readonly #onFailure: (error: unknown) => void;

  /** `onChange` hears whether nobody listens, `onFailure` that a listener threw: it hears no more. */
  constructor(onChange: (unobserved: boolean) => void, onFailure: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  add(listener: Inspector): Disposable {
    const own: Inspector = (event) => listener(event); // the same function may listen twice
    this.#listeners.add(own);
    this.#onChange(this.unobserved = false);
    return { [Symbol.dispose]: () => this.#remove(own) };
  }

  emit(event: Inspection): void {
    for (const listener of this.#listeners) {
      callGuarded(() => listener(event), (error) => {
        if (!this.#listeners.has(listener)) return; // it failed before
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
