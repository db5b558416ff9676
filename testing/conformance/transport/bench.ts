import type { Clock } from "../../../runtime/base/clock.ts";
import type { Random } from "../../../runtime/base/random.ts";
import type {
  Channel,
  Destination,
  InboxOperation,
  Parcel,
  Refusal,
  Transport,
  TransportConnection,
} from "../../../runtime/ports/transport.ts";
import { expect, expectEqual } from "../expectations.ts";
import { Collector } from "./collector.ts";
import type { TransportFaults } from "./faults.ts";
import { Relays } from "./relays.ts";

/** A process of a service, for which a transport is made. */
export interface TransportProcess {
  /** The name of its service. */
  readonly service: string;
  /** Its own name. */
  readonly instance: string;
  /** The names of all services of the case, with its own. */
  readonly services: readonly string[];
}

/** What a bench needs. */
export interface TransportBenchOptions {
  readonly transport: Transport;
  /** Makes the transport of one process. */
  transportOf(process: TransportProcess): Transport;
  readonly faults: TransportFaults;
  readonly clock: Clock;
  readonly random: Random;
  readonly patienceMs: number;
  advance(byMs: number): Promise<void>;
}

/** A process of a service that reads a channel. */
export interface Reading extends Disposable {
  readonly connection: TransportConnection;
  readonly collector: Collector;
}

const lookMs = 10;

/** The services of all cases, without the prefix. */
const serviceNames = ["a", "b", "c"];

/** The operation that inboxes of cases expose. */
export const add: InboxOperation = { name: "add", mode: "tell" };

/** The environment of a case. All that it makes in the broker has a name that begins with its prefix. */
export class TransportBench {
  readonly prefix: string;
  readonly transport: Transport;
  readonly faults: TransportFaults;
  /** What connections have reported. */
  readonly reported: unknown[] = [];
  readonly #options: TransportBenchOptions;
  /** The open connections, with their services. */
  readonly #connections = new Map<TransportConnection, string>();
  /** The services of which a process has connected. */
  readonly #services = new Set<string>();
  readonly #relays: Relays;
  readonly #collectors = new Set<Collector>();
  #parcels = 0;
  #processes = 0;

  constructor(options: TransportBenchOptions) {
    this.#options = options;
    this.transport = options.transport;
    this.faults = options.faults;
    this.#relays = new Relays(options.clock, Math.max(options.transport.traits.parcelsAtOnce, 1));
    this.prefix = `c${options.random.ulid(options.clock.now()).toLowerCase()}`;
  }

  /** The clock of the connections. */
  get clock(): Clock {
    return this.#options.clock;
  }

  /** Opens a connection of a new process of the service. */
  async connect(
    service: string,
    { transport, store = service }: { readonly transport?: Transport; readonly store?: string } = {},
  ): Promise<TransportConnection> {
    const { clock, random, transportOf } = this.#options;
    const name = `${this.prefix}-${service}`;
    const instance = `${name}-${++this.#processes}`;
    const services = serviceNames.map((one) => `${this.prefix}-${one}`);
    const connection = await this.within(
      (transport ?? transportOf({ service: name, instance, services })).open({
        clock,
        random,
        service: name,
        instance,
        store: `${this.prefix}-${store}`,
        report: (error) => void this.reported.push(error),
      }),
      "a connection is opened",
    );
    this.#connections.set(connection, name);
    this.#services.add(name);
    return connection;
  }

  /** Lets a process of the service, by default a new one, read a channel. Resolves when that is declared. */
  async read(
    service: string,
    channel: Channel,
    { collector = new Collector(), connection }: Partial<Reading> = {},
  ): Promise<Reading> {
    this.#collectors.add(collector);
    const through = connection ?? await this.connect(service);
    const by = `process ${[...this.#connections.keys()].indexOf(through) + 1}`;
    const reading = through.receive(channel, collector.by(by));
    await this.within(reading.ready, `${channel.kind} is declared`);
    return { connection: through, collector, [Symbol.dispose]: () => reading[Symbol.dispose]() };
  }

  /** An inbox of a protocol that no other case has. */
  inbox(name = "a", operations: readonly InboxOperation[] = [add]): Channel & { kind: "inbox" } {
    return { kind: "inbox", protocol: this.prefix + name, operations };
  }

  /** An event, or a survey, of a protocol that no other case has. */
  event(event = "settled", mode: "event" | "survey" = "event"): Channel & { kind: "event" } {
    return { kind: "event", protocol: `${this.prefix}e`, event, mode };
  }

  /** A destination in an inbox. */
  to({ protocol }: Channel & { kind: "inbox" }, key = "ada", operation: InboxOperation = add): Destination {
    return { kind: "inbox", protocol, key, operation };
  }

