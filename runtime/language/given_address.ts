import { type ActorId, type Address, faultOfName } from "./address.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { namePattern } from "./protocol.ts";

/**
 * A plain copy of an address that somebody gave: an address is data, and may have come with a message. Throws a
 * `PosthornError` (`invalid-address`) unless it names an operation of an actor that there could be, so that nothing is
 * sent later where no key of a store and no handler can be meant, or to an actor of the runtime's own.
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
