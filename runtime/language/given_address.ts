import { type ActorId, type Address, faultOfName } from "./address.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { namePattern } from "./protocol.ts";

/**
 * Returns a plain copy of an address from a caller, which may be untrusted data of a message. Throws a
 * `PosthornError` (`invalid-address`) unless it names an operation of an actor that can exist, so that
 * nothing is later sent to an invalid store key, to a name without a handler, or to a built-in actor.
 */
export function givenAddress<Input = never, Reply = unknown>(
  given: Address<Input, Reply>,
): Address<Input, Reply> {
  const { protocol, key, operation } = partsOf(given);
  for (const [what, name] of [["protocol", protocol], ["operation", operation]]) {
    if (typeof name !== "string" || !namePattern.test(name)) throw refused(`its ${what} is no name`);
  }
  const fault = key === "." || key === ".." ? "it is a relative path" : faultOfName(key);
  if (fault !== undefined) throw refused(`its key names no actor: ${fault}`);
  return { protocol, key, operation };
}

function partsOf(given: ActorId & { readonly operation: string }): Address {
  try {
    const { protocol, key, operation } = given;
    return { protocol, key, operation };
  } catch (error) {
    throw refused(`it cannot be read: ${messageOf(error)}`);
  }
}

function refused(why: string): PosthornError {
  return new PosthornError("invalid-address", `Cannot use this address: ${why}`);
}
