import type {
  Channel,
  Parcel,
  Receiver,
  Refusal,
  Transport,
  TransportConnection,
  TransportServices,
  TransportState,
  TransportTraits,
} from "@posthorn/posthorn/transport";
import { transportEngine } from "@posthorn/posthorn/transport";

const traits: TransportTraits = {
  name: "fake",
  reads: "queue",
  order: "shard",
  holds: "broker",
  namesStrangers: false,
  messageBytes: 1_000_000,
  parcelsAtOnce: 100,
  failoverMs: 0,
};

type Answers = readonly (Refusal | undefined)[];

/** A transport whose broker does what a test says, and keeps what it took. */
export class FakeTransport implements Transport {
  readonly engine = transportEngine;
  readonly traits: TransportTraits;
  readonly expose: Transport["expose"];
  /** Each batch as it was sent. */
  readonly batches: (readonly Parcel[])[] = [];
  /** What the broker has, in order. */
  readonly taken: Parcel[] = [];
  readonly receivers = new Map<string, Receiver>();
  readonly services: TransportServices[] = [];
  /** Answers a batch; without it the broker takes all of it. */
  answer: ((batch: readonly Parcel[]) => Answers | Promise<Answers>) | undefined;
  /** Sends without waiting; without it the connection cannot do that. */
  sendNow: TransportConnection["sendNow"];
  /** Whether `open` rejects, and with what. */
  openFails: unknown;
  /** Resolves when the broker has what is received. */
  declared: Promise<void> = Promise.resolve();
  /** What `drain` waits for. */
  onDrain: () => Promise<void> = () => Promise.resolve();
  closed = 0;
  drained = 0;
  #state: TransportState = { status: "connected" };
  readonly #watchers = new Set<(state: TransportState) => void>();

  constructor(expose: Transport["expose"] = [], own: Partial<TransportTraits> = {}) {
    this.expose = expose;
    this.traits = { ...traits, ...own };
  }

  /** The ids of what the broker has. */
  get ids(): string[] {
    return this.taken.map(({ id }) => id);
  }

  /** The bodies of what the broker has, as text. */
  get bodies(): string[] {
    return this.taken.map(({ body }) => new TextDecoder().decode(body));
  }

  set state(state: TransportState) {
    this.#state = state;
    for (const watcher of this.#watchers) watcher(state);
  }

  /** Takes the first parcels of a batch. */
  take(batch: readonly Parcel[], count = batch.length): void {
    this.taken.push(...batch.slice(0, count));
  }

  open(services: TransportServices): Promise<TransportConnection> {
    this.services.push(services);
    if (this.openFails !== undefined) return Promise.reject(this.openFails);
    const state = () => this.#state;
    return Promise.resolve({
      ...(this.sendNow !== undefined && { sendNow: this.sendNow }),
      send: async (batch) => {
        this.batches.push(batch);
        if (this.answer !== undefined) return await this.answer(batch);
        this.take(batch);
        return batch.map(() => undefined);
      },
      receive: (channel, receiver) => {
        this.receivers.set(nameOf(channel), receiver);
        return {
          ready: this.declared,
          [Symbol.dispose]: () => void this.receivers.delete(nameOf(channel)),
        };
      },
      drain: () => {
        this.drained++;
        return this.onDrain();
      },
      get state() {
        return state();
      },
      watch: (onChange) => {
        this.#watchers.add(onChange);
        return { [Symbol.dispose]: () => void this.#watchers.delete(onChange) };
      },
      close: () => {
        this.closed++;
        return Promise.resolve();
      },
    });
  }
}

function nameOf(channel: Channel): string {
  if (channel.kind === "inbox") return `inbox ${channel.protocol}`;
  return channel.kind === "event" ? `event ${channel.protocol}.${channel.event}` : channel.kind;
}
