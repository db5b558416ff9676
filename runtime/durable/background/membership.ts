import { BoundedSet } from "../../base/bounded_set.ts";
import type { AtomicPart, Check, Entry } from "../../ports/store.ts";
import { WriteSet } from "../commits/write_set.ts";
import { endedKey, instanceKey, instancePrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue } from "../rows/value_codec.ts";

/** An instance in the store: it lives, or nobody has noticed yet that it does not. */
interface InstanceRow {
  /** How often it has said that it lives. */
  readonly beat: number;
  /** What its clock said then, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Whether the presence of the store tells at once that its process has ended. */
  readonly held?: boolean;
}

/** What is known here of another instance that has a row. */
interface KnownInstance {
  version: string;
  /** When the row was seen to change last, by this process's own clock. */
  sinceMs: number;
  /** Whether the row has changed since this process first saw it. */
  alive: boolean;
  readonly held: boolean;
}

/**
 * What became of an instance: it lives, as far as anybody has noticed; it ended without a word, which others wrote down;
 * or it left with a word. Who ended or left never comes back under its name.
 */
export type Fate = "lives" | "ended" | "left";

/** What is told to the others of this process. */
export interface MembershipServices {
  /** A name that no instance has had. */
  newName(): string;
  /** The others took this instance for dead. It has a new name, and nothing of what it looked after is its own. */
  reborn(): void;
}

/** Missed heartbeats after which an instance is taken for dead. To be wrong costs work, never a message. */
const missedMax = 3;
const pageMax = 1_000;
/**
 * How many are written down as ended at one heartbeat: as many at once as one commit takes, for users' work not to wait
 * for all.
 */
const endedMax = 1_000;
/** How long it is known that an instance ended without a word: longer than messages wait to be tried again. */
const endedKeepMs = 86_400_000;
/** How many of those that are no more are known without asking the store. */
const goneMax = 1_000;

/** Who shares the store: says that this instance lives, sees which of the others do, and writes down who does not. */
export class Membership {
  readonly #session: StoreSession;
  readonly #services: MembershipServices;
  readonly #known = new Map<string, KnownInstance>();
  readonly #ended = new BoundedSet(goneMax);
  readonly #left = new BoundedSet(goneMax);
  /** The names that this process had before. */
  readonly #former = new BoundedSet(goneMax);
  #heartbeat = 0;
  #version: string | undefined;
  #held = false;
  #looked = false;

  constructor(session: StoreSession, services: MembershipServices) {
    this.#session = session;
    this.#services = services;
  }

