import { PosthornError } from "../../../runtime/base/errors.ts";
import { pause } from "../../../runtime/base/pause.ts";
import type { Channel, Receiver, Tenure, TransportServices } from "../../../runtime/ports/transport.ts";
import { bytesOf, deliveryOf } from "./incoming.ts";
import type { Message } from "./message.ts";
import type { Session } from "./session.ts";
import type { Streams } from "./streams.ts";
import { settled } from "./settled.ts";

/** What a reader of messages that no stream keeps needs. */
export interface CoreReaderOptions {
  readonly channel: Channel;
  readonly shard: "asks" | "process";
  readonly receiver: Receiver;
  readonly services: TransportServices;
  readonly streams: Streams;
  /** Begins to hear in a session, until the result is called. */
  listen(session: Session, hear: (message: Message) => void): () => void;
}

const batchMax = 200;
const heldMax = 10_000;
const heldBytesMax = 67_108_864;
const restMs = 500;

/** Reads what no stream keeps: asks, and the replies to this process. What is not taken is lost with its connection. */
export class CoreReader {
  readonly #options: CoreReaderOptions;
  #held: Message[] = [];
  #bytes = 0;
  #isFull = false;
  #isDraining = false;
  #wake: (() => void) | undefined;
  #abandon: (() => void) | undefined;
  #leave: (() => void) | undefined;

  constructor(options: CoreReaderOptions) {
    this.#options = options;
  }

  /** Begins to hear. Resolves when the server knows that. */
  async declare(session: Session): Promise<void> {
    this.#leave?.();
    this.#held = [];
    this.#bytes = 0;
    this.#leave = this.#options.listen(session, (message) => this.#hear(message));
    await session.flush();
  }

  /** Hears nothing more, and hands over what has come. */
  async drain(session: Session | undefined): Promise<void> {
    this.#leave?.();
    await session?.flush().catch(() => {}); // a connection that breaks brings nothing either
    this.#isDraining = true;
    this.#wake?.();
  }

  /** Hands over what comes, until the signal is aborted or the reader has drained. */
  async run(stop: AbortSignal): Promise<void> {
    const { receiver, shard, services: { clock } } = this.#options;
    while (!stop.aborted) {
      const end = new AbortController();
      const signal = AbortSignal.any([stop, end.signal]);
      const tenure: Tenure = { shard, signal };
      if (await settled(receiver.begin(tenure), signal) !== undefined) await this.#take(tenure);
      end.abort();
      if (this.#isDraining) break;
      await pause(clock, restMs, stop);
    }
    this.#leave?.();
  }

  /** Hands over until the tenure ends, or a batch is refused: it is lost, because nobody keeps it. */
  async #take(tenure: Tenure): Promise<void> {
    const { receiver, channel, streams: { names: { depth } } } = this.#options;
    tenure.signal.addEventListener("abort", () => this.#end());
    while (!tenure.signal.aborted) {
      if (this.#held.length === 0) {
        if (this.#isDraining) return;
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        continue;
      }
      const batch = this.#held.splice(0, batchMax);
      for (const message of batch) this.#bytes -= bytesOf(message);
      this.#isFull = false;
      const deliveries = batch.map((message) => deliveryOf(message, channel, undefined, depth));
      if (!await this.#isTaken(receiver.take(deliveries, tenure), tenure)) return;
    }
  }

  /** Whether a batch is taken before its tenure ends. Whoever rejects it has said why. */
  #isTaken(taking: Promise<unknown>, { signal }: Tenure): Promise<boolean> {
    return new Promise((resolve) => {
      this.#abandon = () => resolve(false);
      taking.then(() => resolve(!signal.aborted), () => resolve(false));
      if (signal.aborted) resolve(false);
    });
  }

  /** The tenure has ended. */
  #end(): void {
    this.#abandon?.();
    this.#wake?.();
  }

  #hear(message: Message): void {
    if (this.#held.length >= heldMax || this.#bytes + bytesOf(message) > heldBytesMax) {
      if (!this.#isFull) this.#options.services.report(this.#fullness());
      this.#isFull = true;
      return;
    }
    this.#held.push(message);
    this.#bytes += bytesOf(message);
    this.#wake?.();
  }

  #fullness(): PosthornError {
    const held = `${this.#held.length} of ${heldMax} messages and ${this.#bytes} of ${heldBytesMax} bytes`;
    return new PosthornError("transport-full", `Cannot take ${this.#options.shard} from NATS: ${held} wait`);
  }
}
