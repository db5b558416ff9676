import type { Actor } from "../actor.ts";
import type { ActorId } from "../address.ts";
import type { DeadLetter, KeptDeadLetters } from "../dead_letters.ts";
import { Asker, type MessageId, nameOf, type Route } from "../envelope.ts";
import { MailboxFullError, messageOf, PosthornError, StoppedError } from "../errors.ts";
import type { StoreHealth } from "../health.ts";
import type { Population } from "../host.ts";
import type { Ids } from "../ids.ts";
import { Publication, Reply } from "../modes.ts";
import type { Services } from "../services.ts";
import type { ResolvedOptions } from "../system_options.ts";
import type { Store } from "../store.ts";
import { StoreError, TooLargeError } from "../store_errors.ts";
import { requireFits, weigh } from "../store_weight.ts";
import { type Acceptance, AcceptCommission } from "./accept_commission.ts";
import { Alarm } from "./alarm.ts";
import { Dispatch, storable } from "./dispatch.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { DurableServices } from "./durable_home.ts";
import { DurableHost } from "./durable_host.ts";
import { type Arrival, Effects, type LocalDelivery } from "./effects.ts";
import { EventLog, type LoggedEvent } from "./event_log.ts";
import { indexKey, mailPrefix, markKey, nobody } from "./keys.ts";
import { Keeper } from "./keeper.ts";
import { Ledger } from "./ledger.ts";
import { headOf, Mail } from "./mail.ts";
import { Proof } from "./proof.ts";
import { Replies } from "./replies.ts";
import { Respondents } from "./respondents.ts";
import { commitOne } from "./single_commission.ts";
import { StoredLetters } from "./stored_letters.ts";
import { Suspects } from "./suspects.ts";
import { TurnEffects } from "./turn_effects.ts";

/** What turns send has this many times the room of what comes from outside. */
const turnRoom = 10;
/** How long it is known that an unnamed message was accepted: longer than its commit is tried again. */
const retryWindowMs = 600_000;

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
  readonly replies: Replies;
  readonly log: EventLog;
  readonly keeper: Keeper;
  readonly alarm: Alarm;
  readonly proof: Proof;
  readonly letters: StoredLetters;
  readonly watching: Disposable;
}

/** More of a message from outside than its way. */
export interface AcceptParts {
  /** Where its reply will be, where one is kept: it is opened with the message. */
  readonly ticket?: string | undefined;
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

