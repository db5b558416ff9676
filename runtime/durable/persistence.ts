import type { Actor } from "../actor.ts";
import type { ActorId } from "../address.ts";
import type { DeadLetter, KeptDeadLetters } from "../dead_letters.ts";
import { nameOf, type Route } from "../envelope.ts";
import { messageOf, PosthornError, StoppedError } from "../errors.ts";
import type { StoreHealth } from "../health.ts";
import type { Population } from "../host.ts";
import type { Ids } from "../ids.ts";
import { Collector, Reply } from "../modes.ts";
import type { KeptEvent, KeptEvents } from "../kept_events.ts";
import type { Services } from "../services.ts";
import type { ResolvedOptions } from "../system_options.ts";
import type { Store } from "../store.ts";
import { StoreError } from "../store_errors.ts";
import type { Acceptance } from "./accept_commission.ts";
import { Acceptor, type AcceptParts } from "./acceptor.ts";
import { Alarm } from "./alarm.ts";
import { Answers } from "./answers.ts";
import { Dispatch } from "./dispatch.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { DurableServices } from "./durable_home.ts";
import { DurableHost } from "./durable_host.ts";
import { EarlyCalls } from "./early_calls.ts";
import { type Arrival, Effects, type LocalDelivery } from "./effects.ts";
import { EventLog } from "./event_log.ts";
import { indexKey, nobody } from "./keys.ts";
import { Keeper } from "./keeper.ts";
import { Ledger } from "./ledger.ts";
import { Mail } from "./mail.ts";
import { OtherClocks } from "./other_clocks.ts";
import { Proof } from "./proof.ts";
import { Replies } from "./replies.ts";
import { Respondents } from "./respondents.ts";
import { commitOne } from "./single_commission.ts";
import { StoredLetters } from "./stored_letters.ts";
import { Suspects } from "./suspects.ts";
import { TurnEffects } from "./turn_effects.ts";

/** What turns send has this many times the room of what comes from outside. */
const turnRoom = 10;

/** What a persistence needs of its system. */
export interface PersistenceParts {
  readonly store: Store;
  readonly options: ResolvedOptions;
  readonly services: Services;
  readonly ids: Ids;
  readonly letters: KeptDeadLetters;
  readonly actors: readonly Actor[];
  readonly population: Population;
  /** Whether that protocol runs here and keeps nothing. */
  isTransient(protocol: string): boolean;
}

/** What is there once the store is open. */
interface Open extends DurableServices {
  readonly acceptor: Acceptor;
  readonly replies: Replies;
  readonly answers: Answers;
  readonly log: EventLog;
  readonly keeper: Keeper;
  readonly alarm: Alarm;
  readonly proof: Proof;
  readonly letters: StoredLetters;
  readonly watching: Disposable;
}

/** The durable actors of one system: what is sent to them is committed to a store, and so is what their turns do. */
export class Persistence {
  readonly hosts = new Map<string, DurableHost>();
  /** Functions in this process that answer surveys. */
  readonly respondents = new Respondents();
  /** Resolves when the store is open. Rejects with a `StoreError` where it cannot be. */
  readonly opened: Promise<void>;
  readonly #parts: PersistenceParts;
  #open: Open | undefined;
  #failure: unknown;
  #ending = false;
  readonly #early = new EarlyCalls();

