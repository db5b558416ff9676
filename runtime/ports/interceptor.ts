import type { InspectedMessage, InspectOptions, Inspector } from "./inspection.ts";

/** Headers that an interceptor adds to a message. */
export type AddedHeaders = Readonly<Record<string, string>>;

/**
 * Goes on with what is intercepted, once: the next interceptor, and within the last one the turn or the send itself. Returns
 * what that returns, throws what it throws. A second call throws a `TypeError`. Headers are added to those of the message,
 * replace one of the same name, also in other letters, and are bounded together with them (64 headers, 8 KiB): if they are
 * not valid, it throws without having gone on, and may be called again.
 */
export type GoOn = (headers?: AddedHeaders) => unknown;

/**
 * Code around every turn and every send of a system, for what belongs to all of them: tracing, a tenant in an
 * `AsyncLocalStorage`, a clock. Interceptors nest, the first is the outermost. A system without any pays nothing for them.
 *
 * Both get the message as {@linkcode System.inspect} shows it. Messages to built-in actors and their turns are left out. An
 * event or a survey that is published is one send, with its own protocol and operation and an empty key; and so is the turn
 * of a function that subscribes to it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { AsyncLocalStorage } from "node:async_hooks";
 * import { actor, ask, type Interceptor, protocol, System, unchecked } from "@posthorn/posthorn";
 *
 * const tenant = new AsyncLocalStorage<string>();
 * const tenants: Interceptor = {
 *   send: (_message, goOn) => goOn({ tenant: tenant.getStore() ?? "none" }),
 *   turn: (message, goOn) => tenant.run(message.headers?.tenant ?? "none", goOn),
 * };
 *
 * const Desk = protocol("desk", { whose: ask(unchecked<string | undefined>()) });
 * const desk = actor(Desk, { state: () => 0, on: { whose: () => tenant.getStore() } });
 * await using system = new System({ actors: [desk], intercept: [tenants] });
 * assert(await tenant.run("acme", () => system.ref(Desk, "main").ask(Desk.whose)) === "acme");
 * ```
 */
export interface Interceptor {
  /**
   * Called around the handler of each turn, of each attempt. The handler runs within `goOn`, in the same asynchronous
   * context. What it returns or throws passes through: an interceptor can neither change nor swallow it, and what `turn`
   * itself returns has no meaning; if that is a promise, the turn waits for it. Headers that are given to `goOn` travel with
   * all that the turn causes: what it sends, beside or under the headers of the send, and its reply.
   *
   * If `turn` throws, or its promise rejects, the turn fails with that error, unless the handler has failed before. If it
   * does not call `goOn` before it is over, the turn fails with a `TypeError`. It runs within `turnMs`: after that `goOn`
   * throws and the handler is not called any more.
   */
  turn?(message: InspectedMessage, goOn: GoOn): unknown;
  /**
   * Called around each acceptance of a message from outside, and around each send of a turn, when that is collected: it
   * leaves with the commit. `goOn` must be called before `send` returns, and returns what the acceptance returns: mostly a
   * promise, which rejects if the message is refused. The sender gets the same, whatever `send` returns.
   *
   * If `send` throws before it has called `goOn`, or does not call it, the send fails with that error or with a `TypeError`,
   * and nothing is sent. If it throws, or rejects, after that, the message is sent all the same, and `callback-failed`
   * reports the error.
   */
  send?(message: InspectedMessage, goOn: GoOn): unknown;
  /**
   * Called once, when the system is made, for an interceptor that listens to events as well. What it returns, if anything, is
   * disposed of when the system has stopped; if that throws, `callback-failed` reports it. If `observe` throws, so does the
   * constructor, and the system stops: what other interceptors began is disposed of.
   */
  observe?(system: Inspectable): Disposable | void;
}

/** A system as an interceptor listens to it. */
export interface Inspectable {
  /** Calls `inspector` with the events of the system, as {@linkcode System.inspect} does. */
  inspect(inspector: Inspector, options?: InspectOptions): Disposable;
}

/** Throws a `TypeError` unless these are interceptors. */
export function requireInterceptors(interceptors: readonly Interceptor[] | undefined): void {
  if (interceptors === undefined) return;
  if (!Array.isArray(interceptors)) throw refused("intercept", "it is no array");
  for (const [index, interceptor] of interceptors.entries()) {
    const name = `intercept[${index}]`;
    const { turn, send, observe }: Interceptor = interceptor ?? {};
    if (turn === undefined && send === undefined) throw refused(name, "it has neither `turn` nor `send`");
    for (const [member, value] of Object.entries({ turn, send, observe })) {
      if (value === undefined || typeof value === "function") continue;
      throw refused(`${name}.${member}`, `it is no function, but of type ${typeof value}`);
    }
  }
}

function refused(name: string, why: string): TypeError {
  return new TypeError(`Cannot use ${name}: ${why}`);
}
