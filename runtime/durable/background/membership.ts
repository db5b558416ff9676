import { BoundedSet } from "../../base/bounded_set.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { AtomicPart, Check, Entry } from "../../ports/store.ts";
import { removalOf, WriteSet } from "../commits/write_set.ts";
import { endedKey, indexPrefix, instanceKey, instancePrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitOne } from "../commits/commit_one.ts";
import { pages } from "../rows/pages.ts";
import { decodeValue, encodeValue } from "../rows/value_codec.ts";

/** The heartbeat row of an instance. */
interface InstanceRow {
  /** The number of its heartbeats. */
  readonly beat: number;
  /** The time of its clock at the last of them, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Whether the presence of the store tells at once when its process ends. */
  readonly held?: boolean;
  /** The protocols whose actors it hosts; absent if they are too many to be told. */
  readonly hosts?: readonly string[];
}

/** Another instance that has a heartbeat row. */
interface KnownInstance {
  version: string;
  /** When this process saw the row change last, by its own clock. */
  sinceMs: number;
  /** Whether the row has changed since this process first saw it. */
  alive: boolean;
  readonly held: boolean;
  /** The protocols whose actors it hosts, as far as it tells. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * The state of an instance: `lives`, as far as anybody has noticed; `ended`: it crashed, and another instance wrote that
 * down; `left`: it stopped orderly. A name whose instance ended or left is never used again.
 */
export type Fate = "lives" | "ended" | "left";

/** The services that membership uses. */
export interface MembershipServices {
  /** A name that no instance has had. */
  newName(): string;
  /** The protocols whose actors this system hosts. */
  readonly hosts: readonly string[];
  /** Other instances took this one for dead: it has a new name, and none of its actors is its own any more. */
  reborn(): void;
}

/** An instance that missed so many heartbeats counts as dead. An error costs work, never a message. */
const missedMax = 3;
const pageMax = 1_000;
/** How many instances one heartbeat writes down as ended. */
const endedMax = 1_000;
/** How long the store keeps that an instance crashed: longer than messages wait for a retry. */
const endedKeepMs = 86_400_000;
/** The most characters that the names of hosted protocols take in a heartbeat row. */
const hostsUnitsMax = 8_000;
/** How many ended instances are known without a read. */
const goneMax = 1_000;

/** The instances that share the store: heartbeats, failure detection, and the record of who crashed. */
export class Membership {
  readonly #session: StoreSession;
  readonly #services: MembershipServices;
  readonly #known = new Map<string, KnownInstance>();
  readonly #ended = new BoundedSet(goneMax);
  readonly #left = new BoundedSet(goneMax);
  #heartbeat = 0;
  #version: string | undefined;
  #held = false;
  #looked = false;

  constructor(session: StoreSession, services: MembershipServices) {
    this.#session = session;
    this.#services = services;
  }

