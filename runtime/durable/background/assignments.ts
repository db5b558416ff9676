import type { ActorId } from "../../language/address.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { removalOf } from "../commits/write_set.ts";
import type { Membership } from "./membership.ts";
import type { PausedProtocols } from "./paused_protocols.ts";
import { PostedEntries } from "./posted_entries.ts";
import type { WakeTimes } from "./wake_times.ts";
import {
  behindAll,
  indexed,
  indexKey,
  indexPrefix,
  leftKey,
  mailPrefix,
  nameOfActor,
  pausedKey,
  posted,
  protocolPrefix,
  unassigned,
  wholeIndexPrefix,
} from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";

/** The services that assignments use. */
export interface AssignmentsServices {
  readonly timers: Timers;
  readonly wakeTimes: WakeTimes;
  /** The protocols that are hosted here, as durable or as transient ones. */
  readonly protocols: readonly string[];
  /**
   * Loads an actor that is hosted here, or lists its messages again; refuses the messages of a transient one. Returns
   * whether there was room for it.
   */
  look(actor: ActorId, crashed?: boolean): boolean;
  /** Whether no message that this instance wrote to the actor still waits. */
  atRest(actor: ActorId): boolean;
  /** Whether those that wait do so for a time, of which the wake times know. */
  waitsForTime(actor: ActorId): boolean;
  /** Whether messages to other services wait. */
  sends(): boolean;
  /** Whether an actor waits until its protocol is resumed, and is not in memory. */
  waitsPaused(actor: ActorId): boolean;
  /** The protocols that are paused. */
  readonly paused: Pick<PausedProtocols, "heard">;
  /** Further work of each heartbeat. Each runs by itself, so that a slow one delays neither others nor the heartbeat. */
  readonly onHeartbeat: readonly (() => Promise<unknown>)[];
}

const pageMax = 100;
/** The interval in milliseconds at which it asks the presence whether the process of the next instance is gone. */
const presenceMs = 400;
const ownPageMax = 1_000;
/** How many ended instances one heartbeat examines; the next continues behind them. */
const instancesMax = 100;
/** How long heartbeats go on after a commit of which nobody knows whether it will land. */
const restlessMs = 60_000;

/**
 * The actors that this instance runs. At each heartbeat it renews its own row, claims unassigned actors, takes over
 * those of ended instances, and removes the index entries of actors that have no messages any more. All of it is a hint:
 * only the checks of each commit make turns safe.
 *
 * If nobody else can use the store, its row tells nobody anything and is not renewed, and there is no heartbeat while
 * nothing waits: one follows each commit, and then another as long as the last one found something that waits.
 */
export class Assignments {
  readonly #session: StoreSession;
  readonly #membership: Membership;
  readonly #services: AssignmentsServices;
  /** The protocols that are hosted here, in the order of keys. */
  readonly #protocols: readonly string[];
  /** The index entries that this instance has written, by actor, with the version of the last write. */
  readonly #entries = new Map<string, { readonly actor: ActorId; readonly version: string }>();
  /** Until when this instance does not take back actors that it released, by its own clock. */
  readonly #releasedUntilMs = new Map<string, number>();
  /** The version of the key of unassigned actors that was read last, by protocol. */
  readonly #heard = new Map<string, string>();
  readonly #round = new SingleFlight(() => this.#goRound());
  readonly #claiming = new SingleFlight(() => this.#hear());
  readonly #taking: SingleFlight;
  readonly #others: readonly SingleFlight[];
  readonly #saying: SingleFlight;
  /** Asks the presence about all. It may take a while to be sure, and nothing waits for it. */
  readonly #asking = new SingleFlight(() => this.#askWhoIsGone("all"));
  /** Whether it rests while nothing waits. */
  readonly #rests: boolean;
  #restlessUntilMs = -Infinity;
  /** Whether its index may have entries of actors that are not loaded. */
  #leftOver = false;
  /** The entry of its own index that it examined last. */
  #lookedAt: string;
  /** The end of the index of the instance that it examined last. */
  #scannedTo = wholeIndexPrefix;
  #timer: Timer | undefined;
  #presenceTimer: Timer | undefined;
  #begun = false;
  #ended = false;

