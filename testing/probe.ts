import { type Actor, actor } from "../runtime/language/actor.ts";
import type { Context } from "../runtime/language/context.ts";
import { TerminalError } from "../runtime/base/errors.ts";
import {
  type NamedProtocol,
  type Operation,
  type Operations,
  operationsOf,
} from "../runtime/language/protocol.ts";

/** One message that a probe received. */
export interface ProbedMessage {
  /** The key of the actor that received it. */
  readonly key: string;
  /** The name of its operation. */
  readonly operation: string;
  /** The payload after validation by its schema. */
  readonly payload: unknown;
  /** The id of the message. */
  readonly id: string;
  /** The id of the message whose turn sent this one; for a reply, the id of the request. */
  readonly causationId: string | undefined;
}

/** A test double for the actors of one protocol. */
export interface Probe<Name extends string> {
  /** The definition for the `actors` of a system. */
  readonly actor: Actor<Name>;
  /** All messages that it received, in order. */
  readonly received: readonly ProbedMessage[];
  /** Resolves with the next message that no earlier call has returned, as soon as it arrives. */
  next(): Promise<ProbedMessage>;
}

/**
 * Creates an actor that records the messages it receives. It replies to a request with the result of the
 * function in `replies` for its operation; without one, the request fails.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, System, tell, unchecked } from "@posthorn/posthorn";
 * import { probe } from "@posthorn/posthorn/testing";
 *
 * const Ledger = protocol("ledger", { record: tell(unchecked<{ cents: number }>()) });
 * const ledger = probe(Ledger);
 *
 * await using system = new System({ actors: [ledger.actor] });
 * await system.ref(Ledger, "main").tell(Ledger.record, { cents: 450 });
 * const message = await ledger.next();
 * assert(message.operation === "record" && message.key === "main");
 * ```
 *
 * @param protocol the protocol of the actors to replace
 * @param replies functions from payload to reply, by the name of the operation
 * @returns the probe
 */
export function probe<Name extends string>(
  protocol: NamedProtocol<Name>,
  replies: Readonly<Record<string, (payload: unknown) => unknown>> = {},
): Probe<Name> {
  const received: ProbedMessage[] = [];
  const wanted: ((message: ProbedMessage) => void)[] = [];
  let taken = 0;
  const handle = (operation: Operation) => (ctx: Context<Name, null>, payload: unknown) => {
    const { key, id, causationId } = ctx;
    const message: ProbedMessage = { key, operation: operation.name, payload, id, causationId };
    received.push(message);
    const next = wanted.shift();
    if (next !== undefined) {
      taken++;
      next(message);
    }
    if (operation.mode === "tell") return;
    const reply = replies[operation.name];
    if (reply === undefined) throw new TerminalError(`The probe has no reply for ${operation.name}`);
    return reply(payload);
  };
  const operations = operationsOf(protocol);
  const handlers = Object.values(operations)
    .filter((operation) => operation.mode !== "event")
    .map((operation) => [operation.name, handle(operation)]);
  return {
    actor: actor(protocol as NamedProtocol<Name, Operations>, {
      state: () => null,
      on: Object.fromEntries(handlers),
    }),
    received,
    next: () =>
      taken < received.length
        ? Promise.resolve(received[taken++])
        : new Promise((resolve) => wanted.push(resolve)),
  };
}
