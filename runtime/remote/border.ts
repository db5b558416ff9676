import type { ActorId } from "../language/address.ts";
import { within } from "../base/within.ts";
import type { Acceptance } from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import type { Publication } from "../messages/builtin_protocols.ts";
import { isReplyTarget, type Route } from "../messages/envelope.ts";
import type { TransportHealth } from "../ports/health.ts";
import type { LaneStats } from "../ports/stats.ts";
import type { Parcel, Receiver, Tenure, TransportConnection } from "../ports/transport.ts";
import { type Intake, intakeOf } from "./intake.ts";
import { MemoryLanes } from "./memory_lanes.ts";
import { MemorySending } from "./memory_sending.ts";
import { shownLaneName } from "./lane.ts";
import type { DurableSending } from "./durable_sending.ts";
import type { PendingRequest, Waiter } from "./pending_replies.ts";
import type { PumpServices } from "./pump.ts";
import type { Remote } from "./remote.ts";
import { reportedReceiver } from "./reported_receiver.ts";
import type { StoreBorder } from "./store_border.ts";

/** How long a stop waits for the answer to what is being sent, and for batches that were handed over. */
const endMs = 1_000;
const drainMs = 5_000;
/** How long the reply to an ask waits in memory for the broker: whoever asked gave it any deadline, or none. */
const answerMs = 60_000;
/** How long the start of a system waits for a broker that says nothing. */
const declareMs = 5_000;

