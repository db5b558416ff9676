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
  /** The actors whose mailboxes are in the store. */
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
  const { protocol, name } = operation;
  const { remote } = receivers;
  const actor = actorOf(receivers, protocol);
  if (actor === undefined) {
    if (!remote?.has(protocol)) throw unknownProtocol(protocol, namesOf(receivers));
    return remote.require(operation);
  }
  // By identity: a handler must not get a payload that another protocol of the same name has checked.
  const own = actor.operations[name];
  if (own === operation && own.mode !== "event") return;
  const why = own === undefined
    ? `it has no operation ${name}`
    : own === operation
    ? `${name} is an event, which is published and not sent to an actor`
    : `its ${protocol} is another protocol of that name, or a second copy of its module`;
  throw new NotFoundError("unknown-operation", `Cannot deliver to ${protocol}/${key}: ${why}`);
}

/** The names of the protocols to which a system can speak, of those that users declare. */
export function namesOf({ hosts, persistence, remote }: Receivers): string[] {
  const all = [...hosts.keys(), ...persistence?.protocols ?? [], ...remote?.registry.names ?? []];
  return [...new Set(all)].filter((name) => !name.startsWith("~"));
}

/** The error for a protocol that a system neither hosts nor names; `known` are those to which it can speak. */
function unknownProtocol(protocol: string, known: readonly string[]): NotFoundError {
  const why = "this system hosts no actor of it, and neither `peers` nor `remote` names it";
  const near = didYouMean(protocol, known);
  return new NotFoundError("unknown-protocol", `Cannot speak to ${protocol}: ${why}${near}`);
}
