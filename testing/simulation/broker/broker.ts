import type { Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Random } from "../../../runtime/base/random.ts";
import { requireInteger } from "../../../runtime/base/require.ts";
import type {
  Delivery,
  Destination,
  Refusal,
  Transport,
  TransportServices,
  TransportTraits,
} from "../../../runtime/ports/transport.ts";
import { transportEngine } from "../../../runtime/remote/engine.ts";
import { Arrivals, type ForeignMessage } from "./arrivals.ts";
import { closedError, SimulatedTransportConnection } from "./connection.ts";
import {
  BrokerFate,
  type SimulatedBrokerFault,
  type SimulatedBrokerFaults,
  type SimulatedBrokerTimes,
} from "./faults.ts";
import { BrokerClient } from "./client.ts";
import { type QueueReader, SimulatedQueue } from "./queue.ts";
import { Routes } from "./routes.ts";
import type { SimulatedShard } from "./shard.ts";

/** Options of {@linkcode SimulatedBroker}. */
export interface SimulatedBrokerOptions {
  /** The true time, which determines the latencies, whatever the clocks of processes show. */
  readonly clock: Clock;
  /** The source of randomness. The same sequence gives the same run. */
  readonly random: Random;
  /**
   * `queue`: what is acknowledged is gone. `log`: it stays, and is read by position.
   *
   * @default {"queue"}
   */
  readonly reads?: "queue" | "log";
  /**
   * The number of shards of an inbox or event.
   *
   * @default {2}
   */
  readonly shards?: number;
  /** The faults to inject; by default none. */
  readonly faults?: SimulatedBrokerFaults;
  /** The durations of messages and faults. */
  readonly times?: SimulatedBrokerTimes;
  /** The services to which an event goes one by one, as over a transport without a broker; by default the broker divides it. */
  readonly recipients?: readonly string[];
  /** The traits, where they differ from the usual ones. */
  readonly traits?: Partial<Omit<TransportTraits, "reads" | "order">>;
  /** Called with each step, as text. */
  readonly onStep?: (step: string) => void;
}

/** The view of one process on a simulated broker, which a test can crash and pause. */
export interface SimulatedBrokerClient {
  /** The transport for the system of the process. */
  transport(expose?: Transport["expose"]): Transport;
  /** Ends its connections as a crash does: nothing is answered, and what it has read another process reads later. */
  crash(): void;
  /** Pauses the process: deliveries and answers are deferred. After a while its shards move to other processes. */
  pause(): void;
  /** Resumes the process; what was deferred arrives in its order. */
  resume(): void;
}

const usualMessageBytes = 1_048_576;
const beatMs = 1_000;

/**
 * A broker for the simulated processes of several services. All its behaviour is derived from one source of randomness
 * and one clock, so a seed reproduces a run; and it can inject every kind of fault that real brokers have: it loses what
 * it has not confirmed, delivers late and twice, gives a shard to another process without telling the old one, and
 * forgets acknowledgements.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
 * import { SimulatedBroker } from "@posthorn/posthorn/testing/simulation";
 *
 * const clock = new VirtualClock();
 * const broker = new SimulatedBroker({ clock, random: seededRandom(1), faults: { sendLanded: 1 } });
 * const services = { clock, random: seededRandom(2), service: "orders", instance: "one", store: "a", report() {} };
 * const connection = await broker.client("one").transport().open(services);
 * connection.receive({ kind: "replies" }, { begin: () => Promise.resolve(undefined), take: () => Promise.resolve([]) });
 * await clock.advance(100);
 * const to = { kind: "reply", address: "replies/orders" } as const;
 * const failure = connection.send([{ to, id: "1", body: new Uint8Array(), headers: {} }]).catch((error) => error.code);
 * await clock.advance(100);
 * assert(await failure === "outcome-unknown" && broker.counts.sendLanded === 1);
 * ```
 */
export class SimulatedBroker {
  readonly #options: SimulatedBrokerOptions;
  readonly #traits: TransportTraits;
  readonly #fate: BrokerFate;
  readonly #routes = new Routes();
  readonly #arrivals: Arrivals;
  readonly #connections = new Set<SimulatedTransportConnection>();
  readonly #deadLetters: { queue: string; reason: string; delivery: Delivery }[] = [];
  #beating = false;

