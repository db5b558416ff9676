import { PosthornError } from "../../../runtime/base/errors.ts";
import type {
  Channel,
  Parcel,
  Receiver,
  Refusal,
  TransportConnection,
  TransportServices,
  TransportState,
} from "../../../runtime/ports/transport.ts";
import type { Broker } from "./memory_broker.ts";
import { addressOf } from "./names.ts";
import type { MemoryQueue, QueueReader } from "./queue.ts";

interface Reading {
  readonly reader: QueueReader;
  readonly queue: MemoryQueue;
  readonly channel: Channel;
}

/** A connection of one process to a broker in memory. */
export class MemoryConnection implements TransportConnection {
  readonly state: TransportState = { status: "connected" };
  readonly #broker: Broker;
  readonly #services: TransportServices;
  readonly #readings = new Set<Reading>();
  #drained: Promise<void> | undefined;
  #closed = false;

  constructor(broker: Broker, services: TransportServices) {
    this.#broker = broker;
    this.#services = services;
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed) throw new PosthornError("transport-closed", "Cannot send: the connection is closed");
    return batch.map(({ to, replyTo, ...message }) => {
      const address = replyTo && { replyTo: addressOf(replyTo, this.#services) };
      return this.#broker.send(to, { ...message, ...address });
    });
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#closed || this.#drained !== undefined) {
      throw new PosthornError(
        "transport-closed",
        `Cannot read ${channel.kind}: the connection is closed or drained`,
      );
    }
    const reader: QueueReader = { receiver, clock: this.#services.clock };
    try {
      const reading: Reading = { reader, channel, queue: this.#broker.join(channel, this.#services, reader) };
      this.#readings.add(reading);
      return { ready: Promise.resolve(), [Symbol.dispose]: () => this.#leave(reading) };
    } catch (error) {
      const ready = Promise.reject(error);
      ready.catch(() => {}); // whoever does not look at it is not told
      return { ready, [Symbol.dispose]() {} };
    }
  }

  drain(): Promise<void> {
    return this.#drained ??= this.#drain();
  }

  watch(): Disposable {
    return { [Symbol.dispose]() {} }; // its state never changes
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const reading of this.#readings) this.#leave(reading);
    this.#broker.closed(this.#services);
    return Promise.resolve();
  }

  async #drain(): Promise<void> {
    await Promise.all(Array.from(this.#readings, ({ queue, reader }) => queue.drain(reader)));
  }

  #leave(reading: Reading): void {
    if (!this.#readings.delete(reading)) return;
    reading.queue.leave(reading.reader);
    if (reading.channel.kind === "process") this.#broker.remove(reading.queue);
  }
}
