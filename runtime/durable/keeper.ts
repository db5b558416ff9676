import type { ActorId } from "../address.ts";
import type { Stored } from "../store.ts";
import type { Timer, Timers } from "../timers.ts";
import { Effects } from "./effects.ts";
import {
  behindAll,
  indexed,
  indexKey,
  indexPrefix,
  instanceKey,
  instancePrefix,
  mailPrefix,
  nameOfActor,
  nobody,
  wholeIndexPrefix,
} from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { commitOne } from "./single_commission.ts";
import { decodeValue, encodeValue } from "./stored_value.ts";

/** An instance in the store. */
interface InstanceRow {
  /** How often it has said that it lives. */
  readonly beat: number;
  /** What its clock said then, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Set by others: it ended without a word. */
  readonly ended?: boolean;
}

/** What is known here of another instance. */
interface Known {
  version: string;
  /** When the row was seen to change last, by this process's own clock. */
  sinceMs: number;
  /** Whether the row has changed since this process first saw it. */
  alive: boolean;
  ended: boolean;
}

/** What the keeper needs of the others. */
export interface KeeperServices {
  readonly timers: Timers;
  /** Looks after an actor that is hosted here. Returns whether there was room for it. */
  look(actor: ActorId, crashed?: boolean): boolean;
  /** Whether its protocol is hosted here. */
  hosts(actor: ActorId): boolean;
  /** Whether nothing that this instance wrote for it still waits. */
  atRest(actor: ActorId): boolean;
  /** Called at each beat. */
  onBeat(): Promise<void>;
}

/** Missed beats after which an instance is taken for dead. To be wrong costs work, never a message. */
const missedMax = 3;
const pageMax = 100;
const ownPageMax = 1_000;
/** How long an actor that was left to others is not taken back. */
const leftMs = 30_000;
/** How long it is known that an instance ended without a word. */
const endedKeepMs = 86_400_000;

/**
 * Keeps this instance's place among those that share the store: says that it lives, takes over what the dead left, and
 * lets go of what is done. All of it is a hint: safety lies in the checks of each commit.
 */
export class Keeper {
  readonly #ledger: Ledger;
  readonly #services: KeeperServices;
  /** Index entries that this instance has written, by actor: with the version of the last write. */
  readonly #entries = new Map<string, { readonly actor: ActorId; readonly version: string }>();
  readonly #known = new Map<string, Known>();
  /** Until when actors are not taken back, by this process's own clock. */
  readonly #leftUntilMs = new Map<string, number>();
  /** The entry of its own index at which it looked last. */
  #lookedAt: string;
  #beat = 0;
  #timer: Timer | undefined;
  #beating: Promise<void> | undefined;
  #ended = false;

  constructor(ledger: Ledger, services: KeeperServices) {
    this.#ledger = ledger;
    this.#services = services;
    this.#lookedAt = indexPrefix(ledger.instance);
  }