/** The border of a service while its transport is open, or being opened: what goes out, and what comes in. */
export class Border {
  readonly #remote: Remote;
  readonly #store: OpenStore | undefined;
  readonly #begun: StoreBorder | undefined;
  readonly #memoryLanes: MemoryLanes;
  readonly #memory: MemorySending;
  readonly #durable: DurableSending | undefined;
  readonly #pump: PumpServices & { connection: TransportConnection | undefined };
  /** The tenures that have begun and not ended. */
  readonly #tenures = new Set<Tenure>();
  #intake: Intake | undefined;
  #receiving: Disposable[] = [];
  #watching: Disposable | undefined;
  /** Resolves when all channels are declared in the broker, or when the broker is away. */
  declared: Promise<void> = Promise.resolve();
  #opening: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(remote: Remote, store: OpenStore | undefined, begun: StoreBorder | undefined) {
    const { options: { clock, random }, services, transport: { traits }, report } = remote.parts;
    this.#remote = remote;
    this.#store = store;
    this.#begun = begun;
    this.#pump = { connection: undefined, timers: services.timers, random, report };
    this.#memoryLanes = new MemoryLanes(this.#pump, { clock, traits, onIdle: () => services.rest() });
    this.#memory = new MemorySending(remote, this.#memoryLanes);
    this.#durable = store && begun?.sending(store);
  }

  /** Opens the transport, and reads what comes. Rejects if that will never be possible. */
  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { transport, service, ids, options: { clock, random }, report } = this.#remote.parts;
    const store = this.#store?.durabilityCheck.storeName;
    const connection = await transport.open({ clock, random, service, instance: ids.name, store, report });
    if (this.#ended) return await connection.close();
    this.#pump.connection = connection;
    if (this.#begun !== undefined) this.#begun.pump.connection = connection;
    this.#watching = connection.watch(({ status }) => {
      if (status === "connected") this.#goOn();
    });
    this.#receive(connection);
    this.#goOn();
  }

  /** Whether something is being sent. */
  get busy(): boolean {
    if (this.#pump.connection?.state.status !== "connected") return false;
    return this.#memoryLanes.waiting > 0 || this.#begun?.lanes.busy === true;
  }

  get health(): Omit<TransportHealth, "name"> {
    const { status = "connecting", reason } = this.#pump.connection?.state ?? {};
    const lanes = this.#begun?.lanes.lanes ?? [];
    const oldest = lanes.flatMap(({ oldestMs }) => oldestMs ?? []);
    const firstMs = oldest.reduce((first, atMs) => Math.min(first, atMs), Infinity); // they may be more than a call takes
    const ageMs = Math.max(this.#remote.parts.options.clock.now() - firstMs, 0);
    return {
      status,
      ...(reason !== undefined && { reason }),
      tenures: this.#tenures.size,
      waiting: this.#memoryLanes.waiting + lanes.reduce((sum, { rows }) => sum + rows, 0),
      ...(oldest.length > 0 && { oldestMs: ageMs }),
    };
  }

  get lanes(): Readonly<Record<string, LaneStats>> {
    const nowMs = this.#remote.parts.options.clock.now();
    const shown = new Map<string, { waiting: number; oldestMs?: number }>(); // others choose their names
    for (const { name, rows, oldestMs } of this.#begun?.lanes.lanes ?? []) {
      const lane = shown.get(shownLaneName(name)) ?? { waiting: 0 };
      lane.waiting += rows;
      if (oldestMs !== undefined) lane.oldestMs = Math.max(nowMs - oldestMs, lane.oldestMs ?? 0);
      shown.set(shownLaneName(name), lane);
    }
    return Object.fromEntries(shown);
  }

  /** How many parcels wait in memory, by lane. */
  get countsInMemory(): ReadonlyMap<string, number> {
    const shown = new Map<string, number>();
    for (const [lane, waiting] of this.#memoryLanes.counts()) {
      shown.set(shownLaneName(lane), waiting + (shown.get(shownLaneName(lane)) ?? 0));
    }
    return shown;
  }

  accept(to: ActorId, route: Route, payload: unknown, ticket?: string): Promise<Acceptance> {
    if (this.#durable === undefined || isReplyTarget(route.replyTo)) {
      return this.#memory.accept(to, route, payload);
    }
    return this.#durable.accept(to, route, payload, "outside", ticket);
  }

  /** Takes back a request whose reply is kept in memory: tells its service. Returns the request. */
  cancel(replyKey: string): PendingRequest | undefined {
    return this.#memory.cancel(replyKey);
  }

  send(to: ActorId, route: Route, payload: unknown): Promise<unknown> {
    if (this.#durable === undefined || isReplyTarget(route.replyTo)) {
      return this.#memory.accept(to, route, payload);
    }
    return this.#durable.accept(to, route, payload, "turn");
  }

  publish(publication: Publication, route: Route, receivers: readonly ActorId[]): Promise<void> {
    return this.#memory.publish(publication, route, receivers);
  }

  survey(publication: Publication, route: Route, waiter: Waiter): Promise<void> {
    return this.#memory.publish(publication, route, this.#remote.eventReceivers(publication), waiter);
  }

  async heartbeat(): Promise<void> {
    await this.#begun?.lanes.heartbeat();
  }

  /** Hands nothing over any more. */
  async drain(): Promise<void> {
    const { connection } = this.#pump;
    this.#intake?.end();
    if (connection === undefined) return;
    await within(this.#remote.parts.options.clock, drainMs, connection.drain());
  }

  /** Sends nothing more. What is being sent gets a while; then the connection is closed. */
  async endSending(): Promise<void> {
    this.#ended = true;
    const ended = Promise.all([this.#memoryLanes.end(), this.#begun?.lanes.end()]);
    if (!await within(this.#remote.parts.options.clock, endMs, ended)) await this.close();
    await ended;
  }

  async close(): Promise<void> {
    this.#ended = true;
    // One that is being opened is closed when it is open.
    await within(this.#remote.parts.options.clock, drainMs, this.#opening.catch(() => {})); // `Remote` reports why
    const { connection } = this.#pump;
    this.#pump.connection = undefined;
    if (this.#begun !== undefined) this.#begun.pump.connection = undefined;
    this.#watching?.[Symbol.dispose]();
    for (const receiving of this.#receiving.splice(0)) receiving[Symbol.dispose]();
    await connection?.close();
  }

  /** It will never be open: what waits in memory is refused. */
  fail(error: unknown): void {
    void this.#memoryLanes.end(error);
  }

  #goOn(): void {
    this.#memoryLanes.goOn();
    this.#begun?.lanes.goOn();
  }

  #receive(connection: TransportConnection): void {
    const { parts, registry, pending } = this.#remote;
    const { service, options, services, ids, respondents, laterOf, accept, report } = parts;
    const { clock } = options;
    const sendNow = (parcel: Parcel) => {
      const untilMs = clock.monotonicMs() + answerMs;
      const options = { over: () => clock.monotonicMs() >= untilMs };
      const lanes = this.#memoryLanes;
      if (!lanes.sendNow(parcel, options, report)) void lanes.send(parcel, options).catch(report);
    };
    const store = this.#store;
    const intake = intakeOf({
      accept,
      respondents: respondents(),
      laterOf,
      service,
      registry,
      options,
      services,
      ids,
      reads: parts.transport.traits.reads,
      store,
      durable: this.#begun,
      pending,
      sendNow,
    });
    this.#intake = intake;
    const ready: Promise<void>[] = [];
    for (const channel of registry.channels) {
      const receiver = reportedReceiver(intake.receiverOf(channel), report);
      const receiving = connection.receive(channel, this.#counted(receiver));
      receiving.ready.catch((error) => report(error));
      ready.push(receiving.ready);
      this.#receiving.push(receiving);
    }
    this.declared = this.#declaredBy(connection, Promise.all(ready));
    this.declared.catch(() => {}); // each has been reported
  }

  /** Waits until channels are ready, unless the broker is away: that may take any time. */
  async #declaredBy(connection: TransportConnection, ready: Promise<unknown>): Promise<void> {
    const { promise: away, resolve } = Promise.withResolvers<void>();
    const look = () => {
      const { status, reason } = connection.state;
      if (status !== "connected" && (status !== "connecting" || reason !== undefined)) resolve();
    };
    look();
    const watching = connection.watch(look);
    const timer = this.#remote.parts.services.timers.set(declareMs, resolve, resolve);
    try {
      await Promise.race([ready, away]);
    } finally {
      timer.cancel();
      watching[Symbol.dispose]();
    }
  }

  /** A receiver whose tenures are counted. */
  #counted(receiver: Receiver): Receiver {
    return {
      begin: async (tenure) => {
        this.#tenures.add(tenure);
        tenure.signal.addEventListener("abort", () => this.#tenures.delete(tenure), { once: true });
        if (tenure.signal.aborted) this.#tenures.delete(tenure);
        return await receiver.begin(tenure);
      },
      take: (batch, tenure) => receiver.take(batch, tenure),
    };
  }
}
