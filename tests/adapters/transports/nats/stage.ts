// Two services and a stranger on a real NATS server.

import assert from "node:assert/strict";
import { type Clock, systemClock, systemRandom } from "@posthorn/posthorn";
import { nats, type NatsOptions } from "@posthorn/posthorn/nats";
import type {
  Channel,
  Delivery,
  Parcel,
  Receiver,
  Tenure,
  TransportConnection,
} from "@posthorn/posthorn/transport";

export const add = { name: "add", mode: "tell" } as const;
export const total = { name: "total", mode: "ask" } as const;

const [major, minor] = Deno.version.deno.split(".").map(Number);
/** Older versions of Deno cannot begin TLS on an open connection. */
export const beginsTls = major > 2 || minor >= 9;

export type Inbox = Channel & { readonly kind: "inbox" };

/** What a receiver was given. */
export class Taken implements Receiver {
  readonly deliveries: Delivery[] = [];
  readonly tenures: Tenure[] = [];
  /** Where the next tenure reads from. */
  position: number | undefined;
  /** Awaited before a batch is taken. */
  gate: Promise<void> = Promise.resolve();

  begin(tenure: Tenure): Promise<number | undefined> {
    this.tenures.push(tenure);
    return Promise.resolve(this.position);
  }

  async take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly []> {
    await this.gate;
    if (tenure.signal.aborted) throw new Error("The tenure has ended");
    this.deliveries.push(...batch);
    this.position = batch.at(-1)!.position ?? this.position;
    return [];
  }

  get bodies(): string[] {
    return this.deliveries.map(({ body }) => new TextDecoder().decode(body));
  }
}

/** Connections that end with the test. Everything they make in the server has a name with the prefix. */
export class Stage implements AsyncDisposable {
  readonly reported: unknown[] = [];
  readonly #prefix: string;
  readonly #stack = new AsyncDisposableStack();
  #processes = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async connect(
    service: string,
    options: NatsOptions,
    { stored = true, clock = systemClock() }: { readonly stored?: boolean; readonly clock?: Clock } = {},
  ): Promise<TransportConnection> {
    const connection = await nats(options).open({
      clock,
      random: systemRandom(),
      service: `${this.#prefix}-${service}`,
      instance: `${this.#prefix}-${++this.#processes}`,
      store: stored ? `${this.#prefix}-${service}` : undefined,
      report: (error) => void this.reported.push(error),
    });
    this.#stack.defer(() => connection.close());
    return connection;
  }

  inbox(name: string, operations: Inbox["operations"] = [add]): Inbox {
    return { kind: "inbox", protocol: this.#prefix + name, operations };
  }

  async read(connection: TransportConnection, channel: Channel): Promise<Taken> {
    const taken = new Taken();
    await connection.receive(channel, taken).ready;
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A clock of the machine for who measures how long something takes. A test may set it forward. */
export function forwardClock(): Clock & { forward(byMs: number): void } {
  const clock = systemClock();
  let aheadMs = 0;
  return {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + aheadMs,
    forward: (byMs) => void (aheadMs += byMs),
  };
}

/** Parcels for one actor, whose bodies are numbers. */
export function parcels(inbox: Inbox, from: number, count: number, more: Partial<Parcel> = {}): Parcel[] {
  return Array.from({ length: count }, (_, index) => ({
    to: { kind: "inbox", protocol: inbox.protocol, key: "ada", operation: add },
    id: `${inbox.protocol}-${from + index}`,
    body: new TextEncoder().encode(String(from + index)),
    contentType: "application/json",
    headers: {},
    ...more,
  }));
}

/** Waits until something is so. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let looked = 0; !await holds(); looked++) {
    assert(looked < 3_000, `Within 30 s ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
