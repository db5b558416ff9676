import { didYouMean } from "./base/did_you_mean.ts";
import { NotFoundError } from "./base/errors.ts";
import type { Actor } from "./language/actor.ts";
import type { Operation } from "./language/protocol.ts";
import type { Persistence } from "./durable/persistence.ts";
import type { MemoryHost } from "./activations/memory_host.ts";
import type { Remote } from "./remote/remote.ts";

/** All to which a system can send. */
export interface Receivers {
  /** The actors that live in memory alone. */
  readonly hosts: ReadonlyMap<string, MemoryHost>;
  /** The actors whose mailboxes are in the store: of this system, and of its peers. */
  readonly persistence: Persistence | undefined;
  /** The actors of other services. */
  readonly remote: Remote | undefined;
}

/** The operations of a protocol, if the system hosts its actors or has it in `peers`. */
export function actorOf(
  { hosts, persistence }: Receivers,
  protocol: string,
): Pick<Actor, "operations"> | undefined {
  return hosts.get(protocol)?.actor ?? persistence?.actor(protocol);
}

/** Throws a `NotFoundError` unless an actor of this system, a peer, or another service handles the operation. */
export function requireHandled(receivers: Receivers, operation: Operation, key: string): void {
  const { protocol } = operation;
  const actor = actorOf(receivers, protocol);
  if (actor !== undefined) {
    const why = unhandledBy(actor, operation);
    if (why === undefined) return;
    throw new NotFoundError("unknown-operation", `Cannot deliver to ${protocol}/${key}: ${why}`);
  }
  if (receivers.remote?.has(protocol)) return receivers.remote.require(operation);
  const why = `this system hosts no actor of it, and ${unnamed(receivers, protocol)}`;
  throw new NotFoundError("unknown-protocol", `Cannot speak to ${protocol}: ${why}`);
}

/** Why neither an actor of this system, nor a peer, nor another service handles an operation; `undefined` if one does. */
export function whyUnhandled(receivers: Receivers, operation: Operation): string | undefined {
  const { protocol, name } = operation;
  const { remote } = receivers;
  const actor = actorOf(receivers, protocol);
  if (actor !== undefined) return unhandledBy(actor, operation);
  if (!remote?.has(protocol)) {
    return `this system hosts no actor of ${protocol}, and ${unnamed(receivers, protocol)}`;
  }
  if (remote.operation(protocol, name) === operation) return;
  return `another service hosts ${protocol}, and \`remote\` does not name this operation`;
}

/** Why the actor of its protocol does not handle an operation; `undefined` if it does. */
function unhandledBy(actor: Pick<Actor, "operations">, operation: Operation): string | undefined {
  const { protocol, name } = operation;
  // By identity: a handler must not get a payload that another protocol of the same name has checked.
  const own = actor.operations[name];
  if (own === undefined) return `it has no operation ${name}`;
  if (own !== operation) {
    return `its ${protocol} is another protocol of that name, or a second copy of its module`;
  }
  if (own.mode === "event") return `${name} is an event, which is published and not sent to an actor`;
}

/** That nothing names a protocol, with a similar one to which the system can speak. */
function unnamed({ hosts, persistence, remote }: Receivers, protocol: string): string {
  const names = [...hosts.keys(), ...persistence?.protocols ?? [], ...remote?.registry.names ?? []];
  const near = didYouMean(protocol, names.filter((name) => !name.startsWith("~")));
  return `neither \`peers\` nor \`remote\` names it${near}`;
}
