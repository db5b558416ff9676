/** One event as the log of its topic keeps it. */
export interface LoggedEvent {
  /** Its number within its topic, from 1, without gaps. */
  readonly number: number;
  /** The id of the message that published it. */
  readonly id: string;
  /** Its subject; empty where its event has none. */
  readonly subject: string;
  /** What was published: the schema's input. */
  readonly payload: unknown;
  /** Why it cannot be read: it has no more than its number then. Absent where it can. */
  readonly fault?: string;
}

/**
 * What a store keeps of one event, the latest of it: how much, `limits.events` says. Whatever instance published it, and
 * whenever: the numbers mean the same to all, and go on after a restart.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { event, type LoggedEvent, protocol, System } from "@posthorn/posthorn";
 * import { memoryStore } from "@posthorn/posthorn/memory";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { settled: event(z.number()) });
 * await using system = new System({ actors: [], store: memoryStore() });
 * const log = system.eventLog(Order.settled)!;
 * const heard = Promise.withResolvers<LoggedEvent>();
 * using _watching = log.watch(async () => {
 *   for (const published of await log.read(0, 10)) heard.resolve(published);
 * });
 * await system.publish(Order.settled, 450);
 * assert((await heard.promise).payload === 450 && await log.latest() === 1);
 * ```
 */
export interface EventLog {
  /** The number of the latest; 0 where nothing was published. Rejects with a {@linkcode StoreError}. */
  latest(): Promise<number>;
  /**
   * The first that are kept behind a number, at most so many, up to 100. One that does not begin with the next number says
   * that some are no longer kept. Rejects with a {@linkcode StoreError}.
   */
  read(after: number, limit: number): Promise<LoggedEvent[]>;
  /**
   * Calls `onChange` when there may be more: at once for what this process published, soon after for what others did.
   * Perhaps in vain, or once for many.
   */
  watch(onChange: () => void): Disposable;
}
