import type { Delivery } from "../../../runtime/ports/transport.ts";
import type { BrokerFate } from "./faults.ts";
import type { SimulatedTenancy } from "./tenancy.ts";

/** A message as a simulated broker keeps it. */
export type CarriedMessage = Omit<Delivery, "position" | "again">;

const batchMax = 12;
const earlierMax = 5;

/** The messages of a shard, of which all are kept, and how far they were read. */
export class SimulatedShard {
  readonly name: string;
  /** The name of the queue with that of the shard, for the trace. */
  readonly title: string;
  /** The identity of the log; absent in a queue. */
  epoch: string | undefined;
  tenancy: SimulatedTenancy | undefined;
  /** The tenancies that have not ended: that of the shard, and those that do not know yet that it has moved. */
  readonly tenancies: Set<SimulatedTenancy> = new Set();
  unreadUntilMs = -Infinity;
  #messages: CarriedMessage[] = [];
  /** The position of the first message that is not acknowledged, and of the first that was never handed over. */
  #unacknowledged = 0;
  #unseen = 0;
  #rewound = false;

  constructor(queue: string, name: string, epoch: string | undefined) {
    this.name = name;
    this.title = `${queue}/${name}`;
    this.epoch = epoch;
  }

  /** The number of messages that are not acknowledged. */
  get waiting(): number {
    return this.#messages.length - this.#unacknowledged;
  }

  append(message: CarriedMessage): void {
    this.#messages.push(message);
    this.wake();
  }

  wake(): void {
    for (const tenancy of this.tenancies) tenancy.wake();
  }

  /** Where a tenure begins that knows the position of what it has already. */
  startOf(known: number | undefined, fate: BrokerFate): number {
    if (this.#rewound) {
      this.#rewound = false;
      return 0;
    }
    const usual = this.epoch === undefined || known === undefined ? this.#unacknowledged : known + 1;
    const start = Math.min(usual, this.#messages.length);
    return start > 0 && fate.strikes("readsEarlier") ? Math.max(0, start - 1 - fate.pick(earlierMax)) : start;
  }

  /** What is read next, without what has expired, and the position behind it. */
  read(from: number, before: number, nowMs: number, fate: BrokerFate) {
    const to = Math.min(from + 1 + fate.pick(batchMax), this.#messages.length, before);
    const batch: Delivery[] = [];
    for (let position = from; position < to; position++) {
      const message = this.#messages[position];
      if (message.expiresAtMs !== undefined && message.expiresAtMs <= nowMs) continue;
      const again = this.epoch === undefined && position < this.#unseen;
      const place = this.epoch === undefined ? {} : { position };
      batch.push({ ...message, body: message.body.slice(), again, ...place });
    }
    this.#unseen = Math.max(this.#unseen, to);
    return { batch, to: Math.max(to, from) };
  }

  /** Acknowledges everything before a position. */
  acknowledge(to: number): void {
    this.#unacknowledged = this.epoch === undefined ? Math.max(this.#unacknowledged, to) : to;
  }

  /** The next tenure reads the log from its start. */
  rewind(): void {
    this.#rewound = true;
    this.#unacknowledged = 0;
  }

  /** Another log has the place of this one. */
  recreate(epoch: string): void {
    this.epoch = epoch;
    this.#messages = [];
    this.#unacknowledged = this.#unseen = 0;
    this.#rewound = false;
  }
}
