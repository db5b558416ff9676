import { NotFoundError } from "./base/errors.ts";
import type { Actor } from "./language/actor.ts";
import type { Operation } from "./language/protocol.ts";

/** Why nobody handles an operation. */
export interface Unhandled {
  readonly code: "unknown-protocol" | "unknown-operation";
  readonly why: string;
}

/** Why the actor of its protocol does not handle an operation; `undefined` if it does. */
export function unhandledBy(
  actor: Pick<Actor, "operations"> | undefined,
  operation: Operation,
): Unhandled | undefined {
  const { protocol, name } = operation;
  if (actor === undefined) {
    return { code: "unknown-protocol", why: `this system hosts no actor of ${protocol}` };
  }
  // By identity: a handler must not get a payload that another protocol of the same name has checked.
  const own = actor.operations[name];
  if (own === operation && own.mode !== "event") return;
  const why = own === undefined
    ? `it has no operation ${name}`
    : own === operation
    ? `${name} is an event, which is published and not sent to an actor`
    : `its ${protocol} is another protocol of that name, or a second copy of its module`;
  return { code: "unknown-operation", why };
}

/** Throws a `NotFoundError` unless there is an actor of the protocol, and it handles the operation. */
export function requireHandledBy(
  actor: Pick<Actor, "operations"> | undefined,
  operation: Operation,
  key: string,
): void {
  const unhandled = unhandledBy(actor, operation);
  if (unhandled === undefined) return;
  throw new NotFoundError(unhandled.code, `Cannot deliver to ${operation.protocol}/${key}: ${unhandled.why}`);
}
