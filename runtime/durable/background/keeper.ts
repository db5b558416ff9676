import type { ActorId } from "../../language/address.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import { Chore } from "./chore.ts";
import { Effects } from "../commits/effects.ts";
import type { Instances } from "./instances.ts";
import {
  behindAll,
  indexed,
  indexKey,
  indexPrefix,
  leftKey,
  mailPrefix,
  nameOfActor,
  nobody,
  protocolPrefix,
  wholeIndexPrefix,
} from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import { commitKnown, commitOne } from "../commits/single_commission.ts";

/** What the keeper needs of the others. */
export interface KeeperServices {
  readonly timers: Timers;
  /** The protocols that are hosted here. */
  readonly protocols: readonly string[];
  /** Looks after an actor that is hosted here. Returns whether there was room for it. */
  look(actor: ActorId, crashed?: boolean): boolean;
  /** Whether nothing that this instance wrote for it still waits. */
  atRest(actor: ActorId): boolean;
  /** Done at each heartbeat, each by itself: one that takes long keeps neither the others waiting nor the heartbeat. */
  readonly onHeartbeat: readonly (() => Promise<unknown>)[];
}

const pageMax = 100;
/** How many times in a heartbeat it looks whether a process is gone, where that can be seen at once. */
const glancesPerHeartbeat = 4;
const ownPageMax = 1_000;
/** How many instances that are no more are looked at in one heartbeat; the next goes on behind them. */
const instancesMax = 100;

/**
 * Keeps this instance's place among those that share the store: says at each heartbeat that it lives, takes over what
 * the dead left, and lets go of what is done. All of it is a hint: safety lies in the checks of each commit.
 */
export class Keeper {
  readonly #ledger: Ledger;
  readonly #instances: Instances;
  readonly #services: KeeperServices;
  /** The protocols that are hosted here, in the order of keys. */
  readonly #protocols: readonly string[];
  /** Index entries that this instance has written, by actor: with the version of the last write. */
  readonly #entries = new Map<string, { readonly actor: ActorId; readonly version: string }>();
  /** Until when actors are not taken back, by this process's own clock. */
  readonly #leftUntilMs = new Map<string, number>();
  /** What was last heard of actors that are left to nobody, by protocol. */
  readonly #heard = new Map<string, string>();
  readonly #round = new Chore(() => this.#goRound());
  readonly #adoption = new Chore(() => this.#hear());
  readonly #others: readonly Chore[];
  readonly #saying: Chore;
  /** The entry of its own index at which it looked last. */
  #lookedAt: string;
  /** The instance that is no more and was looked at last. */
  #scannedTo = wholeIndexPrefix;
  #timer: Timer | undefined;
  #glanceTimer: Timer | undefined;
  #ended = false;

  constructor(ledger: Ledger, instances: Instances, services: KeeperServices) {
    this.#ledger = ledger;
    this.#instances = instances;
    this.#services = services;
    this.#protocols = services.protocols.toSorted();
    this.#others = services.onHeartbeat.map((work) => new Chore(work));
    this.#saying = new Chore(() => instances.say().finally(() => this.#wait()));
    this.#lookedAt = indexPrefix(ledger.instance);
  }