  /** A parcel with an id of its own. */
  parcel(to: Destination, more: Partial<Parcel> = {}): Parcel {
    const number = ++this.#parcels;
    const id = `${this.prefix}-${number}`;
    const body = new TextEncoder().encode(String(number));
    return { to, id, body, contentType: "application/json", headers: {}, ...more };
  }

  /** A number of parcels for the same destination. */
  parcels(count: number, to: Destination): Parcel[] {
    return Array.from({ length: count }, () => this.parcel(to));
  }

  /**
   * Sends parcels, all of which must be taken, in batches of the size that the traits name. If no broker holds them, it only
   * begins to: they are taken by the end of the case.
   */
  async send(connection: TransportConnection, parcels: readonly Parcel[]): Promise<void> {
    if (this.isHeldBySender) {
      for (const some of this.addressed(connection, parcels)) this.#relays.send(connection, some);
      return;
    }
    const atOnce = Math.max(this.transport.traits.parcelsAtOnce, 1);
    for (let from = 0; from < parcels.length; from += atOnce) {
      const answers = await this.answers(connection, parcels.slice(from, from + atOnce));
      expectEqual(answers.filter((answer) => answer !== undefined), [], "what was refused");
    }
  }

  /** Whether messages wait for a service at who sends them. */
  get isHeldBySender(): boolean {
    return this.transport.traits.holds === "sender";
  }

  /** What was refused, by the id of its parcel, if no broker holds messages. */
  get refused(): ReadonlyMap<string, Refusal> {
    return this.#relays.refused;
  }

  /** Parcels to one destination, as often as it is one: without a broker, once for each other service of an event. */
  addressed(connection: TransportConnection, parcels: readonly Parcel[]): Parcel[][] {
    const [first] = parcels;
    if (first?.to.kind !== "event" || this.transport.recipients === undefined) return [[...parcels]];
    const others = [...this.#services].filter((service) => service !== this.#connections.get(connection));
    return others.map((service) =>
      parcels.map((parcel) => ({ ...parcel, to: { ...parcel.to, service } as Destination }))
    );
  }

  /** Resolves when all that was sent is taken. */
  async settled(): Promise<void> {
    await this.within(this.#relays.settled(), "what was sent is taken");
  }

  /** Sends one batch, and resolves with what the broker says. */
  async answers(
    connection: TransportConnection,
    batch: readonly Parcel[],
  ): Promise<readonly (Refusal | undefined)[]> {
    const answers = await this.within(connection.send(batch), `${batch.length} parcels are sent`);
    expectEqual(answers.length, batch.length, "the number of answers");
    return answers;
  }

  /** Waits until something is so, and calls `meanwhile` as often as it looks. */
  async eventually(
    holds: () => boolean,
    what: string | (() => string),
    meanwhile?: () => Promise<void>,
  ): Promise<void> {
    const { clock, patienceMs, advance } = this.#options;
    const endMs = clock.monotonicMs() + patienceMs;
    while (!holds()) {
      const said = () => typeof what === "string" ? what : what();
      expect(clock.monotonicMs() < endMs, `Within ${patienceMs} ms ${said()}, and that is not so`);
      await advance(lookMs);
      await meanwhile?.();
    }
  }

  /** Waits until a collector has accepted that many deliveries. */
  async collected({ taken }: Collector, count: number): Promise<void> {
    await this.eventually(
      () => taken.length >= count,
      () => `${count} deliveries are taken: it is ${taken.length}`,
    );
  }

  /** Waits until each parcel was accepted, and checks that it is so in order and, except for repeats, once. */
  async collectedInOrder(collector: Collector, parcels: readonly Parcel[], repeats = false): Promise<void> {
    const expected = parcels.map(({ id }) => id);
    const has = () => (repeats ? collector.firstIds : collector.ids).length;
    await this.eventually(
      () => has() >= expected.length,
      () => `${expected.length} deliveries are taken: it is ${has()}`,
    );
    expectEqual(repeats ? collector.firstIds : collector.ids, expected, "what was taken, in order");
  }

  /** The result of a promise that must settle. */
  async within<T>(promise: Promise<T>, what: string): Promise<T> {
    let settled = false;
    const end = () => void (settled = true);
    promise.then(end, end);
    await this.eventually(() => settled, what);
    return promise;
  }

  /** Lets a bounded time pass in which something that must not happen could. */
  async soon(): Promise<void> {
    for (let looked = 0; looked < 5; looked++) await this.#options.advance(lookMs);
  }

  /** Closes a connection. It is closed only once. */
  async close(connection: TransportConnection): Promise<void> {
    this.#connections.delete(connection);
    await this.within(connection.close(), "a connection is closed");
  }

  /** Closes what is open, also after a failure. */
  async end(): Promise<void> {
    for (const connection of this.#connections.keys()) await connection.close();
  }

  /** Throws if a receiver was called against the contract. */
  requireSound(): void {
    expectEqual(
      [...this.#collectors].flatMap(({ violations }) => violations),
      [],
      "violations of the contract",
    );
  }
}
