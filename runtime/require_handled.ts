import { NotFoundError } from "./base/errors.ts";
import type { Actor } from "./language/actor.ts";
import type { Operation } from "./language/protocol.ts";

/** Throws a `NotFoundError` unless there is an actor of the protocol, and it handles the operation. */
export function requireHandledBy(
  actor: Pick<Actor, "operations"> | undefined,
  operation: Operation,
  key: string,
): void {
  const { protocol, name } = operation;
  const what = `Cannot deliver to ${protocol}/${key}`;
  if (actor === undefined) {
    throw new NotFoundError("unknown-protocol", `${what}: this system hosts no actor of ${protocol}`);
  }
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