  /** Says that it lives, and from then on does so at each heartbeat. */
  async begin(): Promise<void> {
    await this.#instances.begin();
    this.heartbeat().catch(() => {}); // the next does what this one could not
    if (this.#ledger.connection.presence !== undefined) this.#glance();
  }

  /** An index entry was written for an actor. */
  wrote(actor: ActorId, version: string): void {
    this.#entries.set(nameOfActor(actor), { actor, version });
  }

  /** An index entry of an actor is nobody's work for now: it stays, and is looked at again. */
  left(actor: ActorId): void {
    this.#entries.delete(nameOfActor(actor));
  }

  /**
   * Others are to have an actor. It is not taken back for a while: two instances of an older revision of the program
   * would hand it to each other without end, each at once when it hears that it is nobody's.
   */
  leftToOthers(actor: ActorId, forMs: number): void {
    this.left(actor);
    this.#leftUntilMs.set(nameOfActor(actor), this.#ledger.clock.monotonicMs() + forMs);
  }

  /** Others look after what this instance did: it took too long to say that it lives. */
  forget(): void {
    this.#entries.clear();
    this.#lookedAt = indexPrefix(this.#ledger.instance);
  }

  /** One heartbeat: resolves when all that it found is on its way. Rejects where the store does not answer. */
  async heartbeat(): Promise<void> {
    if (this.#ended) return;
    await this.#saying.run();
    await Promise.all([this.#round, ...this.#others].map((chore) => chore.run()));
  }

  /** Others have committed something: what nobody's index has of late is looked after, where it is hosted here. */
  async adopt(): Promise<void> {
    await this.#adoption.wake();
  }

  /** Its last word: what it leaves, others need not suspect. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#glanceTimer?.cancel();
    await Promise.all([this.#saying, this.#round].map((chore) => chore.idle()));
    this.#timer?.cancel();
    await this.#tidy().catch(() => {}); // others find it without
    await this.#instances.end();
  }

  /** The next heartbeat is timed by the last one alone, whatever that has found to do. */
  #wait(): void {
    if (this.#ended) return;
    this.#timer?.cancel();
    const { heartbeatMs } = this.#ledger.traits;
    this.#timer = this.#services.timers.set(heartbeatMs, () => void this.heartbeat().catch(() => {}));
  }

  #glance(): void {
    if (this.#ended) return;
    const afterMs = this.#ledger.traits.heartbeatMs / glancesPerHeartbeat;
    this.#glanceTimer = this.#services.timers.set(afterMs, () => void this.#lookAtNext());
  }

  async #lookAtNext(): Promise<void> {
    try {
      if (await this.#instances.nextIsGone()) await this.#round.run();
    } catch {
      // the next heartbeat does what this could not
    }
    this.#glance();
  }

  async #goRound(): Promise<void> {
    await this.#instances.look();
    await this.#instances.judge(() => this.#ended);
    await this.#takeOverFromTheDead();
    await this.#takeOver(nobody);
    if (this.#ended) return;
    await this.#lookAtOwn();
    await this.#tidy();
    const nowMs = this.#ledger.clock.monotonicMs();
    for (const [name, untilMs] of this.#leftUntilMs) if (untilMs <= nowMs) this.#leftUntilMs.delete(name);
  }

  /** Whoever has entries in the index and is no more. One read for each instance, however many entries it has. */
  async #takeOverFromTheDead(): Promise<void> {
    const { connection, instance: self } = this.#ledger;
    for (let count = 0; count < instancesMax && !this.#ended; count++) {
      const range = { prefix: wholeIndexPrefix, after: this.#scannedTo, limit: 1 };
      const [first] = await connection.list(range);
      if (first === undefined) {
        this.#scannedTo = wholeIndexPrefix;
        return;
      }
      const { instance } = indexed(first.key);
      this.#scannedTo = indexPrefix(instance) + behindAll;
      if (instance === self || instance === nobody || this.#instances.lives(instance)) continue;
      const fate = await this.#instances.fateOf(instance);
      if (fate !== "lives") await this.#takeOver(instance, fate === "ended");
    }
  }

  /**
   * What an instance that is no more had in its index becomes this one's, as far as it is hosted here. What is not is
   * passed by without being listed: one read for each protocol, however many actors wait.
   */
  async #takeOver(instance: string, crashed = false): Promise<void> {
    const prefix = indexPrefix(instance);
    const all = this.#ledger.probes?.without("taken-by-hosts") === true;
    for (let after = prefix; !this.#ended;) {
      const [first] = await this.#ledger.connection.list({ prefix, after, limit: 1 });
      if (first === undefined) return;
      const { protocol } = indexed(first.key);
      if (all || this.#protocols.includes(protocol)) {
        await this.#takeOverProtocol(instance, protocol, crashed);
        after = protocolPrefix(instance, protocol) + behindAll;
        continue;
      }
      const next = this.#protocols.find((hosted) => hosted > protocol);
      if (next === undefined) return;
      after = protocolPrefix(instance, next);
    }
  }

  async #takeOverProtocol(instance: string, protocol: string, crashed: boolean): Promise<void> {
    const prefix = protocolPrefix(instance, protocol);
    for (let after = prefix; !this.#ended;) {
      const rows = await this.#ledger.connection.list({ prefix, after, limit: pageMax });
      await Promise.all(rows.map(async ({ key, version }) => {
        const actor = indexed(key);
        if (instance === nobody && this.#isLeft(actor)) return;
        const committed = await this.#move(actor, { key, version }, this.#ledger.instance);
        if (committed === undefined) return;
        this.#ledger.probes?.reach("an actor is taken over");
        if (this.#services.look(actor, crashed)) this.wrote(actor, committed);
        else this.left(actor);
      }));
      if (rows.length < pageMax) return;
      after = rows.at(-1)!.key;
    }
  }

  /** An index entry becomes another instance's. Returns its version there; nothing where it has changed. */
  #move(
    actor: ActorId,
    { key, version }: { readonly key: string; readonly version: string },
    to: string,
  ): Promise<string | undefined> {
    const effects = new Effects();
    effects.checks.push({ key, version });
    effects.remove(key);
    effects.write(indexKey(to, actor), new Uint8Array());
    return commitKnown(this.#ledger, effects);
  }

  /** What a bell told: only of protocols that are hosted here, and only where it told of them. */
  async #hear(): Promise<void> {
    const rows = await this.#ledger.connection.read(this.#protocols.map(leftKey));
    for (const [index, row] of rows.entries()) {
      const protocol = this.#protocols[index];
      if (row === undefined || this.#heard.get(protocol) === row.version) continue;
      this.#heard.set(protocol, row.version);
      await this.#takeOverProtocol(nobody, protocol, false);
    }
  }

  #isLeft(actor: ActorId): boolean {
    const untilMs = this.#leftUntilMs.get(nameOfActor(actor)) ?? -Infinity;
    return untilMs > this.#ledger.clock.monotonicMs() && !this.#ledger.probes?.without("left-for-a-while");
  }

  /**
   * Some entries of its own index, and at the next heartbeat those behind them. Of which it has not heard is looked
   * after: a commit landed that seemed to have failed, or there was no room for its actor.
   */
  async #lookAtOwn(): Promise<void> {
    const prefix = indexPrefix(this.#ledger.instance);
    const range = { prefix, after: this.#lookedAt, limit: ownPageMax };
    const rows = await this.#ledger.connection.list(range);
    this.#lookedAt = rows.length < ownPageMax ? prefix : rows.at(-1)!.key;
    for (const { key, version } of rows) {
      const actor = indexed(key);
      if (this.#entries.get(nameOfActor(actor))?.version === version) continue;
      this.#ledger.probes?.reach("an index entry was not known");
      if (this.#protocols.includes(actor.protocol) && this.#services.look(actor)) this.wrote(actor, version);
    }
  }

  /** Entries of actors for which nothing waits any more go; the check sees what came in between. */
  async #tidy(): Promise<void> {
    const done = [...this.#entries.values()].filter(({ actor }) => this.#services.atRest(actor));
    for (let first = 0; first < done.length; first += pageMax) {
      await Promise.all(done.slice(first, first + pageMax).map((entry) => this.#remove(entry)));
    }
  }

  async #remove({ actor, version }: { readonly actor: ActorId; readonly version: string }): Promise<void> {
    const { committer, instance, traits } = this.#ledger;
    const key = indexKey(instance, actor);
    const name = nameOfActor(actor);
    // A commit of which nothing was heard yet may have written a message, and the entry before its last version.
    if ((traits.unknownOutcomes || traits.fullCommitsAtOnce > 1) && await this.#waits(actor)) {
      if (!this.#services.atRest(actor)) return; // it has come by now
      this.#ledger.probes?.reach("a message waits of which nothing was heard");
      if (!this.#services.look(actor)) this.left(actor);
      return;
    }
    const effects = new Effects();
    effects.checks.push({ key, version });
    effects.remove(key);
    const removed = await commitOne(committer, effects);
    if (removed === undefined) this.#ledger.probes?.reach("an index entry changed before it went");
    if (this.#entries.get(name)?.version === version) this.#entries.delete(name);
  }

  async #waits(actor: ActorId): Promise<boolean> {
    return (await this.#ledger.connection.list({ prefix: mailPrefix(actor), limit: 1 })).length > 0;
  }
}
