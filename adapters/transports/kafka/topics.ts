import type { Clock } from "../../../runtime/base/clock.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { KafkaLink, Topic, TopicPlan } from "./link.ts";
import type { Names } from "./names.ts";
import type { KafkaSettings } from "./options.ts";
import { backoffMs } from "./waiting.ts";

/** How long a topic is taken to be as it was. */
const freshMs = 60_000;
/** The attempts to see a topic that was made: the brokers hear of it one after the other. */
const attempts = 30;
/** The number of topics that are remembered: strangers name some, for replies. */
const knownMax = 10_000;
/** How long replies to asks are kept. */
const processRetentionMs = "600000";

/** The topics of a cluster, as far as this process has met them. */
export class Topics {
  readonly #link: KafkaLink;
  readonly #settings: KafkaSettings;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly topic: Topic; readonly untilMs: number }>();

  constructor(link: KafkaLink, settings: KafkaSettings, names: Names, clock: Clock) {
    this.#link = link;
    this.#settings = settings;
    this.#names = names;
    this.#clock = clock;
  }

  /** Looks a topic up; `undefined` if it does not exist. */
  async find(name: string): Promise<Topic | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#clock.monotonicMs() < known.untilMs) return known.topic;
    const topic = (await this.#link.topics([name])).get(name);
    if (this.#known.size >= knownMax) this.#known.clear();
    if (topic === undefined) this.#known.delete(name);
    else this.#known.set(name, { topic, untilMs: this.#clock.monotonicMs() + freshMs });
    return topic;
  }

  /** Looks a topic up, which is made if it does not exist. */
  async declare(name: string): Promise<Topic> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const topic = await this.find(name);
      if (topic !== undefined && topic.leaders.length > 0 && topic.leaders.every((leader) => leader >= 0)) {
        return topic;
      }
      if (topic === undefined) await this.#link.createTopic(this.#plan(name));
      this.forget(name);
      await pause(this.#clock, backoffMs(attempt, 500));
    }
    throw new Error(`Kafka made the topic ${name}, but none of its brokers leads it`);
  }

  /** The next look asks the cluster. */
  forget(name: string): void {
    this.#known.delete(name);
  }

  #plan(name: string): TopicPlan {
    const isProcess = name === this.#names.process;
    return {
      name,
      partitions: isProcess ? 1 : this.#settings.partitions,
      replicas: this.#settings.replicas,
      config: {
        "compression.type": "uncompressed", // or kafkajs could not read what strangers compress with snappy, lz4 or zstd
        ...(isProcess ? { "retention.ms": processRetentionMs, "segment.ms": processRetentionMs } : {}),
      },
    };
  }
}