  constructor(session: StoreSession, membership: Membership, services: AssignmentsServices) {
    this.#session = session;
    this.#membership = membership;
    this.#services = services;
    this.#protocols = services.protocols.toSorted();
    this.#others = services.onHeartbeat.map((work) => new SingleFlight(work));
    const { processes, unknownOutcomes } = session.traits;
    this.#rests = processes === "one" && !unknownOutcomes;
    this.#saying = new SingleFlight(() => membership.say().finally(() => this.#wait()));
    const posted = new PostedEntries(session, membership, {
      hosts: (protocol) => this.hosts(protocol),
      isReleased: (actor) => this.#isReleased(actor),
      isOver: () => this.#ended,
      take: (actor, version) => this.#take(actor, version),
    });
    this.#taking = new SingleFlight(() => posted.take());
    this.#lookedAt = indexPrefix(session.instance);
  }

  /** The first heartbeat; from then on each follows the one before. */
  async begin(): Promise<void> {
    await this.#membership.begin();
    this.#begun = true;
    this.heartbeat().catch(() => {}); // the next heartbeat repeats what failed
    if (this.#session.connection.presence !== undefined) this.#checkPresenceLater();
  }

  /** An index entry was written for an actor. */
  wrote(actor: ActorId, version: string): void {
    this.#entries.set(nameOfActor(actor), { actor, version });
  }

  /** The index entry of an actor stays, and a later heartbeat examines it again. */
  left(actor: ActorId): void {
    this.#entries.delete(nameOfActor(actor));
    this.#leftOver = true;
    this.stir();
  }

  /**
   * Leaves an actor to other instances, and does not take it back for a while: else two instances of an older revision
   * of the program would hand it to each other without end.
   */
  released(actor: ActorId, forMs: number): void {
    this.left(actor);
    this.#releasedUntilMs.set(nameOfActor(actor), this.#session.clock.monotonicMs() + forMs);
    if (this.#rests && forMs !== Infinity) this.#services.wakeTimes.timers.set(forMs, () => this.stir());
  }

  /** Something has changed: a heartbeat follows. */
  stir(): void {
    if (this.#rests && this.#begun && this.#timer?.waiting !== true) this.#wait();
  }

  /** A commit may land of which nothing will be heard: heartbeats go on for a while. */
  doubt(): void {
    this.#restlessUntilMs = this.#session.clock.monotonicMs() + restlessMs;
    this.stir();
  }

  /** Other instances have taken over its actors, since its heartbeat was late. */
  forget(): void {
    this.#entries.clear();
    this.#lookedAt = indexPrefix(this.#session.instance);
  }

  /** One heartbeat. Resolves when its work is done; rejects if the store does not answer. */
  async heartbeat(): Promise<void> {
    if (this.#ended) return;
    const { wakeTimes } = this.#services;
    wakeTimes.ring();
    const asking = this.#asking.run();
    asking.catch(() => {}); // if the heartbeat fails before
    if (!this.#rests) await this.#saying.run();
    let failed = true;
    try {
      await Promise.all([asking, ...[this.#round, ...this.#others].map((chore) => chore.run())]);
      failed = false;
    } finally {
      const waits = failed || this.#isBusy();
      if (!this.#ended) wakeTimes.settle(waits);
      if (this.#rests && (waits || wakeTimes.waits)) this.stir();
    }
  }

  /** The actors of a protocol may run again: loads those of its index that have mail and are not in memory. */
  async resumed(protocol: string): Promise<void> {
    const range = { prefix: protocolPrefix(this.#session.instance, protocol), limit: pageMax };
    for await (const rows of pages(this.#session.connection, range)) {
      for (const { key, version } of rows) this.#lookUnlessKnown(key, version);
      if (this.#ended) return;
    }
  }

  /** Another instance has committed: claims actors that became unassigned and are hosted here. */
  async claimUnassigned(): Promise<void> {
    await this.#claiming.wake();
  }

  /** A transaction of a user may have written messages. */
  async claimPosted(): Promise<void> {
    if (!this.#ended) await this.#taking.wake();
  }

  /** Leaves orderly: other instances need not suspect its messages of a crash. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#presenceTimer?.cancel();
    this.#services.wakeTimes.end();
    await Promise.all([this.#saying, this.#round, this.#taking].map((chore) => chore.idle()));
    this.#timer?.cancel();
    await this.#tidy().catch(() => {}); // other instances do it later
    await this.#membership.end();
  }

  /** Whether actors of a protocol are hosted here. */
  hosts(protocol: string): boolean {
    return this.#protocols.includes(protocol);
  }

  /** Sets the timer of the next heartbeat, however long the work of the last one takes. */
  #wait(): void {
    if (this.#ended) return;
    this.#timer?.cancel();
    const { heartbeatMs } = this.#session.traits;
    this.#timer = this.#services.timers.set(heartbeatMs, () => void this.heartbeat().catch(() => {}));
  }

  /** Whether something waits that a heartbeat must look at again. */
  #isBusy(): boolean {
    if (this.#restlessUntilMs > this.#session.clock.monotonicMs()) return true;
    if (this.#leftOver || this.#services.sends()) return true;
    return this.#entries.values().some(({ actor }) => !this.#services.waitsForTime(actor));
  }

  #checkPresenceLater(): void {
    if (this.#ended) return;
    this.#presenceTimer = this.#services.timers.set(presenceMs, () => void this.#checkNextPresence());
  }

  async #checkNextPresence(): Promise<void> {
    try {
      await this.#askWhoIsGone("next");
    } catch {
      // the next heartbeat repeats it
    }
    this.#checkPresenceLater();
  }

  /** Takes over at once from instances that are gone, by a round that begins after the answer. */
  async #askWhoIsGone(of: "all" | "next"): Promise<void> {
    if (await this.#membership.askWhoIsGone(of) && !this.#ended) await this.#round.wake();
  }

  async #goRound(): Promise<void> {
    await this.#membership.look();
    await this.#membership.judge(() => this.#ended);
    await this.#reassignFromEnded();
    await this.#reassign(unassigned);
    if (this.#ended) return;
    await this.#lookAtOwn();
    await this.#tidy();
    const nowMs = this.#session.clock.monotonicMs();
    for (const [name, untilMs] of this.#releasedUntilMs) {
      if (untilMs <= nowMs) this.#releasedUntilMs.delete(name);
    }
  }

  /** Takes over the actors of ended instances. One read per instance, however many entries it has. */
  async #reassignFromEnded(): Promise<void> {
    const { connection, instance: self } = this.#session;
    for (let count = 0; count < instancesMax && !this.#ended; count++) {
      const range = { prefix: wholeIndexPrefix, after: this.#scannedTo, limit: 1 };
      const [first] = await connection.list(range);
      if (first === undefined) {
        this.#scannedTo = wholeIndexPrefix;
        return;
      }
      const { instance } = indexed(first.key);
      this.#scannedTo = behindAll(indexPrefix(instance));
      if (instance === posted) await this.#taking.run();
      if ([self, unassigned, posted].includes(instance) || this.#membership.lives(instance)) continue;
      const fate = await this.#membership.fateOf(instance);
      if (fate !== "lives") await this.#reassign(instance, fate === "ended");
    }
  }

  /**
   * Takes over the actors in the index of an ended instance that are hosted here. Those of other protocols are not even
   * listed: one read per protocol, however many actors wait.
   */
  async #reassign(instance: string, crashed = false): Promise<void> {
    const prefix = indexPrefix(instance);
    for (let after = prefix; !this.#ended;) {
      const [first] = await this.#session.connection.list({ prefix, after, limit: 1 });
      if (first === undefined) return;
      const { protocol } = indexed(first.key);
      if (this.hosts(protocol)) {
        await this.#reassignProtocol(instance, protocol, crashed);
        after = behindAll(protocolPrefix(instance, protocol));
        continue;
      }
      const next = this.#protocols.find((hosted) => hosted > protocol);
      if (next === undefined) return;
      after = protocolPrefix(instance, next);
    }
  }

  async #reassignProtocol(instance: string, protocol: string, crashed: boolean): Promise<void> {
    const range = { prefix: protocolPrefix(instance, protocol), limit: pageMax };
    for await (const rows of pages(this.#session.connection, range)) {
      await Promise.all(rows.map(async ({ key, version }) => {
        const actor = indexed(key);
        if (instance === unassigned && this.#isReleased(actor)) return;
        const writeSet = removalOf({ key, version });
        writeSet.write(indexKey(this.#session.instance, actor), new Uint8Array());
        const committed = await commitKnown(this.#session, writeSet);
        if (committed === undefined) return;
        this.#session.probes?.reach("an actor is taken over");
        this.#take(actor, committed, crashed);
      }));
      if (this.#ended) return;
    }
  }

  /** An actor is in the index of this instance now. */
  #take(actor: ActorId, version: string, crashed = false): void {
    if (this.#services.look(actor, crashed)) this.wrote(actor, version);
    else this.left(actor);
  }

  /** Claims unassigned actors of those hosted protocols whose key has changed. In the same read it looks what is paused. */
  async #hear(): Promise<void> {
    const { connection } = this.#session;
    const [paused, ...rows] = await connection.read([pausedKey, ...this.#protocols.map(leftKey)]);
    this.#services.paused.heard(paused?.version);
    for (const [index, row] of rows.entries()) {
      const protocol = this.#protocols[index];
      if (row === undefined || this.#heard.get(protocol) === row.version) continue;
      this.#heard.set(protocol, row.version);
      await this.#reassignProtocol(unassigned, protocol, false);
    }
  }

  #isReleased(actor: ActorId): boolean {
    const untilMs = this.#releasedUntilMs.get(nameOfActor(actor)) ?? -Infinity;
    return untilMs > this.#session.clock.monotonicMs();
  }

  /**
   * Examines some entries of its own index, and at the next heartbeat those behind them. If it does not know an entry,
   * it loads the actor: a commit landed although it seemed to have failed, or there was no room for the actor.
   */
  async #lookAtOwn(): Promise<void> {
    const prefix = indexPrefix(this.#session.instance);
    const range = { prefix, after: this.#lookedAt, limit: ownPageMax };
    const rows = await this.#session.connection.list(range);
    this.#leftOver = rows.length === ownPageMax;
    this.#lookedAt = this.#leftOver ? rows.at(-1)!.key : prefix;
    for (const { key, version } of rows) this.#lookUnlessKnown(key, version);
  }

  #lookUnlessKnown(key: string, version: string): void {
    const actor = indexed(key);
    if (this.#entries.get(nameOfActor(actor))?.version === version) return;
    if (this.#services.waitsPaused(actor)) return; // it is looked at when its protocol is resumed
    this.#session.probes?.reach("an index entry was not known");
    if (this.hosts(actor.protocol) && this.#services.look(actor)) this.wrote(actor, version);
    else this.#leftOver = true;
  }

  /** Removes the entries of actors that have no messages any more; a check finds what came meanwhile. */
  async #tidy(): Promise<void> {
    const done = [...this.#entries.values()].filter(({ actor }) => this.#services.atRest(actor));
    for (const some of slicesOf(done, pageMax)) {
      await Promise.all(some.map((entry) => this.#remove(entry)));
    }
  }

  async #remove({ actor, version }: { readonly actor: ActorId; readonly version: string }): Promise<void> {
    const { committer, instance, traits } = this.#session;
    const name = nameOfActor(actor);
    // A commit whose outcome is not known yet may have written a message, and an earlier version of the entry.
    if ((traits.unknownOutcomes || traits.fullCommitsAtOnce > 1) && await this.#waits(actor)) {
      if (!this.#services.atRest(actor)) return; // the message has come meanwhile
      this.#session.probes?.reach("a message waits of which nothing was heard");
      if (!this.#services.look(actor)) this.left(actor);
      return;
    }
    const removed = await commitOne(committer, removalOf({ key: indexKey(instance, actor), version }));
    if (removed === undefined) this.#session.probes?.reach("an index entry changed before it went");
    if (this.#entries.get(name)?.version === version) this.#entries.delete(name);
  }

  async #waits(actor: ActorId): Promise<boolean> {
    return (await this.#session.connection.list({ prefix: mailPrefix(actor), limit: 1 })).length > 0;
  }
}