  constructor(parts: PersistenceParts) {
    this.#parts = parts;
    for (const actor of parts.actors) {
      const leave = (id: ActorId) => this.#leaveToOthers(id);
      const host = new DurableHost(actor, parts.services, parts.population, () => this.#required, leave);
      this.hosts.set(actor.name, host);
    }
    this.opened = this.#begin();
    this.opened.catch((error) => { // whoever sends hears of it
      this.#failure = error;
      this.#early.fail(error);
    });
  }

  /** What the store has shown of itself. */
  get health(): StoreHealth {
    const { name } = this.#parts.store.traits;
    const failure = this.#failure ?? this.#open?.ledger.committer.failure;
    if (failure !== undefined) return { name, status: "unavailable", reason: messageOf(failure) };
    if (this.#open === undefined) return { name, status: "opening" };
    return { name, ...this.#open.proof.health };
  }

  /** Whether an actor's protocol is durable here. */
  has(protocol: string): boolean {
    return this.hosts.has(protocol);
  }

  /** Whether what is sent there is committed: to durable actors, to replies, and to surveys of other instances. */
  takes({ protocol, key }: ActorId): boolean {
    if (this.hosts.has(protocol) || protocol === Reply.open.protocol) return true;
    return protocol === Collector.take.protocol && this.#open?.answers.brings(key) === true;
  }

  /** Gives an actor a signal: it takes effect before any waiting message. */
  async signal(actor: ActorId, signal: "passivate" | "restart" | "forget"): Promise<void> {
    const found = this.find(actor.protocol, actor.key);
    if (found !== undefined) found.signal(signal);
    else if (signal === "forget") (await this.activate(actor)).signal(signal);
  }

  /** The replies of submits. */
  async replies(): Promise<Replies> {
    await this.opened;
    return this.#required.replies;
  }

  /** A survey is open here until the result is disposed of: its answers may come from other instances. */
  expectAnswers(deadlineMs: number): Disposable {
    return this.#onceOpen(({ answers }) => answers.expect(deadlineMs));
  }

  /** Hears what is published to a topic from now on, until it is disposed of. */
  follow(topic: string, hear: (event: KeptEvent) => void, after?: number): Disposable {
    return this.#onceOpen(({ log }) => log.follow(topic, after, hear));
  }

  /** What is kept of a topic's events. */
  keptEvents(topic: string): KeptEvents {
    const log = () => this.opened.then(() => this.#required.log);
    return {
      latest: async () => await (await log()).latest(topic),
      read: async (after, limit) => await (await log()).read(topic, after, limit),
      watch: (onChange) => this.#onceOpen((open) => open.log.watch(topic, onChange)),
    };
  }

  /** Does something that all hear of who listen here by now. */
  whenFollowed<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#open === undefined) return this.#early.ask(() => this.whenFollowed(act));
    return this.#open.log.whenFollowed(act);
  }

  /** Begins something now or when the store is open. Where it cannot be opened nothing is published. */
  #onceOpen(begin: (open: Open) => Disposable): Disposable {
    if (this.#open !== undefined) return begin(this.#open);
    return this.#early.begin(() => begin(this.#required));
  }

  find(protocol: string, key: string): DurableActivation | undefined {
    return this.hosts.get(protocol)?.find(key);
  }

  /** The actor of that key, in this process. */
  async activate({ protocol, key }: ActorId): Promise<DurableActivation> {
    await this.opened;
    return this.hosts.get(protocol)!.get(key);
  }

  /**
   * Takes a message in from outside: resolves when it is committed; an ask, which is nowhere but here, at once. Rejects
   * with what stands in the way, and then nothing was accepted; or with an `OutcomeUnknownError`.
   */
  accept(to: ActorId, route: Route, payload: unknown, parts: AcceptParts = {}): Promise<Acceptance> {
    if (this.#open === undefined) return this.#early.ask(() => this.accept(to, route, payload, parts));
    try {
      if (this.#ending) {
        throw new StoppedError(`Cannot accept ${nameOf(route.operation, to.key)}: the system has stopped`);
      }
      return this.#open.acceptor.accept(this.hosts.get(to.protocol)!.get(to.key), route, payload, parts);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a message for somebody who does not wait: what stands in the way makes a dead letter. */
  deliver(to: ActorId, route: Route, payload: unknown, bury: (error: unknown) => void): void {
    if (!this.hosts.has(to.protocol)) { // a reply, or an answer: a row, and no message
      void this.#answer(to, route, payload).catch(bury);
      return;
    }
    this.accept(to, route, payload).then(() => {}, bury);
  }

  /** Looks after all that this instance should: what the dead left, what is due. Resolves when nothing is left to run. */
  async sweep(): Promise<void> {
    await this.opened;
    const { keeper, alarm } = this.#required;
    await keeper.beat();
    await alarm.ring();
  }

  /** Whether nothing runs here and nothing is on its way. */
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

  /** Ends it: what is on its way is committed, what waits stays in the store. */
  async end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    for (const host of this.hosts.values()) for (const activation of host.activations()) activation.end();
    try {
      await this.opened;
    } catch {
      return; // it never began
    }
    const { ledger, keeper, log, watching } = this.#required;
    watching[Symbol.dispose]();
    log.end();
    await ledger.committer.idle();
    await keeper.end().catch(() => {}); // others find out that it is gone
    await ledger.connection.close();
  }

  get #required(): Open {
    if (this.#open === undefined) {
      throw new StoreError("store-unavailable", "Cannot use the store: it is not open");
    }
    return this.#open;
  }

  async #answer(to: ActorId, route: Route, payload: unknown): Promise<void> {
    await this.opened;
    const { dispatch, answers, ledger } = this.#required;
    const effects = new Effects();
    if (to.protocol === Reply.open.protocol) dispatch.post(effects, to, route, payload);
    else answers.write(effects, to.key, route, payload);
    if (effects.writes.length === 0) return;
    await commitOne(ledger.committer, effects);
    effects.follow();
  }

  async #begin(): Promise<void> {
    const { store, options, services, ids, letters } = this.#parts;
    const { clock, random } = options;
    const otherClocks = new OtherClocks(clock);
    const connection = await store.open({ clock: otherClocks.slowest });
    const ledger = new Ledger(services.newId(), connection, store.traits, clock, random, otherClocks);
    const replies = new Replies(ledger, options.replyKeepMs);
    const answers = new Answers(ledger, ids, (locals) => this.#deliverLocally(locals));
    const dispatch = new Dispatch(ledger, replies, answers, {
      hosting: (protocol) => this.#hosting(protocol),
      roomFor: (actor) => this.#roomFor(actor),
      astray: (letter) => {
        const host = this.hosts.get(letter.protocol);
        if (host !== undefined) host.buried++;
        this.#buried(letter);
      },
    }, ids);
    const handOver = (arrivals: readonly Arrival[], version: string, senderMoment: number) =>
      this.#handOver(arrivals, version, senderMoment);
    const log = new EventLog(ledger);
    const stored = new StoredLetters({ ledger, dispatch, handOver }, letters, options.limits.deadLetters);
    const alarm = new Alarm(ledger, { timers: services.timers, dispatch, handOver });
    const keeper = new Keeper(ledger, {
      timers: services.timers,
      look: (actor, crashed) => this.#activate(actor)?.look(crashed) !== undefined,
      hosts: ({ protocol }) => this.hosts.has(protocol),
      atRest: (actor) => this.find(actor.protocol, actor.key)?.atRest ?? true,
      onBeat: async () => {
        replies.wake(); // what a watch should have told may have been lost
        if (!ledger.probes?.without("log-at-beat")) log.wake();
        await answers.beat();
        await stored.readAll();
        await alarm.ring();
      },
    });
    const proof = new Proof(ledger, store.traits);
    await proof.look();
    await keeper.begin();
    const watching = connection.watch(() => {
      replies.wake();
      answers.wake();
      log.wake();
      keeper.adopt().catch(() => {}); // the next beat does
    });
    this.#open = {
      acceptor: new Acceptor({ ledger, dispatch, replies, ids, idWindowMs: options.idWindowMs, handOver }),
      ledger,
      dispatch,
      replies,
      answers,
      log,
      keeper,
      alarm,
      proof,
      letters: stored,
      watching,
      turnEffects: new TurnEffects(ledger, dispatch),
      suspects: new Suspects(),
      suspicious: (instances) => keeper.suspicious(instances),
      handOver,
      deliverLocally: (locals) => this.#deliverLocally(locals),
      published: (topic) => log.wake(topic),
      buried: (letter, error) => this.#buried(letter, error),
    };
    this.#early.run();
  }

  #hosting(protocol: string): "durable" | "transient" | "no" {
    if (this.hosts.has(protocol)) return "durable";
    return this.#parts.isTransient(protocol) ? "transient" : "no";
  }

  #roomFor(actor: ActorId): { readonly waiting: number; readonly capacity: number } | undefined {
    const activation = this.find(actor.protocol, actor.key);
    if (activation === undefined) return undefined;
    return { waiting: activation.waiting, capacity: activation.home.actor.mailbox.capacity * turnRoom };
  }

