import { NotFoundError } from "./base/errors.ts";
import { didYouMean } from "./base/did_you_mean.ts";
import type { Actor } from "./language/actor.ts";
import type { Operation } from "./language/protocol.ts";

/** Throws a `NotFoundError` unless an actor of the protocol handles the operation. */
export function requireHandledBy(
  actor: Pick<Actor, "operations">,
  operation: Operation,
  key: string,
): void {
  const { protocol, name } = operation;
  const what = `Cannot deliver to ${protocol}/${key}`;
  // By identity: a handler must not get a payload that another protocol of the same name has checked.
  const own = actor.operations[name];
  if (own === operation && own.mode !== "event") return;
  const why = own === undefined
    ? `it has no operation ${name}`
    : own === operation
    ? `${name} is an event, which is published and not sent to an actor`
    : `its ${protocol} is another protocol of that name, or a second copy of its module`;
  throw new NotFoundError("unknown-operation", `${what}: ${why}`);
}

/** The error for a protocol that a system neither hosts nor names; `known` are those to which it can speak. */
export function unknownProtocol(protocol: string, known: readonly string[]): NotFoundError {
  const why = "this system hosts no actor of it, and neither `peers` nor `remote` names it";
  const near = didYouMean(protocol, known);
  return new NotFoundError("unknown-protocol", `Cannot speak to ${protocol}: ${why}${near}`);
}