  /** Writes the first heartbeat, and reads those of the others. */
  async begin(): Promise<void> {
    const { connection, committer, instance, traits } = this.#session;
    this.#held = await connection.presence?.hold(instance) ?? false;
    this.#version = await commitOne(committer, this.#part(instance, undefined)); // if it is not known, the first heartbeat finds it
    await this.look();
    await connection.presence?.retain(new Set([instance, ...this.#known.keys()]));
    if (traits.processes === "one") this.takeAllForDead();
  }

  /** All other instances have ended: two processes never share such a store. */
  takeAllForDead(): void {
    for (const known of this.#known.values()) known.sinceMs = -Infinity;
  }

  /** Writes a heartbeat, beside the commits of users, however many there are. */
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
    else this.#version = row.version; // an earlier write has landed
  }

  /** Removes its row: other instances need not suspect its messages of a crash. */
  async end(): Promise<void> {
    const { committer, connection, instance } = this.#session;
    const writeSet = new WriteSet();
    writeSet.remove(instanceKey(instance));
    await commitOne(committer, writeSet);
    await connection.presence?.release(instance);
  }

  /** Reads the heartbeats of the others. No two clocks are compared: an instance lives as long as its row changes. */
  async look(): Promise<void> {
    const nowMs = this.#session.clock.monotonicMs();
    const { otherClocks } = this.#session;
    const seen = new Set<string>();
    const isFirst = !this.#looked;
    for (const { key, value, version } of await this.#rows()) {
      const instance = key.slice(instancePrefix.length);
      seen.add(instance);
      const { held = false, atMs, hosts } = this.#read(key, value);
      const known = this.#known.get(instance);
      if (known?.version === version) continue;
      if (known === undefined) {
        const named = new Set(hosts);
        this.#known.set(instance, { version, sinceMs: nowMs, alive: false, held, hosts: named });
      } else Object.assign(known, { version, sinceMs: nowMs, alive: true });
      // A row that did not exist at the last look was written since then; the age of rows at the first look is unknown.
      if (atMs === undefined) continue;
      otherClocks.heard(instance, atMs, known !== undefined || !isFirst);
      this.#session.heardTime(atMs);
    }
    this.#looked = true;
    otherClocks.looked();
    const gone = await this.#goneOf([...seen]);
    for (const [instance, known] of this.#known) {
      if (!seen.has(instance)) this.#known.delete(instance);
      else if (gone.has(instance)) known.sinceMs = -Infinity;
      if (!seen.has(instance) || known.sinceMs <= this.#deadlineMs) otherClocks.gone(instance);
    }
  }

  /** The content of a row. A row that cannot be read has none, and is judged by whether it changes. */
  #read(key: string, value: Uint8Array): Partial<InstanceRow> {
    try {
      const { head } = decodeValue<InstanceRow>(value);
      if (head.atMs !== undefined && !Number.isFinite(head.atMs)) {
        throw new TypeError("its time is no number");
      }
      if (head.hosts !== undefined && !Array.isArray(head.hosts)) {
        throw new TypeError("its hosts are no list");
      }
      return head;
    } catch (error) {
      if (!this.#known.has(key.slice(instancePrefix.length))) this.#session.onUnreadable(key, error);
      return {};
    }
  }

  /** An instance whose row has not changed since then counts as dead. */
  get #deadlineMs(): number {
    return this.#session.clock.monotonicMs() - this.#session.traits.heartbeatMs * missedMax;
  }

  /**
   * Whether the next instance by name is gone, of those that the presence holds. Each instance asks for one other, so
   * that a crash is detected soon and the cost does not grow with the number of instances.
   */
  async nextIsGone(): Promise<boolean> {
    const names = [...this.#known].filter(([, { held }]) => held).map(([name]) => name).sort();
    const next = names.find((name) => name > this.#session.instance) ?? names[0];
    return next !== undefined && (await this.#goneOf([next])).has(next);
  }

  /** Those of some known instances whose process has ended, as far as the presence can tell. */
  async #goneOf(instances: readonly string[]): Promise<ReadonlySet<string>> {
    const { presence } = this.#session.connection;
    const held = instances.filter((instance) => this.#known.get(instance)?.held);
    return presence === undefined || held.length === 0 ? new Set() : await presence.gone(held);
  }

  /** Writes down which instances have crashed, unless this one is to end as well. */
  async judge(isOver: () => boolean): Promise<void> {
    const deadlineMs = this.#deadlineMs;
    const dead = [...this.#known].filter(([, { sinceMs }]) => sinceMs <= deadlineMs).slice(0, endedMax);
    const { partsAtOnce } = this.#session.traits;
    for (const some of slicesOf(dead, partsAtOnce)) {
      if (isOver()) return;
      await Promise.all(some.map(([instance, known]) => this.#end(instance, known)));
    }
  }

  /** Whether another living instance hosts the actors of a protocol, as far as they tell. */
  hostedElsewhere(protocol: string): boolean {
    const deadlineMs = this.#deadlineMs;
    return this.#known.values().some(({ hosts, sinceMs }) => sinceMs > deadlineMs && hosts.has(protocol));
  }

  /** Whether an instance had a heartbeat row at the last look. */
  lives(instance: string): boolean {
    return this.#known.has(instance);
  }

  /** The state of an instance. No row of an ended one is read twice. */
  async fateOf(instance: string): Promise<Fate> {
    return (await this.#fatesOf([instance])).get(instance)!;
  }

  /** Whether it is known that an instance ended without leaving. */
  hasEnded(instance: string): boolean {
    return this.#ended.has(instance);
  }

  /** Those of these instances that crashed or may have: those that nobody has seen alive. */
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
      else if (this.#left.has(instance)) fates.set(instance, "left");
      else if (this.#ended.has(instance)) fates.set(instance, "ended");
      else unknown.push(instance);
    }
    if (unknown.length === 0) return fates;
    const rows = await connection.read(unknown.map(instanceKey));
    for (const [index, row] of rows.entries()) if (row !== undefined) fates.set(unknown[index], "lives");
    unknown = unknown.filter((instance) => !fates.has(instance));
    if (unknown.length === 0) return fates;
    // Read after the heartbeats: a name in neither list was in neither at the second moment.
    const ends = await connection.read(unknown.map(endedKey));
    for (const [index, instance] of unknown.entries()) {
      const fate = ends[index] === undefined ? "left" : "ended";
      fates.set(instance, fate);
      (fate === "left" ? this.#left : this.#ended).add(instance);
    }
    return fates;
  }

  /**
   * Writes down that an instance crashed, for a while: one of its messages may have crashed it. If no other instance was
   * beside it, and it left no message, then none did.
   */
  async #end(instance: string, { version }: KnownInstance): Promise<void> {
    const { clock, committer, connection, otherClocks, traits } = this.#session;
    const writeSet = removalOf({ key: instanceKey(instance), version });
    const left = traits.processes === "many" ||
      (await connection.list({ prefix: indexPrefix(instance), limit: 1 })).length > 0;
    if (left) {
      writeSet.write(endedKey(instance), new Uint8Array(), { expiresAtMs: clock.now() + endedKeepMs });
    }
    if (await commitOne(committer, writeSet) === undefined) return; // it lives, or another instance was quicker
    this.#known.delete(instance);
    otherClocks.gone(instance); // it may have come in since the look
    (left ? this.#ended : this.#left).add(instance);
    await connection.presence?.release(instance);
  }

  /**
   * Other instances took this one for dead, and may have taken over its actors, so it goes on under a new name. It writes
   * nothing else under that name before its heartbeat row exists: without the row, others would take the name for ended.
   */
  async #beReborn(): Promise<void> {
    const before = this.#session.instance;
    const name = this.#services.newName();
    this.#held = await this.#session.connection.presence?.hold(name) ?? false;
    const version = await this.#write(name, undefined).catch(() => undefined);
    if (version === undefined) return await this.#session.connection.presence?.release(name); // the next heartbeat tries another name
    this.#session.probes?.reach("an instance hears that it was taken for dead");
    this.#left.add(before); // for this process: it did not crash
    this.#session.instance = name;
    this.#version = version;
    this.#services.reborn();
    await this.#session.connection.presence?.release(before);
  }

  /** Writes its row ahead of all commits that wait. Returns the version; nothing if the row has changed. */
  #write(instance: string, version: string | undefined): Promise<string | undefined> {
    return this.#session.committer.commitAside(this.#part(instance, version));
  }

  /** The write of its row, if that is unchanged. The first may land late: only if nobody wrote down that it ended. */
  #part(instance: string, version: string | undefined): AtomicPart {
    const key = instanceKey(instance);
    const checks: Check[] = [{ key, version }];
    if (version === undefined) checks.push({ key: endedKey(instance), version: undefined });
    const atMs = this.#session.clock.now();
    const { hosts } = this.#services;
    const few = hosts.reduce((units, name) => units + name.length, 0) <= hostsUnitsMax;
    const row: InstanceRow = {
      beat: this.#heartbeat,
      atMs,
      ...(this.#held && { held: true }),
      ...(few && { hosts }),
    };
    return { checks, writes: [{ key, value: encodeValue(row, "") }], removals: [] };
  }

  /** The rows of all other instances. */
  async #rows(): Promise<Entry[]> {
    const { connection, instance } = this.#session;
    const own = instanceKey(instance);
    const found: Entry[] = [];
    for await (const rows of pages(connection, { prefix: instancePrefix, limit: pageMax })) {
      found.push(...rows);
    }
    return found.filter(({ key }) => key !== own);
  }
}