  #handOver(arrivals: readonly Arrival[], version: string, senderMoment: number): void {
    const { keeper, ledger: { probes } } = this.#required;
    if (probes?.without("hand-over")) return;
    const moment = probes?.without("listed-after-loaded") ? 0 : senderMoment;
    for (const { to, draft } of arrivals) {
      const found = this.find(to.protocol, to.key);
      if (this.#ending || (found ?? this.#activate(to)) === undefined) {
        keeper.left(to);
        probes?.reach("there is no room for an actor that has mail");
        continue;
      }
      keeper.wrote(to, version);
      found?.arrive(Mail.committed(draft, version), moment);
    }
  }

  /** Loads an actor that has mail. Where there is no room, its entry in the index stays, and a later beat looks again. */
  #activate({ protocol, key }: ActorId): DurableActivation | undefined {
    try {
      return this.hosts.get(protocol)?.get(key);
    } catch (error) {
      if (error instanceof PosthornError) return undefined;
      throw error;
    }
  }

  #deliverLocally(locals: readonly LocalDelivery[]): void {
    const { delivery } = this.#parts.services;
    for (const { to, route, payload } of locals) {
      const { protocol, key } = to;
      // An address knows no more than a name: its receiver is told by its own operation.
      const operation = delivery.operationAt({ protocol, key, operation: route.operation.name });
      delivery.deliver(to, route.of(operation), payload);
    }
  }

  #buried(letter: DeadLetter, error?: unknown): void {
    this.#parts.services.delivery.buried(letter, error);
    void this.#required.letters.read().catch(() => {}); // the next beat does
  }

  #leaveToOthers(actor: ActorId): void {
    const { ledger, keeper } = this.#required;
    keeper.leftToOthers(actor);
    const effects = new Effects();
    effects.write(indexKey(nobody, actor), new Uint8Array());
    effects.remove(indexKey(ledger.instance, actor));
    effects.rings = true;
    commitOne(ledger.committer, effects).catch(() => {}); // its entry in this instance's index is still there
  }
}
