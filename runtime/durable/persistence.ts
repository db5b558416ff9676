import type { ActorId } from "../language/address.ts";
import type { DeadLetter } from "../ports/dead_letters.ts";
import type { ReplyTarget, Route } from "../messages/envelope.ts";
import { messageOf, NotFoundError, PosthornError, StoppedError } from "../base/errors.ts";
import type { StoreHealth } from "../ports/health.ts";
import { turnRoom } from "../activations/memory_host.ts";
import type { MessageTimes } from "../activations/message_reports.ts";
import { Collector, type OpenedReply, Reply } from "../messages/builtin_protocols.ts";
import type { EventLog, LoggedEvent } from "../ports/event_log.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import type { Scheduled, ScheduleFilter } from "../ports/scheduled.ts";
import type { UnhostedStats } from "../ports/stats.ts";
import { StoreError } from "../base/store_errors.ts";
import { within } from "../base/within.ts";
import type { Acceptance } from "./delivery/acceptance.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { DurableHost } from "./activations/durable_host.ts";
import type { Hosting } from "./delivery/message_writer.ts";
import { type HostCounts, type HostedActor, later, topic } from "./hosted_actor.ts";
import { StartupQueue } from "./startup_queue.ts";
import { PendingSubscriptions } from "./pending_subscriptions.ts";
import type { Connected, LocalActors, OpenStore, StoreParts } from "./open_store.ts";
import { Opening } from "./opening.ts";
import type { Cancellations } from "./delivery/cancellations.ts";
import type { ReplyRows } from "./delivery/reply_rows.ts";
import { LocalRespondents } from "./local_respondents.ts";
import { retryWhileUnavailable } from "../scheduling/retry_while_unavailable.ts";

/** How long `end` waits for the store, at each of its two steps. */
const endMs = 5_000;

/** What a persistence needs of its system. */
export interface PersistenceParts extends StoreParts {
  /** Whether actors of that protocol run here and are transient. */
  isTransient(protocol: string): boolean;
  /** The protocols whose actors other processes on the store host. */
  readonly peers: readonly HostedActor[];
}

/**
 * The durable actors of one system: messages to them and the effects of their turns are committed to a store. A store
 * carries this class (`engine.ts`), so a program without a store does not have it. The rest of the engine is loaded when
 * the store is opened.
 */
export class Persistence {
  /** The hosts by protocol; empty until the engine is loaded. */
  readonly hosts = new Map<string, DurableHost>();
  /** Functions in this process that answer surveys. */
  readonly respondents = new LocalRespondents();
  /** Subscriptions of addresses that the store has not taken yet. */
  readonly pendingSubscriptions: PendingSubscriptions;
  readonly #actors: ReadonlyMap<string, HostedActor>;
  /** All whose mailboxes are in the store: the actors that are hosted here, and those of other processes. */
  readonly #receivers: ReadonlyMap<string, HostedActor>;
  readonly #parts: PersistenceParts;
  readonly #instance: string;
  readonly #opening: Opening<Connected, OpenStore>;
  #open: OpenStore | undefined;
  #ending = false;
  #ended = false;
  readonly #startup = new StartupQueue();

