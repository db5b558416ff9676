import type { Actor } from "./actor.ts";
import type { NamedProtocol } from "./protocol.ts";

/**
 * The name of a protocol. Throws a `TypeError` if it is none: the actor that handles one is no protocol, although a program
 * that no compiler has checked may give it.
 */
export function nameOfProtocol<Name extends string>(protocol: NamedProtocol<Name>): Name {
  const info = (protocol as Partial<NamedProtocol<Name>> | null | undefined)?.["~protocol"];
  if (info === undefined) throw noProtocol(protocol);
  return info.name;
}

function noProtocol(given: unknown): TypeError {
  const { name, handlers } = (given ?? {}) as Partial<Actor>;
  const shown = Array.isArray(handlers)
    ? `the actor ${name}: give the protocol that it handles`
    : `of type ${given === null ? "null" : typeof given}`;
  return new TypeError(`Cannot use a protocol: it must be what protocol() returned, and is ${shown}`);
}
