import { NotFoundError, PosthornError, ReplyPendingError, StoppedError } from "../base/errors.ts";
import { timeOfUlid } from "./ids.ts";
import { TooLargeError } from "../base/store_errors.ts";

/** What the name of a reply begins with: no id of a message is one. */
const mark = "R";

/**
 * The name of a reply: a ULID of its own behind a mark. It carries its time, and 80 bits of chance: whoever knows the message,
 * its id or its key learns nothing of it.
 */
export function replyName(ulid: string): string {
  return mark + ulid;
}

/** The time that the name of a reply carries, in milliseconds since 1970; nothing where it names none. */
export function timeOfReplyName(name: string): number | undefined {
  return name.startsWith(mark) ? timeOfUlid(name.slice(mark.length)) : undefined;
}

/**
 * Where a reply is kept: under its own name and that of its caller. No two callers have one in common, whatever they are
 * called: the name of a reply has no line break, and neither has an encoded caller. Throws where a caller may not be called
 * that.
 */
export function replyKey(name: string, caller = ""): string {
  requireCaller(caller);
  return caller === "" ? name : `${encodeURIComponent(caller)}\n${name}`;
}

/** The own name of the reply that is kept there. */
export function replyNameOf(key: string): string {
  return key.slice(key.lastIndexOf("\n") + 1);
}

/** What a collector is told of a reply that is not kept, and never was as far as anybody knows. */
export function unknownReply(name: string): NotFoundError {
  return new NotFoundError("unknown-reply", `Cannot collect the reply ${name}: no such reply is kept`);
}

/** What a collector is told of a reply that was kept, and is kept no longer. */
export function expiredReply(name: string): NotFoundError {
  return new NotFoundError(
    "expired-reply",
    `Cannot collect the reply ${name}: it was kept for as long as replies are`,
  );
}

/** What a collector is told where the system has stopped. */
export function stoppedCollecting(name: string): StoppedError {
  return new StoppedError(`Cannot collect the reply ${name}: the system has stopped`);
}

/** How many may wait for one reply in a process. */
export const waitersMax = 100;

/** What a collector is told of a reply for which it does not wait; or may not, since so many do. */
export function pendingReply(name: string, waiting?: number): ReplyPendingError {
  const full = waiting === undefined ? "" : `, and ${waiting} of ${waitersMax} wait for it`;
  return new ReplyPendingError(`Cannot collect the reply ${name}: it is pending${full}`);
}

const callerBytesMax = 512;

/** Whether a caller may be called that: at most 512 bytes of well-formed text. */
export function isCaller(caller: string): boolean {
  if (!caller.isWellFormed()) return false;
  return caller.length * 3 <= callerBytesMax || new TextEncoder().encode(caller).length <= callerBytesMax;
}

/** Throws unless a caller may be called that: a `TooLargeError`, or a `PosthornError` (`invalid-caller`). */
export function requireCaller(caller: string): void {
  if (isCaller(caller)) return;
  if (!caller.isWellFormed()) {
    throw new PosthornError("invalid-caller", "Cannot send for this caller: its name is no well-formed text");
  }
  const bytes = new TextEncoder().encode(caller).length;
  throw new TooLargeError("for this caller", "bytes of its name", bytes, callerBytesMax);
}