  constructor(parts: PersistenceParts) {
    this.#parts = parts;
    this.pendingSubscriptions = new PendingSubscriptions(parts.services);
    this.#actors = new Map([topic, later, ...parts.actors].map((actor) => [actor.name, actor]));
    this.#receivers = new Map([...this.#actors, ...parts.peers.map((peer) => [peer.name, peer] as const)]);
    this.#instance = parts.services.ids.ulid();
    this.#opening = new Opening(parts.store.traits, parts.options, {
      connect: () => this.#connect(),
      begin: (connected) => connected.open(this.#instance, this.#localActors),
      opened: (open) => {
        this.#open = open;
        this.#startup.run();
        parts.remote?.storeOpened(open);
      },
      failed: (error) => {
        this.#startup.fail(error);
        parts.remote?.storeFailed(error);
      },
      close: ({ connection }) => connection.close(),
      discard: (open) => this.#close(open),
    });
  }

  /** Resolves when the store is open. Rejects with a `StoreError` if it is not to be expected soon; attempts follow. */
  get opened(): Promise<void> {
    return this.#opening.ready;
  }

  /** The health of the store. */
  get health(): StoreHealth {
    const { name } = this.#parts.store.traits;
    const failure = this.#opening.failure ?? this.#open?.session.committer.failure;
    if (failure !== undefined) return { name, status: "unavailable", reason: messageOf(failure) };
    if (this.#open === undefined) return { name, status: "opening" };
    return { name, ...this.#open.durabilityCheck.health };
  }

  /** Whether the mailboxes of that protocol are in the store: this system or another on the store hosts its actors. */
  has(protocol: string): boolean {
    return this.#receivers.has(protocol);
  }

  /** Whether other processes on the store host the actors of that protocol, and this system may speak to them. */
  isPeer(protocol: string): boolean {
    return this.has(protocol) && !this.#actors.has(protocol);
  }

  /** The operations of the actors of that protocol, if their mailboxes are in the store. */
  actor(protocol: string): HostedActor | undefined {
    return this.#receivers.get(protocol);
  }

  /** The names of the protocols whose mailboxes are in the store. */
  get protocols(): string[] {
    return [...this.#receivers.keys()];
  }

  /** The counts of each protocol. */
  get counts(): HostCounts[] {
    return Array.from(
      this.#actors.values(),
      (actor) =>
        this.hosts.get(actor.name) ?? { actor, accepted: 0, size: 0, waiting: 0, done: 0, cancelled: 0 },
    );
  }

  /** Whether messages to that receiver are committed: to durable actors, to replies, and to surveys of other instances. */
  takes({ protocol, key }: ActorId): boolean {
    if (this.has(protocol) || protocol === Reply.open.protocol) return true;
    return protocol === Collector.take.protocol &&
      this.#open?.surveyReplies.isForAnotherInstance(key) === true;
  }

  /** Gives an actor a signal: it takes effect before any waiting message. */
  async signal(actor: ActorId, signal: "passivate" | "restart" | "erase"): Promise<void> {
    if (this.isPeer(actor.protocol)) {
      const why = "another process hosts it, and a signal does not leave its process";
      throw new NotFoundError(
        "unknown-protocol",
        `Cannot signal ${shownActor(actor.protocol, actor.key)}: ${why}`,
      );
    }
    const found = this.find(actor.protocol, actor.key);
    if (found !== undefined) found.signal(signal);
    else if (signal === "erase") (await this.activate(actor)).signal(signal);
  }

  /** The replies of submits. */
  replies(): Promise<ReplyRows> {
    return this.whenOpen((open) => open.replies);
  }

  /** Registers a survey, whose answers may come from other instances, until the result is disposed of. */
  expectSurveyReplies(deadlineMs: number): Disposable {
    return this.#onceOpen(({ surveyReplies }) => surveyReplies.expect(deadlineMs));
  }

  /** Calls `hear` with each event that is published to a topic from now on, until the result is disposed of. */
  follow(topic: string, hear: (event: LoggedEvent) => void, after?: number): Disposable {
    return this.#onceOpen(({ log }) => log.follow(topic, after, hear));
  }

  /** The log of a topic's events. */
  eventLog(topic: string): EventLog {
    const log = () => this.opened.then(() => this.#required.log);
    return {
      latest: async () => await (await log()).latest(topic),
      read: async (after, limit) => await (await log()).read(topic, after, limit),
      watch: (onChange) => this.#onceOpen((open) => open.log.watch(topic, onChange)),
    };
  }

  /**
   * Calls `act` when the log follows the topics of all listeners of this process, and `joining` has settled. `bytes` is the
   * size of what `act` sends, if it is known.
   */
  whenFollowed<Result>(act: () => Promise<Result>, joining?: Promise<void>, bytes?: number): Promise<Result> {
    if (this.#open === undefined) return this.#startup.ask(() => this.whenFollowed(act, joining), bytes);
    return this.#open.log.whenFollowed(act, joining);
  }

  /** Calls `act` with the open store: now, or after all calls that were made before it was open. */
  whenOpen<Result>(act: (open: OpenStore) => Result | Promise<Result>): Promise<Result> {
    const now = async () => await act(this.#required);
    return this.#open === undefined ? this.#startup.ask(now) : now();
  }

  /** Begins something now, or when the store is open. */
  #onceOpen(begin: (open: OpenStore) => Disposable): Disposable {
    if (this.#open !== undefined) return begin(this.#open);
    return this.#startup.begin(() => begin(this.#required));
  }

  /** A transient actor was erased: calls `leave` for each topic of the store to which it subscribed. */
  async leaveTopics(actor: ActorId, leave: (topic: string) => void): Promise<void> {
    const list = async () => {
      await this.opened;
      return await this.#required.topicsOf(actor);
    };
    const topics = await retryWhileUnavailable(this.#parts.services, list, () => this.#ending).catch(
      () => [],
    ); // it has stopped
    for (const topic of topics) leave(topic);
  }

  find(protocol: string, key: string): DurableActivation | undefined {
    return this.hosts.get(protocol)?.find(key);
  }

  /** Loads the actor of that key into this process, unless it is there. */
  activate({ protocol, key }: ActorId): Promise<DurableActivation> {
    return this.whenOpen(() => this.hosts.get(protocol)!.get(key));
  }

  /**
   * Accepts a message from outside a turn: resolves when it is committed, or at once for an ask of an actor that is hosted
   * here, which is only in memory.
   * If it rejects, nothing was accepted, unless the error is an `OutcomeUnknownError`.
   */
  accept(to: ActorId, route: Route, payload: unknown, ticket?: string): Promise<Acceptance> {
    if (this.#open === undefined) {
      return this.#startup.ask(() => this.accept(to, route, payload, ticket), route.extras?.bytes);
    }
    try {
      if (this.#ending) {
        throw new StoppedError(`Cannot accept ${shownName(route.operation, to.key)}: the system has stopped`);
      }
      if (route.extras?.delay !== undefined) {
        return this.#open.delayedAcceptor.accept(to, route, payload, ticket);
      }
      const { acceptor, peerAcceptor } = this.#open;
      const host = this.hosts.get(to.protocol);
      if (host === undefined && this.isPeer(to.protocol)) {
        return peerAcceptor.accept(to, route, payload, ticket);
      }
      return acceptor.accept(host!.get(to.key), route, payload, ticket);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whoever asked a peer has gone: takes the ask back. */
  abandon(asker: ReplyTarget): void {
    this.#open?.peerAcceptor.replies.abandon(asker);
  }

  /** Sends a message of a turn, or a dead letter again. */
  send(to: ActorId, route: Route, payload: unknown): Promise<unknown> {
    return this.has(to.protocol)
      ? this.accept(to, route, payload)
      : this.opened.then(() => this.#required.rows.write(to, route, payload)); // a reply, or an answer
  }

  /** Registers a reply that is to come under that name, from an actor in memory. Rejects if the store does not commit it. */
  openReply(name: string, opened: OpenedReply): Promise<void> {
    return this.whenOpen(({ rows }) => rows.open(name, opened));
  }

  /** Takes back the request of a reply, as `Cancellations.cancel` does. */
  cancel(...of: Parameters<Cancellations["cancel"]>): ReturnType<Cancellations["cancel"]> {
    return this.whenOpen(({ cancellations }) => cancellations.cancel(...of));
  }

  /** Takes over the actors of instances that crashed, and runs schedules that are due. Resolves when nothing is left to run. */
  async sweep(): Promise<void> {
    await this.opened;
    const { assignments, scheduleRunner } = this.#required;
    await assignments.heartbeat();
    await scheduleRunner.run();
  }

  /** Whether an actor runs a turn here, loads or commits. */
  get busy(): boolean {
    for (const host of this.hosts.values()) {
      for (const { status } of host.activations()) if (status !== "idle" && status !== "held") return true;
    }
    return false;
  }

  /** About how many messages wait for actors that are in this process. */
  get waiting(): number {
    return this.hosts.values().reduce((sum, host) => sum + host.waiting, 0);
  }

  /** The schedules in the store, a page at a time. */
  async *schedules(of: ScheduleFilter | undefined): AsyncGenerator<Scheduled> {
    yield* (await this.whenOpen((open) => open.schedules))(of);
  }

  /** How many delayed messages wait in the store, as far as this process knows. */
  get delayed(): number {
    return this.#open?.delayed.size ?? 0;
  }

  /** What waits in the store for protocols that nobody hosts, by protocol. */
  unhosted(): Readonly<Record<string, UnhostedStats>> {
    return this.#open?.unhosted.stats() ?? {};
  }

  /** Stops the actors: turns that are being committed are committed, and waiting messages stay in the store. */
  endActors(): void {
    if (this.#ending) return;
    this.#ending = true;
    for (const host of this.hosts.values()) for (const activation of host.activations()) activation.end();
  }

  /** Stops the actors, and closes the store. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.endActors();
    const open = await this.#opening.end(endMs);
    this.#startup.fail(new StoppedError("Cannot use the store: the system has stopped"));
    if (open !== undefined) await this.#close(open);
  }

  /** Loads the engine, unless it is loaded, and connects to the store. */
  async #connect(): Promise<Connected> {
    const { connectStore, hostsOf } = await import("./open_store.ts");
    if (this.hosts.size === 0) {
      for (const host of hostsOf(this.#parts, () => this.#required)) this.hosts.set(host.actor.name, host);
    }
    return await connectStore(this.#parts);
  }

  /** Closes the store in bounded time. If the store does not answer a commit by then, its outcome is unknown. */
  async #close({ session, assignments, log, replies, watching }: OpenStore): Promise<void> {
    watching[Symbol.dispose]();
    log.end();
    const idle = await within(session.clock, endMs, session.committer.idle());
    const ended = assignments.end().catch(() => {}); // others find out that it is gone
    if (idle) await within(session.clock, endMs, ended);
    replies.end(); // while its connection still answers: no more comes
    session.committer.end();
    await session.connection.close();
  }

  get #required(): OpenStore {
    if (this.#open === undefined) {
      throw new StoreError("store-unavailable", "Cannot use the store: it is not open");
    }
    return this.#open;
  }

  get #localActors(): LocalActors {
    return {
      hosts: this.hosts,
      ending: () => this.#ending,
      hosting: (protocol) => this.#hosting(protocol),
      roomFor: (actor) => this.#roomFor(actor),
      activate: (actor) => this.#activate(actor),
      takenBack: (to, place) => this.#takenBack(to, place),
      deadLettered: (letter, error) => this.#deadLettered(letter, error),
      undelivered: (letter) => {
        const host = this.hosts.get(letter.protocol);
        if (host !== undefined) host.deadLettered++;
        else this.#parts.services.delivery.undelivered++;
        this.#deadLettered(letter);
      },
    };
  }

  #hosting(protocol: string): Hosting {
    if (this.#actors.has(protocol)) return "durable";
    if (this.#parts.isTransient(protocol)) return "transient";
    return this.has(protocol) ? "peer" : "no";
  }

  #roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined {
    const activation = this.find(actor.protocol, actor.key);
    if (activation === undefined) return undefined;
    return { waiting: activation.waiting, capacity: activation.host.actor.mailbox.capacity * turnRoom };
  }

  /** Loads an actor that has messages. If there is no room, its index entry stays, and a heartbeat tries again. */
  #activate({ protocol, key }: ActorId): DurableActivation | undefined {
    try {
      return this.hosts.get(protocol)?.get(key);
    } catch (error) {
      if (error instanceof PosthornError) return undefined;
      throw error;
    }
  }

  #takenBack({ protocol, key }: ActorId, place: string): MessageTimes | undefined {
    const host = this.hosts.get(protocol);
    if (host !== undefined) return host.takeBack(key, place);
    this.#parts.services.cancelledElsewhere++;
  }

  #deadLettered(letter: DeadLetter, error?: unknown): void {
    this.#parts.services.delivery.deadLettered(letter, error);
    void this.#required.letters.read().catch(() => {}); // the next heartbeat does
  }
}
