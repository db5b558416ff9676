import type { Actor } from "./language/actor.ts";
import { type NamedProtocol, operationsOf } from "./language/protocol.ts";

/** A protocol whose actors other processes on the same store host. */
export type Peer = Pick<Actor, "name" | "operations">;

/** What a system hosts, and what it may speak to. */
export interface Reach {
  readonly actors: readonly Pick<Actor, "name">[];
  readonly peers?: readonly NamedProtocol<string>[];
  /** Whether the system has a store. */
  readonly stored: boolean;
}

/**
 * The peers of a system, one for each protocol. Throws a `TypeError` if there is no store in which their messages could
 * wait, if the list has something else, or if a protocol is hosted by this system itself.
 */
export function requirePeers({ actors, peers: given = [], stored }: Reach): readonly Peer[] {
  if (!Array.isArray(given)) throw new TypeError("Cannot use peers: it must be a list of protocols");
  const hosted = new Set(actors.map(({ name }) => name));
  const peers = new Map<string, Peer>();
  for (const [index, protocol] of given.entries()) {
    if (typeof protocol !== "object" || protocol === null || !("~protocol" in protocol)) {
      throw new TypeError(`Cannot use peers: its entry ${index} is no protocol`);
    }
    const { name } = (protocol as NamedProtocol<string>)["~protocol"];
    const operations = operationsOf(protocol as NamedProtocol<string>);
    if (hosted.has(name)) throw twice(name, "actors");
    if (peers.has(name)) {
      throw new TypeError(`Cannot start the system: two of its peers have the name ${name}`);
    }
    peers.set(name, { name, operations });
  }
  if (peers.size === 0 || stored) return [...peers.values()];
  const why = "`peers` names actors of other processes on the same store, and there is no `store`";
  throw new TypeError(`Cannot start the system: ${why}`);
}

/** Throws a `TypeError` if other services host actors of a peer's protocol. */
export function requireNotRemote(peers: readonly Peer[], isRemote: (protocol: string) => boolean): void {
  for (const { name } of peers) if (isRemote(name)) throw twice(name, "remote");
}

function twice(name: string, list: "actors" | "remote"): TypeError {
  const why = `${name} is both in \`${list}\` and in \`peers\``;
  return new TypeError(`Cannot start the system: ${why}`);
}
