import type { ActorId } from "../language/address.ts";
import { PosthornError } from "../base/errors.ts";

/** The error of a handler that uses its context after its turn has ended. */
export function turnOver(what: string, { protocol, key }: ActorId): PosthornError {
  return new PosthornError(
    "turn-over",
    `Cannot ${what} in a turn of ${protocol}/${key} that is over: await everything within the handler`,
  );
}

/** The error of a durable actor that waits for others in its turn. */
export function notTransient(what: string, { protocol, key }: ActorId): PosthornError {
  return new PosthornError(
    "not-transient",
    `Cannot ${what} in a turn of ${protocol}/${key}: only a transient actor may wait for others`,
  );
}
