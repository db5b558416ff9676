import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Parcel, Refusal, TransportServices } from "../../../runtime/ports/transport.ts";
import type { AmqpChannel, Client } from "./client.ts";
import { amqpCodeOf, wordsOf } from "./faults.ts";
import type { Link } from "./link.ts";
import type { Names } from "./names.ts";
import { type Outgoing, outgoingOf } from "./outgoing.ts";
import { type Outcome, Publisher } from "./publisher.ts";

/** `send` has to settle within 30 s. */
const sendMs = 25_000;
/** How long it waits for a connection. */
const connectMs = 5_000;

/** The name of the channel to which the replies to this process come. */
const repliesName = "replies";

type Answer = Refusal | undefined;

/** What a sender needs. */
export interface SenderOptions {
  readonly client: Client;
  readonly link: Link;
  readonly services: TransportServices;
  readonly names: Names;
  readonly messageBytes: number;
  /** Starts to read the direct replies to what a channel publishes. */
  readonly hearReplies: (channel: AmqpChannel) => Promise<void>;
}

/** Publishes parcels: on one channel for each exchange, and on one more for what is replied to this process. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #publishers = new Map<string, Promise<Publisher>>();
  /** The exchanges that are there, as far as is known. */
  readonly #exchanges = new Set<string>();
  /** Those of inboxes to which a queue is bound, as far as is known. */
  readonly #bound = new Set<string>();
  readonly #stop = new AbortController();
  #messageBytes: number;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#messageBytes = options.messageBytes;
  }

  async send(batch: readonly Parcel[]): Promise<readonly Answer[]> {
    this.#requireOpen();
    const { services: { service, clock }, names } = this.#options;
    const options = { service, names, nowMs: clock.now(), messageBytes: this.#messageBytes };
    const made = batch.map((parcel) => outgoingOf(parcel, options));
    const outgoing = made.filter((one) => "envelope" in one);
    if (outgoing.length === 0) return made.filter((one) => "code" in one);
    const replies = batch.some(({ replyTo }) => replyTo?.kind === "process");
    const taken = await this.#inTime((signal) => this.#publish(outgoing, replies, signal));
    let next = 0;
    return made.map((one) => "envelope" in one ? taken[next++] : one);
  }

  /** Publishes a message that is no parcel, to a queue. Rejects unless the broker has it. */
  async copy(outgoing: Outgoing): Promise<void> {
    const [refusal] = await this.#inTime((signal) => this.#publish([outgoing], false, signal));
    if (refusal !== undefined) throw new PosthornError(refusal.code, refusal.message);
  }

  /** Opens the channel to which the replies to this process come. */
  async openReplies(): Promise<void> {
    await this.#publisher(repliesName);
  }

  /** Ends what is being sent. */
  close(): void {
    this.#stop.abort();
  }

  #requireOpen(): void {
    if (!this.#stop.signal.aborted) return;
    throw new PosthornError("transport-closed", "Cannot send: the connection is closed");
  }

  async #inTime<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { link, services: { clock } } = this.#options;
    if (link.state.status === "refused") throw this.#unknown("it refuses this program");
    const late = new AbortController();
    const abort = () => late.abort();
    let cancel = clock.setTimer(connectMs, () => {
      if (["connecting", "refused"].includes(link.state.status)) abort();
      else cancel = clock.setTimer(sendMs - connectMs, abort);
    });
    this.#stop.signal.addEventListener("abort", abort);
    try {
      return await Promise.race([
        work(late.signal),
        new Promise<never>((_, reject) => {
          late.signal.addEventListener("abort", () => reject(this.#unknown("nobody has answered in time")));
        }),
      ]);
    } finally {
      cancel();
      this.#stop.signal.removeEventListener("abort", abort);
    }
  }

  /** All parcels of a batch go to one exchange. */
  async #publish(batch: readonly Outgoing[], replies: boolean, signal: AbortSignal): Promise<Answer[]> {
    const { exchange } = batch[0].envelope;
    const refusal = await this.#faultOfExchange(exchange, signal);
    if (refusal !== undefined) return batch.map(() => refusal);
    const name = replies ? repliesName : `exchange ${exchange}`;
    if (batch.length > 1 && this.#isUnbound(batch[0])) {
      const [first] = await this.#publish(batch.slice(0, 1), replies, signal);
      if (first?.code === "no-receiver") return batch.map(() => first);
      return [first, ...await this.#publish(batch.slice(1), replies, signal)];
    }
    const publisher = await this.#publisher(name);
    const outcomes = await publisher.publish(batch, signal);
    const failed = outcomes.find((outcome) => typeof outcome === "object");
    if (outcomes.includes("returned")) this.#bound.delete(exchange);
    else if (failed === undefined && exchange !== "") this.#bound.add(exchange);
    if (failed === undefined) return outcomes.map((outcome, index) => this.#answer(outcome, batch[index]));
    const code = amqpCodeOf(failed.error);
    if (code === "ACCESS_REFUSED") return await this.#publishEach(batch, outcomes, name, signal);
    if (code === "NOT_FOUND") this.#exchanges.delete(exchange);
    this.#learn(failed.error);
    throw this.#unknown(wordsOf(failed.error));
  }

  /**
   * Whether nobody knows that a queue is bound to an inbox. Then the first message goes alone: the queue may be bound while
   * a batch is sent, and what came back would be sent behind what did not.
   */
  #isUnbound({ envelope: { exchange, mandatory } }: Outgoing): boolean {
    return mandatory && exchange !== "" && !this.#bound.has(exchange);
  }

  /** The broker refuses one of them, and does not say which: each is sent by itself. */
  async #publishEach(
    batch: readonly Outgoing[],
    outcomes: readonly Outcome[],
    name: string,
    signal: AbortSignal,
  ): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const outgoing = batch[index];
      if (typeof outcome !== "object") answers.push(this.#answer(outcome, outgoing));
      else answers.push(await this.#publishAlone(outgoing, name, signal));
    }
    return answers;
  }

  /** Publishes on a channel that nobody else uses: so what the broker says about the channel is about this one. */
  async #publishAlone(outgoing: Outgoing, name: string, signal: AbortSignal): Promise<Answer> {
    const publisher = await this.#open(name);
    const [outcome] = await publisher.publish([outgoing], signal);
    if (typeof outcome !== "object") {
      // The reply comes to the channel that has asked.
      if (name === repliesName) this.#publishers.set(name, Promise.resolve(publisher));
      else publisher.close();
      return this.#answer(outcome, outgoing);
    }
    const words = wordsOf(outcome.error);
    if (amqpCodeOf(outcome.error) !== "ACCESS_REFUSED") throw this.#unknown(words);
    return { code: "refused", message: this.#words(outgoing, words) };
  }

  #answer(outcome: Outcome, outgoing: Outgoing): Answer {
    if (outcome !== "returned") return undefined;
    return { code: "no-receiver", message: this.#words(outgoing, "no queue takes it") };
  }

  #words({ envelope: { exchange, routingKey } }: Outgoing, why: string): string {
    return `Cannot send to ${exchange || routingKey}: ${why}`;
  }

  /** The broker takes smaller messages than the option says. It tells its limit when it closes the channel. */
  #learn(error: unknown): void {
    const most = /message size \d+ is larger than configured max size (\d+)/.exec(wordsOf(error))?.[1];
    if (most !== undefined) this.#messageBytes = Math.min(this.#messageBytes, Number(most));
  }

  #unknown(why: string): PosthornError {
    if (this.#stop.signal.aborted) {
      return new PosthornError("transport-closed", "Cannot send: the connection was closed meanwhile");
    }
    const { status, reason } = this.#options.link.state;
    const words = status === "connected" ? why : reason ?? "it is not connected yet";
    return new PosthornError(
      "transport-unavailable",
      `Cannot send: nobody knows whether RabbitMQ has it: ${words}`,
    );
  }

  /** Why nothing can be sent to an exchange; `undefined` if it is there. Publishing to none would close the channel. */
  async #faultOfExchange(exchange: string, signal: AbortSignal): Promise<Refusal | undefined> {
    if (exchange === "" || this.#exchanges.has(exchange)) return undefined;
    const passive = await this.#declare({ exchange, passive: true }, signal);
    if (passive === "NOT_FOUND" && exchange !== this.#options.names.events) {
      return { code: "no-receiver", message: `Cannot send to ${exchange}: no service has declared it` };
    }
    // Whoever publishes an event first declares its exchange.
    const fault = passive === "NOT_FOUND"
      ? await this.#declare({ exchange, type: "topic", durable: true }, signal)
      : passive;
    if (fault !== undefined) {
      return { code: "refused", message: `Cannot send to ${exchange}: the broker answers ${fault}` };
    }
    this.#exchanges.add(exchange);
    return undefined;
  }

  /** Declares on a channel of its own, which an error would close. Resolves with the code of what the broker says. */
  async #declare(
    exchange: { exchange: string; passive?: boolean; type?: string; durable?: boolean },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const channel = await this.#options.link.channel(signal);
    if (channel === undefined) throw this.#unknown("it was not reached in time");
    channel.on("error", () => {}); // the call rejects
    try {
      await channel.exchangeDeclare(exchange);
      return undefined;
    } catch (error) {
      const code = amqpCodeOf(error);
      if (["NOT_FOUND", "ACCESS_REFUSED", "PRECONDITION_FAILED"].includes(code)) return code;
      throw this.#unknown(wordsOf(error));
    } finally {
      void channel.close();
    }
  }

  /** The channel that publishes, opened if there is none. Callers share it while it opens. */
  async #publisher(name: string): Promise<Publisher> {
    for (;;) {
      let opening = this.#publishers.get(name);
      if (opening === undefined) this.#publishers.set(name, opening = this.#open(name));
      const publisher = await opening.catch((error: unknown) => ({ error, active: false as const }));
      if (publisher.active) return publisher;
      if (this.#publishers.get(name) === opening) this.#publishers.delete(name);
      if ("error" in publisher) throw this.#unknown(wordsOf(publisher.error));
    }
  }

  async #open(name: string): Promise<Publisher> {
    const publisher = new Publisher(this.#options.client, this.#options.services.clock);
    const channel = await this.#options.link.channel(this.#stop.signal, publisher.returned);
    if (channel === undefined) throw this.#unknown("it is closed");
    await publisher.use(channel);
    if (name === repliesName) await this.#options.hearReplies(channel);
    return publisher;
  }
}
