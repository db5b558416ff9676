import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Receiver, TransportServices } from "../../../runtime/ports/transport.ts";
import { Backoff } from "./backoff.ts";
import type { AmqpChannel, Message } from "./client.ts";
import { amqpCodeOf, wordsOf } from "./faults.ts";
import { Handover } from "./handover.ts";
import type { Link } from "./link.ts";
import type { Names, QueueChannel } from "./names.ts";
import { bind, declare, mark } from "./topology.ts";

/** How often a reader makes sure that its exchange and binding are there: nobody is told who deletes them. */
const lookMs = 5_000;

/** What a reader needs. */
export interface ReaderOptions {
  readonly channel: QueueChannel;
  readonly receiver: Receiver;
  readonly link: Link;
  readonly services: TransportServices;
  readonly names: Names;
  readonly prefetch: number;
  /** Puts a delivery where the dead letters are. */
  putAside(message: Message, reason: string): Promise<void>;
}

/** Reads a queue. Each of its channels is a tenure: the broker lets one consumer read, and the others wait. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #ready = Promise.withResolvers<void>();
  #wasReady = false;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #backoff: Backoff;
  #handover: Handover | undefined;
  #failed = false;
  #reported: string | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ fromMs: 100, toMs: 5_000, random: options.services.random });
    this.#ready.promise.catch(() => {}); // whoever does not look at it is not told
    this.#running = this.#run();
  }

  /** Resolves when its queue is declared for the first time; rejects if it never will be. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Reads no more. Resolves when the batch under way is acknowledged, and all else is back in the queue. */
  async drain(): Promise<void> {
    await this.#handover?.stop();
    await this.end();
  }

  /** Reads no more, at once. Resolves when all that is not acknowledged is back in the queue. */
  async end(): Promise<void> {
    this.#stop.abort();
    this.#handover?.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#failed = false;
      const error = await this.#tenure();
      if (this.#stop.signal.aborted) break;
      if (error instanceof PosthornError && error.code === "another-service") {
        if (this.#wasReady) this.#report(error);
        return this.#ready.reject(error);
      }
      if (isSaid(error)) this.#report(error);
      else if (!this.#failed) this.#backoff.reset(); // only the connection broke
      await pause(this.#options.services.clock, this.#backoff.next(), this.#stop.signal);
    }
  }

  /** One tenure, from the opening of a channel to its close. Resolves with what ended it, if it should be known. */
  async #tenure(): Promise<unknown> {
    const { channel, link, services: { clock }, names, prefetch } = this.#options;
    let amqp: AmqpChannel | undefined;
    const over = new AbortController();
    const end = () => over.abort();
    let fault: unknown;
    try {
      amqp = await link.channel(this.#stop.signal);
      if (amqp === undefined) return undefined;
      amqp.on("close", end);
      amqp.on("basic.cancel", end); // its queue is gone
      amqp.on("error", (error) => void (fault ??= error));
      this.#stop.signal.addEventListener("abort", end);
      if (this.#stop.signal.aborted) return undefined; // while the channel was opened
      await this.#declare(amqp);
      this.#wasReady = true;
      this.#ready.resolve();
      if (over.signal.aborted) return fault;
      const handover = this.#handover = this.#handoverOf(amqp, end);
      await amqp.basicQos({ prefetchCount: prefetch });
      let last = 0;
      await amqp.basicConsume({ queue: names.queue(channel) }, (message) => {
        if (over.signal.aborted) return;
        if (message.deliveryTag === ++last) handover.add(message);
        else end(); // one is missing: all come again, in order
      });
      while (!over.signal.aborted) {
        await pause(clock, lookMs, over.signal);
        if (!over.signal.aborted) await bind(amqp, channel, names);
      }
      return fault;
    } catch (error) {
      return fault ?? error;
    } finally {
      this.#stop.signal.removeEventListener("abort", end);
      this.#handover?.end();
      this.#handover = undefined;
      await amqp?.close(); // gives back what is not acknowledged, in order: a cancel or nack would not
    }
  }

  async #declare(amqp: AmqpChannel): Promise<void> {
    const { channel, services: { service }, names } = this.#options;
    if (channel.kind === "inbox") {
      const what = `Cannot read the inbox of ${channel.protocol}`;
      const queue = names.serviceMark(channel.protocol);
      await mark(amqp, { queue, name: service, code: "another-service", what });
    }
    await declare(amqp, channel, names);
  }

  #handoverOf(amqp: AmqpChannel, end: () => void): Handover {
    const { channel, receiver, services: { clock }, names, prefetch, putAside } = this.#options;
    return new Handover({
      channel,
      receiver,
      shard: names.queue(channel),
      batchMax: Math.max(Math.floor(prefetch / 2), 1),
      clock,
      taken: async (messages, rejected) => {
        try {
          for (const { message, reason } of rejected) await putAside(message, reason);
        } catch (error) {
          this.#report(error);
          throw error;
        }
        if (!amqp.active) return;
        amqp.basicAck({ deliveryTag: messages.at(-1)!.deliveryTag, multiple: true });
        this.#backoff.reset();
        this.#reported = undefined;
      },
      failed: () => { // the receiver knows why
        this.#failed = true;
        end();
      },
    });
  }

  /** Reports an error, once as long as it is the same. */
  #report(error: unknown): void {
    const { channel, services, names } = this.#options;
    const words = wordsOf(error);
    if (words === this.#reported) return;
    this.#reported = words;
    const queue = names.queue(channel);
    services.report(
      error instanceof PosthornError
        ? error
        : new PosthornError("transport-unavailable", `Cannot read the queue ${queue} of RabbitMQ: ${words}`),
    );
  }
}

/** Whether an error says more than the state of the connection does. */
function isSaid(error: unknown): boolean {
  if (error === undefined || (error instanceof Error && error.name === "AMQPConnectionError")) return false;
  return !/^(CH_CLOSE|E[A-Z]+)$/.test(amqpCodeOf(error));
}