  /** Says that it lives, and from then on does so at each beat. */
  async begin(): Promise<void> {
    await this.#write({ beat: this.#beat, atMs: this.#ledger.clock.now() });
    const { traits, probes } = this.#ledger;
    if (traits.processes === "one" && !probes?.without("taken-over-at-once")) {
      // Whoever was here before is not here any more: two processes never share such a store.
      for (const { key, version } of await this.#instances()) {
        const instance = key.slice(instancePrefix.length);
        this.#known.set(instance, { version, sinceMs: -Infinity, alive: false, ended: false });
      }
    }
    this.beat().catch(() => {}); // the next does what this one could not
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
   * Another revision of the program has an actor. It is not taken back for a while: two instances of an older one would
   * hand it to each other without end, each at once when it hears that it is nobody's.
   */
  leftToOthers(actor: ActorId): void {
    this.left(actor);
    this.#leftUntilMs.set(nameOfActor(actor), this.#ledger.clock.monotonicMs() + leftMs);
  }

  /** One beat: resolves when all that it found is on its way. Rejects where the store does not answer. */
  beat(): Promise<void> {
    return this.#beating ??= this.#run().finally(() => {
      this.#beating = undefined;
      if (this.#ended) return;
      this.#timer?.cancel();
      this.#timer = this.#services.timers.set(
        this.#ledger.traits.beatMs,
        () => void this.beat().catch(() => {}),
      );
    });
  }

  /** Which of these instances ended without a word, or may have: whoever has not been seen to live. */
  async suspicious(instances: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const unknown = [...instances].filter((instance) => !this.#known.has(instance));
    if (unknown.length > 0) await this.#look();
    return new Set([...instances].filter((instance) => {
      const known = this.#known.get(instance);
      return known !== undefined && (known.ended || !known.alive);
    }));
  }

  /** What nobody's index has is looked after, where it is hosted here. */
  async adopt(): Promise<void> {
    await this.#takeOver(nobody);
  }

  /** Its last word: what it leaves, others need not suspect. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    await this.#beating?.catch(() => {});
    await this.#tidy().catch(() => {}); // others find it without
    const effects = new Effects();
    effects.remove(instanceKey(this.#ledger.instance));
    await commitOne(this.#ledger.committer, effects);
  }

  async #run(): Promise<void> {
    if (this.#ended) return;
    this.#beat++;
    await this.#write({ beat: this.#beat, atMs: this.#ledger.clock.now() });
    await this.#look();
    await this.#takeOverTheDead();
    await this.#takeOver(nobody);
    await this.#lookAtOwn();
    await this.#tidy();
    const nowMs = this.#ledger.clock.monotonicMs();
    for (const [name, untilMs] of this.#leftUntilMs) if (untilMs <= nowMs) this.#leftUntilMs.delete(name);
    await this.#services.onBeat();
  }

  async #write(row: InstanceRow): Promise<void> {
    const effects = new Effects();
    effects.write(instanceKey(this.#ledger.instance), encodeValue(row, ""));
    await commitOne(this.#ledger.committer, effects);
  }

  async #instances(): Promise<Stored[]> {
    const rows = await this.#ledger.connection.list({ prefix: instancePrefix, limit: pageMax * 10 });
    const own = instanceKey(this.#ledger.instance);
    return rows.filter(({ key }) => key !== own);
  }

  /** Looks who lives. No two clocks are compared: a row lives while this process sees it change. */
  async #look(): Promise<void> {
    const nowMs = this.#ledger.clock.monotonicMs();
    const seen = new Set<string>();
    for (const { key, value, version } of await this.#instances()) {
      const instance = key.slice(instancePrefix.length);
      seen.add(instance);
      const { ended = false, atMs } = decodeValue<InstanceRow>(value).head;
      const known = this.#known.get(instance);
      if (known === undefined) this.#known.set(instance, { version, sinceMs: nowMs, alive: false, ended });
      else if (known.version !== version) {
        Object.assign(known, { version, sinceMs: nowMs, alive: !ended, ended });
        if (atMs !== undefined) this.#ledger.otherClocks.heard(instance, atMs);
      }
    }
    for (const instance of this.#known.keys()) {
      if (!seen.has(instance)) this.#known.delete(instance);
      if (this.#isDead(instance)) this.#ledger.otherClocks.gone(instance);
    }
  }

  #isDead(instance: string): boolean {
    const known = this.#known.get(instance);
    if (known === undefined || known.ended) return true;
    return this.#ledger.clock.monotonicMs() - known.sinceMs >= this.#ledger.traits.beatMs * missedMax;
  }

  /** Whoever has entries in the index and no longer lives. One read for each instance, however many entries it has. */
  async #takeOverTheDead(): Promise<void> {
    const { connection, instance: self } = this.#ledger;
    let after = wholeIndexPrefix;
    for (;;) {
      const [first] = await connection.list({ prefix: wholeIndexPrefix, after, limit: 1 });
      if (first === undefined) break;
      const { instance } = indexed(first.key);
      after = indexPrefix(instance) + behindAll;
      if (instance !== self && instance !== nobody && this.#isDead(instance)) await this.#takeOver(instance);
    }
    for (const [instance, known] of this.#known) {
      if (!known.ended && this.#isDead(instance)) await this.#remember(instance, known);
    }
  }

  /** What a dead instance had in its index becomes this one's. */
  async #takeOver(instance: string): Promise<void> {
    const { connection, committer, instance: self } = this.#ledger;
    const crashed = this.#known.has(instance); // who ends with a word leaves no row
    let after = indexPrefix(instance);
    for (;;) {
      const rows = await connection.list({ prefix: indexPrefix(instance), after, limit: pageMax });
      await Promise.all(rows.map(async ({ key, version }) => {
        const actor = indexed(key);
        const hosted = this.#services.hosts(actor) || this.#ledger.probes?.without("taken-by-hosts");
        if (!hosted) return; // for an instance that hosts it
        if (instance === nobody && this.#isLeft(actor)) return;
        const effects = new Effects();
        effects.checks.push({ key, version });
        effects.remove(key);
        effects.write(indexKey(self, actor), new Uint8Array());
        const committed = await commitOne(committer, effects);
        if (committed === undefined) return;
        this.#ledger.probes?.reach("an actor is taken over");
        if (this.#services.look(actor, crashed)) this.wrote(actor, committed);
        else this.left(actor);
      }));
      if (rows.length < pageMax) return;
      after = rows.at(-1)!.key;
    }
  }

  #isLeft(actor: ActorId): boolean {
    const untilMs = this.#leftUntilMs.get(nameOfActor(actor)) ?? -Infinity;
    return untilMs > this.#ledger.clock.monotonicMs() && !this.#ledger.probes?.without("left-for-a-while");
  }

  /**
   * Some entries of its own index, and at the next beat those behind them. Of which it has not heard is looked after: a
   * commit landed that seemed to have failed, or there was no room for its actor.
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
      if (this.#services.hosts(actor) && this.#services.look(actor)) this.wrote(actor, version);
    }
  }

  /** It stays known for a while that an instance ended without a word: what it wrote may have ended it. */
  async #remember(instance: string, known: Known): Promise<void> {
    const effects = new Effects();
    const key = instanceKey(instance);
    effects.checks.push({ key, version: known.version });
    const expiresAtMs = this.#ledger.clock.now() + endedKeepMs;
    effects.write(key, encodeValue({ beat: 0, ended: true }, ""), { expiresAtMs });
    const version = await commitOne(this.#ledger.committer, effects);
    if (version !== undefined) Object.assign(known, { version, ended: true });
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
