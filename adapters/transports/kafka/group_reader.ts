import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Receiver } from "../../../runtime/ports/transport.ts";
import { aborted } from "./fetcher.ts";
import { Generation } from "./generation.ts";
import { codeOf, isExpelled } from "./kafka_error.ts";
import type { KafkaLink, Topic } from "./link.ts";
import { offsetsOf } from "./lone_reader.ts";
import { markOf, requireOwner } from "./marks.ts";
import type { Reading } from "./names.ts";
import { backoffMs } from "./waiting.ts";
import type { ChannelReader, ReadingContext } from "./reading_context.ts";

/** Reads a channel as a member of the group of its service: the processes share the partitions of its topic. */
export class GroupReader implements ChannelReader {
  readonly ready: Promise<void>;
  readonly #context: ReadingContext;
  readonly #reading: Reading;
  readonly #group: string;
  readonly #receiver: Receiver;
  readonly #link: KafkaLink;
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  readonly #isReady = Promise.withResolvers<void>();
  /** What is in hand of each partition, also of generations before this one. */
  readonly #running = new Map<number, Promise<void>>();
  readonly #ended: Promise<void>;
  #memberId = "";

  constructor(context: ReadingContext, reading: Reading & { readonly group: string }, receiver: Receiver) {
    this.#context = context;
    this.#reading = reading;
    this.#group = reading.group;
    this.#receiver = receiver;
    this.#link = context.openLink();
    this.ready = this.#isReady.promise;
    this.ready.catch(() => {}); // whoever wants to know awaits it
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async abandon(): Promise<void> {
    this.#abandon.abort();
    await this.stop();
  }

  async #run(): Promise<void> {
    const { admitted, health, clock, report } = this.#context;
    const { signal } = this.#stop;
    await Promise.race([admitted, aborted(signal)]);
    let wasReady = false;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#link.connect();
        const topic = await this.#declare();
        wasReady = true;
        this.#isReady.resolve();
        health.well(this);
        await this.#serve(topic, () => failures = 0);
      } catch (error) {
        if (error instanceof PosthornError) {
          if (wasReady) report(error);
          this.#isReady.reject(error);
          break;
        }
        if (isExpelled(error) && codeOf(error) !== "ILLEGAL_GENERATION") this.#memberId = "";
        const isUsual = isExpelled(error) || ["REBALANCE_IN_PROGRESS", "TOPIC_GONE"].includes(codeOf(error));
        if (!isUsual && !signal.aborted) health.trouble(this, error);
        await pause(clock, backoffMs(failures++), signal);
      }
    }
    await Promise.race([Promise.all(this.#running.values()), aborted(this.#abandon.signal)]);
    await this.#link.close();
    health.well(this);
  }

  /** Makes the topic and the group, so that what comes from now on waits for it. */
  async #declare(): Promise<Topic> {
    const { topic: name, from, owner } = this.#reading;
    this.#context.topics.forget(name);
    const topic = await this.#context.topics.declare(name);
    const partitions = [...topic.leaders.keys()];
    let committed = await this.#link.committed(this.#group, name, partitions);
    if ([...committed.values()].every(({ offset }) => offset === undefined)) {
      const begins = [...await offsetsOf(this.#link, name, topic, from)];
      try {
        const offsets = begins.map(([partition, offset]) => ({ partition, offset }));
        await this.#link.commit({ group: this.#group }, name, offsets, markOf(owner));
      } catch (error) {
        if (!isExpelled(error)) throw error; // the group has members, and the first of them has done this
      }
      committed = await this.#link.committed(this.#group, name, partitions);
    }
    if (owner !== undefined) requireOwner(owner, name, this.#group, committed.values());
    return topic;
  }

  async #serve(topic: Topic, joined: () => void): Promise<void> {
    const { settings, health } = this.#context;
    const { topic: name } = this.#reading;
    const membership = await this.#link.join({
      group: this.#group,
      topic: name,
      partitions: topic.leaders.length,
      memberId: this.#memberId,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      rebalanceTimeoutMs: settings.rebalanceTimeoutMs,
    });
    this.#memberId = membership.memberId;
    joined();
    const committed = membership.partitions.length === 0
      ? new Map()
      : await this.#link.committed(this.#group, name, membership.partitions);
    const told = { trouble: (error: unknown) => health.trouble(this, error), well: () => health.well(this) };
    const generation = new Generation(
      this.#context,
      this.#link,
      this.#reading,
      this.#receiver,
      topic,
      membership,
      committed,
      told,
    );
    await generation.run(this.#stop.signal, this.#abandon.signal, this.#running);
  }
}
