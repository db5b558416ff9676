import type { Parcel, Refusal, TransportServices } from "../../../runtime/ports/transport.ts";
import type { KafkaLink, KafkaRecord } from "./link.ts";
import type { Names } from "./names.ts";
import type { KafkaSettings } from "./options.ts";
import { recordOf } from "./records.ts";
import { TopicSender } from "./topic_sender.ts";
import type { Topics } from "./topics.ts";

/** The number of topics that are written to without being found anew: strangers name some, for replies. */
const sendersMax = 1_000;

/** Sends parcels, and dead letters, each to its topic. */
export class Sender {
  readonly #link: KafkaLink;
  readonly #topics: Topics;
  readonly #settings: KafkaSettings;
  readonly #services: TransportServices;
  readonly #names: Names;
  readonly #closed: AbortSignal;
  readonly #senders = new Map<string, TopicSender>();

  constructor(
    link: KafkaLink,
    topics: Topics,
    settings: KafkaSettings,
    services: TransportServices,
    names: Names,
    closed: AbortSignal,
  ) {
    this.#link = link;
    this.#topics = topics;
    this.#settings = settings;
    this.#services = services;
    this.#names = names;
    this.#closed = closed;
  }

  /** Sends parcels to one destination channel, in order. */
  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (batch.length === 0) return [];
    const { messageBytes } = this.#settings;
    const answers: (Refusal | undefined)[] = new Array(batch.length).fill(undefined);
    const records: { readonly record: KafkaRecord; readonly partition: number | undefined }[] = [];
    const indexes: number[] = [];
    let topic: string | undefined;
    for (const [index, parcel] of batch.entries()) {
      const target = this.#names.target(parcel.to);
      if (target === undefined) {
        answers[index] = {
          code: "refused",
          message: "Cannot send to a reply address that is no topic of Kafka",
        };
      } else if (parcel.body.length > messageBytes) {
        const what = `its body has ${parcel.body.length} of ${messageBytes} bytes`;
        answers[index] = {
          code: "too-large",
          message: `Cannot send ${parcel.id} to ${target.topic}: ${what}`,
        };
      } else {
        topic ??= target.topic;
        if (topic !== target.topic) {
          throw new TypeError("Cannot send over Kafka: a batch has one destination channel");
        }
        records.push({ record: recordOf(parcel, target, this.#names), partition: target.partition });
        indexes.push(index);
      }
    }
    if (topic === undefined) return answers;
    if (batch[0].to.kind === "event") await this.#topics.declare(topic);
    const outcomes = await this.#of(topic).send(records);
    for (const [at, outcome] of outcomes.entries()) answers[indexes[at]] = outcome;
    return answers;
  }

  /** Writes a dead letter. */
  async bury(topic: string, record: KafkaRecord): Promise<void> {
    await this.#topics.declare(topic);
    const [refusal] = await this.#of(topic).send([{ record, partition: undefined }]);
    if (refusal === undefined) return;
    const error = new Error(`Cannot keep a dead letter: ${refusal.message}`);
    this.#services.report(error);
    if (refusal.code === "no-receiver") throw error; // it can be made; else the letter would stop its partition for ever
  }

  /** Resolves when nothing is being sent. */
  async settled(): Promise<void> {
    await Promise.all([...this.#senders.values()].map(({ working }) => working));
  }

  #of(topic: string): TopicSender {
    let sender = this.#senders.get(topic);
    if (sender === undefined) {
      this.#forgetSome();
      sender = new TopicSender(topic, this.#link, this.#topics, this.#services.clock, this.#closed);
      this.#senders.set(topic, sender);
    }
    return sender;
  }

  #forgetSome(): void {
    if (this.#senders.size < sendersMax) return;
    for (const [topic, { working }] of this.#senders) {
      if (working === undefined && topic !== this.#names.process) {
        this.#senders.delete(topic);
      }
    }
  }
}
