import { NotFoundError, PosthornError, ReplyPendingError, StoppedError } from "../base/errors.ts";
import { timeOfUlid } from "./ids.ts";
import { TooLargeError } from "../base/store_errors.ts";

/** The first character of the name of a reply. Ids of messages that the system makes do not begin with it. */
const mark = "R";

/**
 * The name of a reply: a mark and a ULID of its own. The ULID contains the time and 80 random bits, so nobody can guess
 * it from the message, its id or its key.
 */
export function replyName(ulid: string): string {
  return mark + ulid;
}

/** The time in the name of a reply, in milliseconds since 1970; `undefined` if it is no such name. */
export function timeOfReplyName(name: string): number | undefined {
  return typeof name === "string" && name.startsWith(mark) ? timeOfUlid(name.slice(mark.length)) : undefined;
}

/**
 * The key under which a reply is kept: the name of its caller and its own name. Two callers never share one, because
 * neither the name of a reply nor an encoded caller has a line break. Throws if the name of the caller is not valid.
 */
export function replyKey(name: string, caller = ""): string {
  requireCaller(caller);
  return caller === "" ? name : `${encodeURIComponent(caller)}\n${name}`;
}

/** The name of the reply that is kept under a key. */
export function replyNameOf(key: string): string {
  return key.slice(key.lastIndexOf("\n") + 1);
}

/** The error if a reply is not kept, and never was as far as is known. */
export function unknownReply(name: string): NotFoundError {
  return new NotFoundError("unknown-reply", `Cannot collect the reply ${name}: no such reply is kept`);
}

/** The error if what was given as the name of a reply, or of its caller, is none. */
export function noReply(name: string): NotFoundError {
  return unknownReply(typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : `of a ${typeof name}`);
}

/** The error if a reply was kept, and is kept no longer. */
export function expiredReply(name: string): NotFoundError {
  return new NotFoundError(
    "expired-reply",
    `Cannot collect the reply ${name}: it was kept for as long as replies are`,
  );
}

/** The error for a caller that collects a reply after the system has stopped. */
export function stoppedCollecting(name: string): StoppedError {
  return new StoppedError(`Cannot collect the reply ${name}: the system has stopped`);
}

/** The most that may wait for one reply in a process. */
export const waitersMax = 100;

/** The error if a reply has not come, and the collector does not wait, or may not because so many do. */
export function pendingReply(name: string, waiting?: number): ReplyPendingError {
  const full = waiting === undefined ? "" : `, and ${waiting} of ${waitersMax} wait for it`;
  return new ReplyPendingError(`Cannot collect the reply ${name}: it is pending${full}`);
}

const callerBytesMax = 512;

/** Whether the name of a caller is valid: at most 512 bytes of well-formed text. */
export function isCaller(caller: string): boolean {
  if (typeof caller !== "string" || !caller.isWellFormed()) return false;
  return caller.length * 3 <= callerBytesMax || new TextEncoder().encode(caller).length <= callerBytesMax;
}

/** Throws a `TooLargeError` or a `PosthornError` (`invalid-caller`) if the name of a caller is not valid. */
export function requireCaller(caller: string): void {
  if (isCaller(caller)) return;
  if (typeof caller !== "string" || !caller.isWellFormed()) {
    throw new PosthornError("invalid-caller", "Cannot send for this caller: its name is no well-formed text");
  }
  const bytes = new TextEncoder().encode(caller).length;
  throw new TooLargeError("for this caller", "bytes of its name", bytes, callerBytesMax);
}
