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
import type { BrokerClient } from "./client.ts";
import type { QueueReader, SimulatedQueue } from "./queue.ts";

/** What the broker says to a send. */
export type SendAnswer = readonly (Refusal | undefined)[] | Error;

/** What a connection needs of its broker. */
export interface ConnectionHost {
  /** Carries parcels to the broker, and its answer back to the process. */
  carry(
    from: SimulatedTransportConnection,
    batch: readonly Parcel[],
    answer: (answer: SendAnswer) => void,
  ): void;
  /** Declares what is read, and lets the reader in, when that has arrived. */
  declare(from: SimulatedTransportConnection, reader: QueueReader): Promise<SimulatedQueue>;
  /** It is closed, or its process has crashed. */
  ended(connection: SimulatedTransportConnection): void;
}

interface Reading {
  readonly reader: QueueReader;
  queue: SimulatedQueue | undefined;
  over: boolean;
}

/** A connection of one process to a simulated broker. */
export class SimulatedTransportConnection implements TransportConnection {
  readonly client: BrokerClient;
  readonly services: TransportServices;
  readonly #host: ConnectionHost;
  readonly #sends = new Set<(answer: SendAnswer) => void>();
  readonly #readings = new Set<Reading>();
  readonly #watchers = new Set<{ readonly onChange: (state: TransportState) => void }>();
  #state: TransportState = { status: "connecting", reason: "it has just been opened" };
  #drained: Promise<void> | undefined;
  #closed = false;

  constructor(client: BrokerClient, services: TransportServices, host: ConnectionHost) {
    this.client = client;
    this.services = services;
    this.#host = host;
  }

  get state(): TransportState {
    return this.#state;
  }

  send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed) return Promise.reject(closedError("send"));
    return new Promise((resolve, reject) => {
      const settle = (answer: SendAnswer) => {
        if (!this.#sends.delete(settle)) return;
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      this.#sends.add(settle);
      this.#host.carry(this, batch.map(copyOf), (answer) => this.client.deliver(() => settle(answer)));
    });
  }

  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> } {
    if (this.#closed || this.#drained !== undefined) throw closedError(`read ${channel.kind}`);
    const reader: QueueReader = { client: this.client, receiver, channel };
    const reading: Reading = { reader, queue: undefined, over: false };
    this.#readings.add(reading);
    const ready = this.#host.declare(this, reader).then((queue) => {
      if (reading.over) queue.leave(reader);
      reading.queue = queue;
    });
    ready.catch(() => {}); // whoever does not look at it is not told
    return { ready, [Symbol.dispose]: () => this.#leave(reading) };
  }

  drain(): Promise<void> {
    return this.#drained ??= this.#drain();
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    const watcher = { onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    for (const reading of this.#readings) this.#leave(reading);
    for (const settle of this.#sends) settle(closedError("tell whether it was sent"));
    this.#watchers.clear();
    this.#host.ended(this);
    return Promise.resolve();
  }

  /** The process hears that it has no connection, and ends its tenures and sends. It comes back at once. */
  cut(): void {
    this.client.deliver(() => {
      for (const settle of this.#sends) settle(unknownError("its connection was cut"));
      for (const { queue } of this.#readings) {
        for (const { tenancies } of queue?.shards ?? []) {
          for (const tenancy of tenancies) if (tenancy.client === this.client) tenancy.end();
        }
      }
    });
  }

  /** The process hears of another state. */
  change(state: TransportState): void {
    this.client.deliver(() => {
      if (this.#closed || this.#state.status === state.status) return;
      this.#state = state;
      for (const { onChange } of [...this.#watchers]) onChange(state);
    });
  }

  /** Its process has crashed: nothing of it goes on, and others read what it has read some time later. */
  crash(noticedAfterMs: number): void {
    for (const { queue, reader } of this.#readings) queue?.leave(reader, noticedAfterMs);
    this.#host.ended(this);
  }

  async #drain(): Promise<void> {
    await Promise.all(Array.from(this.#readings, (reading) => {
      reading.over = true;
      return reading.queue?.drain(reading.reader);
    }));
  }

  #leave(reading: Reading): void {
    if (!this.#readings.delete(reading)) return;
    reading.over = true;
    reading.queue?.leave(reading.reader);
  }
}

/** The error of a send of which nobody knows how much has arrived. */
export function unknownError(why: string): PosthornError {
  return new PosthornError("outcome-unknown", `Cannot tell whether it was sent: ${why}`);
}

/** The error of a call on a connection that is closed or drained. */
export function closedError(what: string): PosthornError {
  return new PosthornError("transport-closed", `Cannot ${what}: the connection is closed or drained`);
}

/** Copied, because it may arrive after the caller has reused its buffers. */
function copyOf(parcel: Parcel): Parcel {
  return { ...parcel, body: parcel.body.slice(), headers: { ...parcel.headers } };
}
