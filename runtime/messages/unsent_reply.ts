import { messageOf } from "../base/errors.ts";
import { codeOf } from "../base/thrown.ts";
import type { ActorId } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import { Remote } from "./remote_address.ts";
import type { ToldFailure } from "./told_failure.ts";

/** Whether a message is a reply to another service, and no failure. */
export function isReplyAway({ protocol }: ActorId, { name }: Pick<Operation, "name">): boolean {
  return protocol === Remote.arrive.protocol && (name === Remote.arrive.name || name === Remote.take.name);
}

/** What who waits for a reply is told if that can never be sent: the turn that gave it is over all the same. */
export function unsentReply(id: string, error: unknown): ToldFailure {
  const message = `its turn is over, but its reply cannot be sent: ${messageOf(error)}`;
  return { id, code: codeOf(error, "failed"), message };
}