  constructor(parts: PersistenceParts) {
    this.#parts = parts;
    for (const actor of parts.actors) {
      const leave = (id: ActorId) => this.#leaveToOthers(id);
      const host = new DurableHost(actor, parts.services, parts.population, () => this.#required, leave);
      this.hosts.set(actor.name, host);
    }
    this.opened = this.#begin();
    this.opened.catch((error) => this.#failure = error); // whoever sends hears of it
  }

  /** What the store has shown of itself. */
  get health(): StoreHealth {
    const { name } = this.#parts.store.traits;
    if (this.#failure !== undefined) return { name, status: "unavailable", reason: messageOf(this.#failure) };
    if (this.#open === undefined) return { name, status: "opening" };
    return { name, ...this.#open.proof.health };
  }

  /** Whether an actor's protocol is durable here. */
  has(protocol: string): boolean {
    return this.hosts.has(protocol);
  }

  /** Whether what is sent to that protocol is committed: to durable actors, and to replies. */
  takes(protocol: string): boolean {
    return this.hosts.has(protocol) || protocol === Reply.open.protocol;
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

  /** Hears what is published to a topic from now on, until it is disposed of. */
  follow(topic: string, hear: (event: LoggedEvent) => void, after?: number): Disposable {
    if (this.#open !== undefined) return this.#open.log.follow(topic, after, hear);
    let disposed = false;
    let following: Disposable | undefined;
    const begin = () => {
      if (!disposed) following = this.#open?.log.follow(topic, after, hear);
    };
    this.opened.then(begin, () => {}); // where the store cannot be opened nothing is published
    return {
      [Symbol.dispose]() {
        disposed = true;
        following?.[Symbol.dispose]();
      },
    };
  }

  /** The logs of events, where the store is open. */
  get logNow(): EventLog | undefined {
    return this.#open?.log;
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
    if (this.#open === undefined) return this.opened.then(() => this.accept(to, route, payload, parts));
    try {
      return this.#accept(this.#open, to, route, payload, parts);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a message for somebody who does not wait: what stands in the way makes a dead letter. */
  deliver(to: ActorId, route: Route, payload: unknown, bury: (error: unknown) => void): void {
    if (to.protocol === Reply.open.protocol) {
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

  #accept(
    open: Open,
    to: ActorId,
    route: Route,
    payload: unknown,
    { ticket }: AcceptParts,
  ): Promise<Acceptance> {
    const { ids } = this.#parts;
    if (this.#ending) {
      throw new StoppedError(`Cannot accept ${nameOf(route.operation, to.key)}: the system has stopped`);
    }
    const { ledger, dispatch, replies } = open;
    const activation = this.hosts.get(to.protocol)!.get(to.key);
    const { rarities, replyTo, operation } = route;
    const id = ids.text(rarities?.id ?? ids.next());
    const text = (id: MessageId) => ids.text(id);
    if (replyTo instanceof Asker) {
      const head = headOf(route, id, ledger.instance, text);
      activation.ask(Mail.ask(head, ledger.nextPlace(), payload, replyTo));
      return Promise.resolve({ repeated: false, ticket: undefined });
    }
    const { capacity, overflow } = activation.home.actor.mailbox;
    if (activation.waiting >= capacity && overflow === "reject") {
      throw new MailboxFullError(String(activation), activation.waiting, capacity);
    }
    const effects = new Effects();
    const sent = payload instanceof Publication ? storable(payload) : payload;
    const draft = dispatch.draft(to, route, payload, id);
    dispatch.deliver(effects, to, draft);
    if (ticket !== undefined) replies.open(effects, ticket, true);
    const name = nameOf(operation, to.key);
    const mark = this.#markOf(ledger, rarities?.scope, name, id);
    let over = false;
    const commission = new AcceptCommission({
      ledger,
      effects,
      lane: ledger.probes?.without("lane") ? undefined : mailPrefix(to),
      mark,
      windowMs: rarities?.scope === undefined ? retryWindowMs : this.#parts.options.idWindowMs,
      payload: sent,
      ticket,
      name,
      id,
      onCommitted: (version) => {
        effects.follow();
        open.handOver(effects.arrivals, version, 0);
        if (overflow !== "reject" && activation.waiting > capacity) activation.overflow(overflow);
      },
      onOver: () => {
        if (!over) activation.accepting--;
        over = true;
      },
    });
    requireFits(name, weigh(commission.part, ledger.traits.limits), ledger.traits.limits);
    activation.accepting++;
    ledger.committer.submit(commission);
    return commission.accepted;
  }

  /** The key of a message's mark: where it has a name of its own, or its commit may be tried again. */
  #markOf(ledger: Ledger, scope: string | undefined, name: string, id: string): string | undefined {
    if (scope === undefined) return ledger.traits.unknownOutcomes ? markKey(`\n${id}`) : undefined;
    const key = markKey(`${encodeURIComponent(scope)}\n${name}\n${id}`);
    const { keyBytes } = ledger.traits.limits;
    const bytes = new TextEncoder().encode(key).length;
    if (bytes > keyBytes) throw new TooLargeError(name, "bytes of a key", bytes, keyBytes);
    return key;
  }

  async #answer(to: ActorId, route: Route, payload: unknown): Promise<void> {
    await this.opened;
    const { dispatch, ledger } = this.#required;
    const effects = new Effects();
    dispatch.post(effects, to, route, payload);
    if (effects.writes.length === 0) return;
    await commitOne(ledger.committer, effects);
    effects.follow();
  }

  async #begin(): Promise<void> {
    const { store, options, services, ids, letters } = this.#parts;
    const { clock, random } = options;
    const connection = await store.open({ clock });
    const ledger = new Ledger(services.newId(), connection, store.traits, clock, random);
    const replies = new Replies(ledger, options.replyKeepMs);
    const dispatch = new Dispatch(ledger, replies, {
      hosting: (protocol) => this.#hosting(protocol),
      roomFor: (actor) => this.#roomFor(actor),
    }, ids);
    const handOver = (arrivals: readonly Arrival[], version: string, senderMoment: number) =>
      this.#handOver(arrivals, version, senderMoment);
    const log = new EventLog(ledger);
    const stored = new StoredLetters({ ledger, dispatch, handOver }, letters, options.limits.deadLetters);
    const alarm = new Alarm(ledger, { timers: services.timers, dispatch, handOver });
    const keeper = new Keeper(ledger, {
      timers: services.timers,
      look: (actor) => {
        const activation = this.#activate(this.hosts.get(actor.protocol)!, actor.key);
        activation?.look();
        return activation !== undefined;
      },
      hosts: ({ protocol }) => this.hosts.has(protocol),
      atRest: (actor) => this.find(actor.protocol, actor.key)?.atRest ?? true,
      onBeat: async () => {
        await stored.read();
        await alarm.ring();
      },
    });
    const proof = new Proof(ledger, store.traits);
    await proof.look();
    await keeper.begin();
    const watching = connection.watch(() => {
      replies.wake();
      log.wake();
      keeper.adopt().catch(() => {}); // the next beat does
    });
    this.#open = {
      ledger,
      dispatch,
      replies,
      log,
      keeper,
      alarm,
      proof,
      letters: stored,
      watching,
      turnEffects: new TurnEffects(ledger, dispatch),
      suspects: new Suspects(),
      suspicious: (actor, instances) => keeper.suspicious(actor, instances),
      handOver,
      deliverLocally: (locals) => this.#deliverLocally(locals),
      published: (topic) => log.wake(topic),
      buried: (letter) => this.#buried(letter),
    };
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
      const host = this.hosts.get(to.protocol)!;
      const found = host.find(to.key);
      if (this.#ending || (found ?? this.#activate(host, to.key)) === undefined) {
        keeper.left(to);
        probes?.reach("there is no room for an actor that has mail");
        continue;
      }
      keeper.wrote(to, version);
      found?.arrive(Mail.committed(draft, version), moment);
    }
  }

  /** Loads an actor that has mail. Where there is no room, its entry in the index stays, and a later beat looks again. */
  #activate(host: DurableHost, key: string): DurableActivation | undefined {
    try {
      return host.get(key);
    } catch (error) {
      if (!(error instanceof PosthornError)) throw error;
    }
  }

  #deliverLocally(locals: readonly LocalDelivery[]): void {
    for (const { to, route, payload } of locals) this.#parts.services.delivery.deliver(to, route, payload);
  }

  #buried(letter: DeadLetter): void {
    const { inspectors } = this.#parts.services.delivery;
    this.#parts.letters.total++;
    if (!inspectors.silent) inspectors.emit({ type: "dead", letter });
    void this.#required.letters.read().catch(() => {}); // the next beat does
  }

  #leaveToOthers(actor: ActorId): void {
    const { ledger, keeper } = this.#required;
    keeper.left(actor);
    const effects = new Effects();
    effects.write(indexKey(nobody, actor), new Uint8Array());
    effects.remove(indexKey(ledger.instance, actor));
    effects.rings = true;
    commitOne(ledger.committer, effects).catch(() => {}); // its entry in this instance's index is still there
  }
}