  /** Creates a broker without queues. Throws a `RangeError` for an unknown fault, or one out of its range. */
  constructor(options: SimulatedBrokerOptions) {
    const { reads = "queue", shards = 2 } = options;
    const messageBytes = options.traits?.messageBytes ?? usualMessageBytes;
    requireInteger("shards", shards, 1);
    this.#options = options;
    this.#fate = new BrokerFate(options.random, options.times ?? {});
    this.#traits = {
      name: "simulated",
      holds: "broker",
      namesStrangers: reads === "log",
      parcelsAtOnce: 20,
      failoverMs: this.#fate.times.failoverMsMax,
      ...options.traits,
      messageBytes,
      reads,
      order: "shard",
    };
    this.#arrivals = new Arrivals({
      clock: options.clock,
      fate: this.#fate,
      routes: this.#routes,
      messageBytes,
    });
    this.faults = options.faults ?? {};
  }

  /** The faults to inject from now on. Setting it also ends those under way, except that old tenures are told later. */
  get faults(): SimulatedBrokerFaults {
    return this.#fate.faults;
  }

  set faults(faults: SimulatedBrokerFaults) {
    this.#fate.faults = faults;
    for (const queue of this.#routes.queues) {
      queue.blockedUntilMs = -Infinity;
      for (const shard of queue.shards) {
        shard.unreadUntilMs = -Infinity;
        shard.wake();
      }
    }
    for (const connection of this.#connections) {
      connection.client.unreachableUntilMs = -Infinity;
      connection.change({ status: "connected" });
    }
    if (!this.#beating && Object.keys(faults).length > 0) this.#beat();
  }

  /** The number of times each fault has occurred so far. A fault that never occurred was not tested. */
  get counts(): Readonly<Record<SimulatedBrokerFault, number>> {
    return this.#fate.counts;
  }

  /** The properties of its transports. */
  get traits(): TransportTraits {
    return this.#traits;
  }

  /** What was rejected, in order. */
  get deadLetters(): readonly {
    readonly queue: string;
    readonly reason: string;
    readonly delivery: Delivery;
  }[] {
    return this.#deadLetters;
  }

  /** The queues with the number of messages that are not acknowledged. */
  get waiting(): Readonly<Record<string, number>> {
    const waiting = Array.from(this.#routes.queues, ({ name, shards }): [string, number] => [
      name,
      shards.reduce((sum, shard) => sum + shard.waiting, 0),
    ]);
    return Object.fromEntries(waiting.filter(([, count]) => count > 0));
  }

  /** Returns the view of a process. Its name appears in the steps. */
  client(name: string): SimulatedBrokerClient {
    const client = new BrokerClient(name);
    const own = () => [...this.#connections].filter((connection) => connection.client === client);
    return {
      transport: (expose = []) => ({
        engine: transportEngine,
        traits: this.#traits,
        expose,
        recipients: this.#options.recipients,
        open: (services) => this.#open(client, services),
      }),
      crash: () => {
        client.crash();
        for (const connection of own()) connection.crash(this.#fate.below("failoverMsMax"));
      },
      pause: () => {
        client.pause();
        this.#options.clock.setTimer(this.#fate.below("failoverMsMax"), () => {
          if (client.paused) this.#loseTouch(client);
        });
      },
      resume: () => client.resume(),
    };
  }

  /**
   * Sends a message as a program would that is not written with this package: it arrives at once, without faults. Returns
   * why it was refused; `undefined` if it was taken.
   */
  send(to: Destination, message: ForeignMessage): Refusal | undefined {
    return this.#arrivals.land(to, message);
  }

  #open(client: BrokerClient, services: TransportServices): Promise<SimulatedTransportConnection> {
    const { service, store } = services;
    for (const { services: other, client } of this.#connections) {
      if (client.crashed || other.service !== service || other.store === store) continue;
      const why = "a process of it has another store";
      return Promise.reject(
        new PosthornError("another-store", `Cannot open a transport of ${service}: ${why}`),
      );
    }
    const connection = new SimulatedTransportConnection(client, services, {
      carry: (from, batch, answer) => this.#arrivals.carry(from, batch, answer),
      declare: (from, reader) => this.#declare(from, reader),
      ended: (ended) => {
        this.#connections.delete(ended);
        this.#routes.forget(ended.services);
      },
    });
    this.#connections.add(connection);
    this.#options.clock.setTimer(this.#fate.latencyMs(), () => this.#reached(connection));
    return Promise.resolve(connection);
  }

  async #declare(from: SimulatedTransportConnection, reader: QueueReader): Promise<SimulatedQueue> {
    const { clock, random, shards = 2 } = this.#options;
    await new Promise<void>((resolve) => void clock.setTimer(this.#fate.latencyMs(), resolve));
    // The queue of a process is gone with its connection: what is declared too late must not bring it back.
    if (reader.channel.kind === "process" && !this.#connections.has(from)) throw closedError("read process");
    const queue = this.#routes.declare(reader.channel, from.services, (name) => {
      const epoch = this.#traits.reads === "log" ? random.ulid(clock.now()) : undefined;
      return new SimulatedQueue(name, reader.channel.kind === "process" ? 1 : shards, epoch, {
        clock,
        fate: this.#fate,
        note: (step) => this.#options.onStep?.(step),
        rejected: (queue, delivery, reason) => void this.#deadLetters.push({ queue, reason, delivery }),
      });
    });
    if (!from.client.crashed) queue.join(reader);
    return queue;
  }

  /** Decides about once a second which faults begin. */
  #beat(): void {
    this.#beating = Object.keys(this.faults).length > 0;
    if (!this.#beating) return;
    const { clock } = this.#options;
    const fate = this.#fate;
    for (const queue of this.#routes.queues) {
      if (fate.strikes("block")) queue.blockedUntilMs = clock.now() + fate.below("blockMsMax");
      for (const shard of queue.shards) this.#strike(queue, shard);
    }
    for (const connection of this.#connections) {
      if (fate.strikes("cut")) this.#cut(connection);
      if (fate.strikes("partition")) this.#part(connection);
    }
    clock.setTimer(beatMs, () => this.#beat());
  }

  #strike(queue: SimulatedQueue, shard: SimulatedShard): void {
    const { clock, random } = this.#options;
    const fate = this.#fate;
    if (fate.strikes("unread")) {
      shard.unreadUntilMs = clock.now() + fate.below("unreadMsMax");
      queue.move(shard);
    }
    if (fate.strikes("move")) queue.move(shard);
    if (shard.epoch === undefined) return;
    if (fate.strikes("reset")) {
      shard.rewind();
      queue.move(shard);
    }
    if (shard.waiting > 0 || !fate.strikes("recreate")) return;
    this.#options.onStep?.(`${shard.title} is made anew`);
    const old = [...shard.tenancies];
    shard.recreate(random.ulid(clock.now()));
    queue.move(shard);
    for (const tenancy of old) tenancy.client.deliver(() => tenancy.end());
  }

  #cut(connection: SimulatedTransportConnection): void {
    this.#options.onStep?.(`the connection of ${connection.client.name} is cut`);
    connection.cut();
  }

  /** The broker and the process do not reach each other for a while. */
  #part(connection: SimulatedTransportConnection): void {
    const { clock } = this.#options;
    const forMs = this.#fate.below("partitionMsMax");
    const { client } = connection;
    this.#options.onStep?.(`${client.name} cannot be reached for ${Math.round(forMs)} ms`);
    client.unreachableUntilMs = clock.now() + forMs;
    connection.change({ status: "connecting", reason: "the broker cannot be reached" });
    clock.setTimer(this.#fate.below("failoverMsMax"), () => {
      if (client.unreachableUntilMs > clock.now()) this.#loseTouch(client);
    });
    clock.setTimer(forMs, () => this.#reached(connection));
  }

  /** A connection that can be used says so. */
  #reached(connection: SimulatedTransportConnection): void {
    if (connection.client.unreachableUntilMs > this.#options.clock.now()) return;
    connection.change({ status: "connected" });
  }

  #loseTouch(client: BrokerClient): void {
    for (const queue of this.#routes.queues) queue.moveFrom(client);
  }
}
