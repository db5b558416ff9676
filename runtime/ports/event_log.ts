/** One event in the log of its topic. */
export interface LoggedEvent {
  /** The sequence number within the topic, from 1, without gaps. */
  readonly number: number;
  /** The id of the message that published it. */
  readonly id: string;
  /** The subject; empty if the event has none. */
  readonly subject: string;
  /** The payload as it was published: the input of the schema. */
  readonly payload: unknown;
  /** The headers of the message that published it; absent if it has none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The reason why the event cannot be read: then only its number is valid. Absent if it can be read. */
  readonly fault?: string;
}

/**
 * The log of one event: the latest published events that the store keeps, at most `limits.events`. All
 * instances write to the same log and see the same sequence numbers, which continue after a restart.
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
  /**
   * Resolves with the sequence number of the latest event; 0 if none was published. Rejects with a
   * {@linkcode StoreError}.
   */
  latest(): Promise<number>;
  /**
   * Reads the first events after a sequence number, at most `limit` of them and never more than 100. If the
   * first one is not the next number, the events between are no longer kept. Rejects with a
   * {@linkcode StoreError}.
   */
  read(after: number, limit: number): Promise<LoggedEvent[]>;
  /**
   * Calls `onChange` when there may be new events: at once after this process published one, soon after
   * another did. A call may be spurious, and one call may stand for several events.
   */
  watch(onChange: () => void): Disposable;
}