  /** Says for the first time that it lives, and looks who is there. */
  async begin(): Promise<void> {
    const { connection, committer, instance, traits, probes } = this.#session;
    this.#held = await connection.presence?.hold(instance) ?? false;
    this.#version = await commitOne(committer, this.#part(instance, undefined)); // else the first heartbeat finds it
    await this.look();
    await connection.presence?.retain(new Set([instance, ...this.#known.keys()]));
    // Whoever was here before is not here any more: two processes never share such a store.
    const alone = traits.processes === "one" && !probes?.without("taken-over-at-once");
    if (alone) { for (const known of this.#known.values()) known.sinceMs = -Infinity; }
  }

  /** Says that it lives: beside what the users of this instance commit, however much that is. */
  async say(): Promise<void> {
    const { connection, instance } = this.#session;
    this.#heartbeat++;
    const version = await this.#write(instance, this.#version);
    if (version !== undefined) {
      this.#version = version;
      return;
    }
    const [row] = await connection.read([instanceKey(instance)]);
    if (row === undefined) await this.#beReborn();
    else this.#version = row.version; // it has landed unheard
  }

  /** Its last word: what it leaves, others need not suspect. */
  async end(): Promise<void> {
    const { committer, connection, instance } = this.#session;
    const writeSet = new WriteSet();
    writeSet.remove(instanceKey(instance));
    await commitOne(committer, writeSet);
    await connection.presence?.release(instance);
  }

  /** Looks who lives. No two clocks are compared: a row lives while this process sees it change. */
  async look(): Promise<void> {
    const nowMs = this.#session.clock.monotonicMs();
    const { otherClocks, connection: { presence } } = this.#session;
    const seen = new Set<string>();
    const isFirst = !this.#looked;
    for (const { key, value, version } of await this.#rows()) {
      const instance = key.slice(instancePrefix.length);
      seen.add(instance);
      const { held = false, atMs } = this.#read(key, value);
      const known = this.#known.get(instance);
      if (known?.version === version) continue;
      if (known === undefined) this.#known.set(instance, { version, sinceMs: nowMs, alive: false, held });
      else Object.assign(known, { version, sinceMs: nowMs, alive: true });
      // What was not there at the last look was written since. Of what was there at the first, nobody knows when.
      if (atMs === undefined) continue;
      otherClocks.heard(instance, atMs, known !== undefined || !isFirst);
      this.#session.heardTime(atMs);
    }
    this.#looked = true;
    otherClocks.looked();
    for (const [instance, known] of this.#known) {
      if (!seen.has(instance)) this.#known.delete(instance);
      else if (known.held && await presence?.isGone(instance)) known.sinceMs = -Infinity;
      if (!seen.has(instance) || known.sinceMs <= this.#deadlineMs) otherClocks.gone(instance);
    }
  }

  /** What its row says. One that cannot be read says nothing, and is judged by whether it changes. */
  #read(key: string, value: Uint8Array): Partial<InstanceRow> {
    try {
      const { head } = decodeValue<InstanceRow>(value);
      if (head.atMs !== undefined && !Number.isFinite(head.atMs)) {
        throw new TypeError("its time is no number");
      }
      return head;
    } catch (error) {
      if (!this.#known.has(key.slice(instancePrefix.length))) this.#session.onUnreadable(key, error);
      return {};
    }
  }

  /** Whose row has not changed since then is taken for dead. */
  get #deadlineMs(): number {
    return this.#session.clock.monotonicMs() - this.#session.traits.heartbeatMs * missedMax;
  }

  /**
   * Whether the next of those by name that can be known to be gone is gone. Each instance looks at one, so that a death
   * is seen soon, at the cost of one look each, however many there are.
   */
  async nextIsGone(): Promise<boolean> {
    const { connection: { presence }, instance: self } = this.#session;
    const names = [...this.#known].filter(([, { held }]) => held).map(([name]) => name).sort();
    const next = names.find((name) => name > self) ?? names[0];
    return next !== undefined && await presence?.isGone(next) === true;
  }

  /** Writes down which instances ended without a word, until this one is to end as well. */
  async judge(isOver: () => boolean): Promise<void> {
    const deadlineMs = this.#deadlineMs;
    const dead = [...this.#known].filter(([, { sinceMs }]) => sinceMs <= deadlineMs).slice(0, endedMax);
    const { partsAtOnce } = this.#session.traits;
    for (let first = 0; first < dead.length && !isOver(); first += partsAtOnce) {
      const some = dead.slice(first, first + partsAtOnce);
      await Promise.all(some.map(([instance, known]) => this.#end(instance, known)));
    }
  }

  /** Whether an instance was seen to live when this one looked last. */
  lives(instance: string): boolean {
    return this.#known.has(instance);
  }

  /** What became of an instance. Of two that are no more, nothing is read twice. */
  async fateOf(instance: string): Promise<Fate> {
    return (await this.#fatesOf([instance])).get(instance)!;
  }

  /** Which of these instances ended without a word, or may have: whoever has not been seen to live. */
  async mayHaveCrashed(instances: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const fates = await this.#fatesOf([...instances]);
    return new Set([...instances].filter((instance) => {
      const fate = fates.get(instance);
      return fate === "ended" || (fate === "lives" && !this.#known.get(instance)?.alive);
    }));
  }

  async #fatesOf(instances: readonly string[]): Promise<ReadonlyMap<string, Fate>> {
    const { connection, instance: self } = this.#session;
    const fates = new Map<string, Fate>();
    let unknown: string[] = [];
    for (const instance of instances) {
      if (instance === self || this.#known.has(instance)) fates.set(instance, "lives");
      else if (this.#former.has(instance) || this.#left.has(instance)) fates.set(instance, "left");
      else if (this.#ended.has(instance)) fates.set(instance, "ended");
      else unknown.push(instance);
    }
    if (unknown.length === 0) return fates;
    const rows = await connection.read(unknown.map(instanceKey));
    for (const [index, row] of rows.entries()) if (row !== undefined) fates.set(unknown[index], "lives");
    unknown = unknown.filter((instance) => !fates.has(instance));
    if (unknown.length === 0) return fates;
    // After the others: who is in neither was in neither at the second moment.
    const ends = await connection.read(unknown.map(endedKey));
    for (const [index, instance] of unknown.entries()) {
      const fate = ends[index] === undefined ? "left" : "ended";
      fates.set(instance, fate);
      (fate === "left" ? this.#left : this.#ended).add(instance);
    }
    return fates;
  }

  /** That it ended stays known for a while: what it wrote may have ended it. */
  async #end(instance: string, { version }: KnownInstance): Promise<void> {
    const { clock, committer, connection, otherClocks } = this.#session;
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged({ key: instanceKey(instance), version });
    writeSet.write(endedKey(instance), new Uint8Array(), { expiresAtMs: clock.now() + endedKeepMs });
    if (await commitOne(committer, writeSet) === undefined) return; // it lives, or another was quicker
    this.#known.delete(instance);
    otherClocks.gone(instance); // it may have been missed since the look
    this.#ended.add(instance);
    await connection.presence?.release(instance);
  }

  /**
   * It was taken for dead: under that name it is, for all that others may have made of what it left. Nothing is written
   * under its new name before that is in the store: who finds it there and not among the instances would take it for gone.
   */
  async #beReborn(): Promise<void> {
    const before = this.#session.instance;
    const name = this.#services.newName();
    this.#held = await this.#session.connection.presence?.hold(name) ?? false;
    const version = await this.#write(name, undefined).catch(() => undefined);
    if (version === undefined) return await this.#session.connection.presence?.release(name); // the next heartbeat takes another
    this.#session.probes?.reach("an instance hears that it was taken for dead");
    this.#former.add(before);
    this.#session.rename(name);
    this.#version = version;
    this.#services.reborn();
    await this.#session.connection.presence?.release(before);
  }

  /** Not behind what waits to be committed. Returns the version, or nothing where the row has another by now. */
  #write(instance: string, version: string | undefined): Promise<string | undefined> {
    const part = this.#part(instance, version);
    const { committer, probes } = this.#session;
    return probes?.without("heartbeat-aside") ? commitOne(committer, part) : committer.commitAside(part);
  }

  /** Its row, where that is as it was; the first only where it has not ended meanwhile: a commit may land late. */
  #part(instance: string, version: string | undefined): AtomicPart {
    const key = instanceKey(instance);
    const checks: Check[] = [{ key, version }];
    if (version === undefined) checks.push({ key: endedKey(instance), version: undefined });
    return { checks, writes: [{ key, value: this.#row() }], removals: [] };
  }

  #row(): Uint8Array {
    const atMs = this.#session.clock.now();
    const row: InstanceRow = { beat: this.#heartbeat, atMs, ...(this.#held && { held: true }) };
    return encodeValue(row, "");
  }

  /** The rows of all others. */
  async #rows(): Promise<Entry[]> {
    const { connection, instance } = this.#session;
    const own = instanceKey(instance);
    const found: Entry[] = [];
    for (let after: string | undefined = instancePrefix; after !== undefined;) {
      const rows: Entry[] = await connection.list({ prefix: instancePrefix, after, limit: pageMax });
      found.push(...rows);
      after = rows.length < pageMax ? undefined : rows.at(-1)!.key;
    }
    return found.filter(({ key }) => key !== own);
  }
}
