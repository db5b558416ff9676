import { messageOf, NotFoundError, PosthornError, ReplyPendingError, StoppedError } from "../base/errors.ts";
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

/** What a caller wants: the reply, or to take back the request. Its errors say which of them it cannot. */
export type ReplyAim = keyof typeof wordsOf;

const wordsOf = {
  collect: "Cannot collect the reply",
  cancel: "Cannot take back the request of the reply",
} as const;

/** The error if a reply is not kept, and never was as far as is known. */
export function unknownReply(name: string, aim: ReplyAim = "collect"): NotFoundError {
  return new NotFoundError("unknown-reply", `${wordsOf[aim]} ${name}: no such reply is kept`);
}

/** The error if a reply goes to an address, so that no ticket has it; the name is the id of its request. */
export function addressedReply(name: string, aim: ReplyAim): NotFoundError {
  return new NotFoundError("unknown-reply", `${wordsOf[aim]} ${name}: it goes to an address`);
}

/** The error if what was given as the name of a reply, or of its caller, is none. */
export function noReply(name: string, aim?: ReplyAim): NotFoundError {
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : `of a ${typeof name}`;
  return unknownReply(shown, aim);
}

/** The error if a reply was kept, and is kept no longer. */
export function expiredReply(name: string, aim: ReplyAim = "collect"): NotFoundError {
  return new NotFoundError(
    "expired-reply",
    `${wordsOf[aim]} ${name}: it was kept for as long as replies are`,
  );
}

/** The error for a caller after the system has stopped, or what else gives replies. */
export function stoppedCollecting(
  name: string,
  aim: ReplyAim = "collect",
  because = "the system has stopped",
): StoppedError {
  return new StoppedError(`${wordsOf[aim]} ${name}: ${because}`);
}

/** The error if the row of a reply cannot be read. */
export function unreadableReply(name: string, cause: unknown, aim: ReplyAim): PosthornError {
  const why = `it cannot be read: ${messageOf(cause)}`;
  return new PosthornError("failed", `${wordsOf[aim]} ${name}: ${why}`, { cause });
}

/** The most that may wait for one reply in a process. */
export const waitersMax = 100;

/** The error if a reply has not come, and the collector does not wait, or may not because so many do. */
export function pendingReply(name: string, waiting?: number, aim: ReplyAim = "collect"): ReplyPendingError {
  const full = waiting === undefined ? "" : `, and ${waiting} of ${waitersMax} wait for it`;
  return new ReplyPendingError(`${wordsOf[aim]} ${name}: it is pending${full}`);
}

/** The error if it is not known yet how a request ended that is taken back. */
export function undecidedRequest(name: string, timeoutMs: number): ReplyPendingError {
  return new ReplyPendingError(`${wordsOf.cancel} ${name}: it was not decided within ${timeoutMs} ms`);
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
