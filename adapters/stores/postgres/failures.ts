import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import { OutcomeUnknownError, StoreError } from "../../../runtime/base/store_errors.ts";

/** Whether the server said so; what else fails is the connection. The word of `pg` for it may be of any language. */
function isOfServer(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "severity" in error && "code" in error;
}

/** The state that the server gave, five characters; empty if it did not answer. */
export function stateOf(error: unknown): string {
  return isOfServer(error) ? String(error.code) : "";
}

/**
 * Whether the connection is good for nothing after that: it is lost, the server ends it, or it leads to a server
 * that is read-only since another one has taken its place.
 */
export function isOfConnection(error: unknown): boolean {
  return !isOfServer(error) || /^(08|57P|25006)/.test(error.code);
}

/** Whether another commit was in the way, so that nothing was done and another try may succeed. */
export function isInTheWay(error: unknown): boolean {
  return ["40001", "40P01", "55P03"].includes(stateOf(error));
}

/** Errors of connections that are there as soon as the server, the network or the name of the machine is. */
const absences: ReadonlySet<string> = new Set(
  "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN".split(" "),
);

/** What `pg` says of a connection that ends while it is made. */
const endings = /connection terminated|connection error|timeout|did not answer/i;

/**
 * The error of a connection that could not be taken. A server will probably be there soon if it starts, restarts, has no
 * connection left, or is not answered for. A wrong password, database or certificate stays wrong.
 */
export function failureOfConnection(error: unknown): StoreError {
  const message = `Cannot connect to PostgreSQL: ${messageOf(error)}`;
  const { code = "" } = error as { readonly code?: string };
  const temporary = isOfServer(error)
    ? isBusy(error.code)
    : absences.has(code) || endings.test(messageOf(error));
  return new StoreError("store-unavailable", message, { cause: error, temporary });
}

/** Whether the server is about to end or to begin, or has no connection left. */
function isBusy(state: string): boolean {
  return /^(08|57P|53300)/.test(state);
}

/** The error of a call that changes nothing, or of a commit that was not sent. */
export function failureOf(what: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const code = /^53100/.test(stateOf(error)) ? "store-full" : "store-unavailable";
  const message = `Cannot ${what} PostgreSQL: ${messageOf(error)}`;
  // a connection that was there, and is lost, was a good one
  return new StoreError(code, message, {
    cause: error,
    temporary: !isOfServer(error) || isBusy(error.code),
  });
}

/**
 * The error of a commit that was sent. If the connection ends before the answer, the commit may have been applied.
 * What the server refuses while it stays has changed nothing.
 */
export function failureOfCommit(error: unknown): Error {
  const state = stateOf(error);
  if (error instanceof StoreError) return error;
  if (!isOfServer(error) || /^(08|57P|40003)/.test(state)) {
    return new OutcomeUnknownError(`Cannot tell whether PostgreSQL has a commit: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const message = `Cannot commit to PostgreSQL: ${messageOf(error)}`;
  if (/^54/.test(state)) return new PosthornError("too-large", message, { cause: error });
  if (/^22/.test(state)) return new TypeError(message, { cause: error });
  return failureOf("commit to", error);
}
