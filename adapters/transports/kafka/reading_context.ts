import type { Clock } from "../../../runtime/base/clock.ts";
import type { Health } from "./health.ts";
import type { OpenLink, ReadRecord } from "./link.ts";
import type { KafkaSettings } from "./options.ts";
import type { Topics } from "./topics.ts";

/** What all readers of a connection share. */
export interface ReadingContext {
  readonly openLink: OpenLink;
  readonly topics: Topics;
  readonly health: Health;
  readonly clock: Clock;
  readonly settings: KafkaSettings;
  /** Resolves when it is sure that this process may read for its service. */
  readonly admitted: Promise<void>;
  /** Reports why a channel is read no longer, if nobody waits for it to be ready. */
  report(error: unknown): void;
  /** Puts a record where the dead letters of its topic are kept. */
  bury(topic: string, partition: number, record: ReadRecord, reason: string): Promise<void>;
}

/** A channel that is being read. */
export interface ChannelReader {
  /** Resolves when messages wait for this service from now on. */
  readonly ready: Promise<void>;
  /** Hands nothing over any more. Resolves when what is in hand has settled and is acknowledged. */
  stop(): Promise<void>;
  /** Stops at once, and leaves what is in hand to others. */
  abandon(): Promise<void>;
}
