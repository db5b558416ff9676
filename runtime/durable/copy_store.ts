import type { Clock } from "../base/clock.ts";
import { PosthornError } from "../base/errors.ts";
import { isBefore } from "../base/key_order.ts";
import type { Random } from "../base/random.ts";
import { isOfStore, OutcomeUnknownError, TooLargeError } from "../base/store_errors.ts";
import { type CommitSize, fits, sizeOfCommit, sum } from "../ports/commit_size.ts";
import type {
  AtomicPart,
  Check,
  Delete,
  Entry,
  Put,
  Store,
  StoreConnection,
  StoreTraits,
} from "../ports/store.ts";
import { requireStore } from "./require_store.ts";
import { expiryOf } from "./rows/expiry_of.ts";
import { instancePrefix, proofKey } from "./rows/keys.ts";
import { copying, faultOfFormat, readDurabilityRow } from "./rows/store_format.ts";
import { readableHead } from "./rows/readable_head.ts";
import { encodeValue } from "./rows/value_codec.ts";
import { sizedPages } from "./sized_pages.ts";

/** What a copy reports while it runs. */
export interface CopyProgress {
  /** What it does. */
  readonly step: "waiting" | "removing" | "copying" | "comparing";
  /** How many rows it has done. */
  readonly rows: number;
  /** The bytes of their values. */
  readonly bytes: number;
}

/** What a copy needs. */
export interface CopyParts {
  readonly from: Store;
  readonly to: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** How often a commit is tried whose outcome is unknown, or which the store refused for the moment. */
const triesMax = 5;
const againMs = 1_000;
/** After three missed heartbeats an instance counts as dead, and a little later. */
const heartbeatsMissed = 3.2;
/** How often the heartbeats are looked at meanwhile. */
const looks = 4;

/** Copies a store into an empty one. Resolves with how many rows that were. */
export async function copyAll({ from, to, clock, random, onProgress }: CopyParts): Promise<number> {
  requireStore("copy from", from);
  requireStore("copy to", to);
  const source = patient(await from.open({ clock }), clock);
  try {
    const proof = await proofOf(source, from.traits);
    await requireNobody(source, from.traits, clock, onProgress);
    const target = patient(await to.open({ clock }), clock);
    try {
      return await new Copy({ source, target, proof, traits: { from: from.traits, to: to.traits } }, {
        clock,
        token: random.ulid(clock.now()),
        onProgress,
      }).run();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** A connection whose reads are tried again: one that is lost must not end a copy of hours. */
function patient(connection: StoreConnection, clock: Clock): StoreConnection {
  const again = async <Result>(read: () => Promise<Result>): Promise<Result> => {
    for (let tries = 1;; tries++) {
      try {
        return await read();
      } catch (error) {
        if (!isOfStore(error) || tries === triesMax) throw error;
      }
      await new Promise<void>((resolve) => void clock.setTimer(againMs, resolve));
    }
  };
  return {
    read: (keys) => again(() => connection.read(keys)),
    list: (range) => again(() => connection.list(range)),
    commit: (parts) => connection.commit(parts),
    watch: (onChange) => connection.watch(onChange),
    close: () => connection.close(),
  };
}

/** The first row of the source. */
async function proofOf(source: StoreConnection, { name }: StoreTraits): Promise<Entry> {
  const [proof] = await source.read([proofKey]);
  if (proof === undefined) throw refused(`no system has written to ${name}`);
  const why = faultOfFormat(formatOf(proof));
  if (why !== undefined) throw new PosthornError("unknown-format", `Cannot copy ${name}: ${why}`);
  return proof;
}

function formatOf({ value }: Entry): number | string | undefined {
  try {
    return readDurabilityRow(value).format;
  } catch {
    return "unreadable";
  }
}

/**
 * Rejects if an instance lives. One that crashed has left its row, so it waits for as long as an instance may need to say
 * that it lives.
 */
async function requireNobody(
  connection: StoreConnection,
  { name, heartbeatMs }: StoreTraits,
  clock: Clock,
  onProgress: CopyParts["onProgress"],
): Promise<void> {
  const before = await instancesOf(connection);
  if (before.size === 0) return;
  onProgress({ step: "waiting", rows: 0, bytes: 0 });
  for (let look = 0; look < heartbeatsMissed * looks; look++) {
    await new Promise<void>((resolve) => void clock.setTimer(heartbeatMs / looks, resolve));
    requireSame(before, await instancesOf(connection), name);
  }
}

/** The heartbeat rows by instance. */
async function instancesOf(connection: StoreConnection): Promise<ReadonlyMap<string, Entry>> {
  const found = new Map<string, Entry>();
  for await (const rows of sizedPages(connection, instancePrefix)) {
    for (const row of rows) found.set(row.key.slice(instancePrefix.length), row);
  }
  return found;
}

/** Throws if an instance has written its heartbeat since then. */
function requireSame(
  before: ReadonlyMap<string, Entry>,
  now: ReadonlyMap<string, Entry>,
  name: string,
): void {
  for (const [instance, { version, value }] of now) {
    if (before.get(instance)?.version === version) continue;
    const hosts = readableHead<{ readonly hosts?: readonly string[] }>(value)?.hosts ?? [];
    const which = hosts.length === 0 ? "" : `, which hosts ${hosts.slice(0, 5).join(", ")}`;
    throw refused(`the instance ${instance} of ${name} runs${which}: stop it first`);
  }
}

interface Stores {
  readonly source: StoreConnection;
  readonly target: StoreConnection;
  readonly proof: Entry;
  readonly traits: { readonly from: StoreTraits; readonly to: StoreTraits };
}

interface CopyServices {
  readonly clock: Clock;
  /** Tells this copy from others. */
  readonly token: string;
  readonly onProgress: CopyParts["onProgress"];
}

/**
 * One copy. The first row of the target says that it is a copy which is not finished, so no system opens it before the last
 * commit. Each commit checks that row, so two copies never write into the same target.
 */
class Copy {
  readonly #stores: Stores;
  readonly #services: CopyServices;
  #fence: Check = { key: proofKey, version: undefined };
  readonly #startedMs: number;
  #rows = 0;

  constructor(stores: Stores, services: CopyServices) {
    this.#stores = stores;
    this.#services = services;
    this.#startedMs = services.clock.now();
  }

  async run(): Promise<number> {
    const { source, target, proof, traits } = this.#stores;
    const instances = await instancesOf(source);
    await this.#begin();
    await this.#copy();
    await this.#compare();
    requireSame(instances, await instancesOf(source), traits.from.name);
    await this.#fenced({ key: proofKey, value: proof.value });
    const [written] = await target.read([proofKey]);
    if (written === undefined || !equal(written.value, proof.value)) {
      throw refused(`${traits.to.name} has changed`);
    }
    return this.#rows + 1;
  }

  /** Writes the first row of the target, and removes what a copy left that was interrupted. */
  async #begin(): Promise<void> {
    const { target, traits } = this.#stores;
    const [proof] = await target.read([proofKey]);
    const unfinished = proof !== undefined && formatOf(proof) === copying;
    const [first] = await target.list({ prefix: "", limit: 1 });
    if (first !== undefined && !unfinished) {
      const [instance] = (await instancesOf(target)).keys();
      const whose = instance === undefined ? "" : `, and the instance ${instance} may run`;
      throw refused(`${traits.to.name} is not empty: it has the row ${shown(first.key)}${whose}`);
    }
    this.#fence = { key: proofKey, version: proof?.version };
    const { clock, token } = this.#services;
    await this.#fenced({
      key: proofKey,
      value: encodeValue({ instance: token, atMs: clock.now(), format: copying }, ""),
    });
    const [own] = await target.read([proofKey]);
    if (own === undefined || readDurabilityRow(own.value).instance !== token) throw this.#replaced();
    this.#fence = own;
    if (unfinished) await this.#clear();
  }

  async #clear(): Promise<void> {
    let rows = 0;
    for await (const page of sizedPages(this.#stores.target, "")) {
      const removals = page.filter(({ key }) => key !== proofKey)
        .map(({ key, value }): Delete => ({ key, oldBytes: value.length }));
      await this.#inCommits(removals, (some) => ({ writes: [], removals: some }));
      this.#services.onProgress({ step: "removing", rows: rows += removals.length, bytes: 0 });
    }
  }

  async #copy(): Promise<void> {
    const { clock, onProgress } = this.#services;
    let bytes = 0;
    for await (const page of sizedPages(this.#stores.source, "")) {
      const writes = page.filter(({ key }) => key !== proofKey)
        .map(({ key, value }): Put => ({ key, value, expiresAtMs: expiryOf(key, value, clock.now()) }));
      await this.#inCommits(writes, (some) => ({ writes: some, removals: [] }));
      this.#rows += writes.length;
      for (const { value } of writes) bytes += value.length;
      onProgress({ step: "copying", rows: this.#rows, bytes });
    }
  }

  /** Reads both stores side by side. Only rows that are over may be in one of them alone. */
  async #compare(): Promise<void> {
    const { source, target, traits: { from, to } } = this.#stores;
    const copied = new Rows(target, (row) => row.key === proofKey || this.#isOver(row));
    let bytes = 0;
    this.#rows = 0;
    for await (const page of sizedPages(source, "")) {
      for (const row of page) {
        if (row.key === proofKey) continue;
        const found = await copied.at(row.key);
        if (found === undefined ? !this.#isOver(row) : !equal(found.value, row.value)) {
          throw refused(`the row ${shown(row.key)} of ${to.name} is not that of ${from.name}`);
        }
        if (found !== undefined) this.#rows++;
        bytes += row.value.length;
      }
      this.#services.onProgress({ step: "comparing", rows: this.#rows, bytes });
    }
    const more = await copied.next();
    if (more !== undefined) throw refused(`${from.name} no longer has the row ${shown(more.key)}`);
  }

  /** Whether stores may have deleted a row since the copy began. */
  #isOver({ key, value }: Entry): boolean {
    const { clock } = this.#services;
    return (expiryOf(key, value, this.#startedMs) ?? Infinity) <= clock.now();
  }

  /** Applies changes in as few commits as take them. */
  async #inCommits<Change extends Put | Delete>(
    changes: readonly Change[],
    partOf: (changes: Change[]) => Pick<AtomicPart, "writes" | "removals">,
  ): Promise<void> {
    const { limits } = this.#stores.traits.to;
    const empty = sizeOfCommit({ checks: [this.#fence], writes: [], removals: [] }, limits);
    let some: Change[] = [];
    let size: CommitSize = empty;
    for (const change of changes) {
      const own = sizeOfCommit({ checks: [], ...partOf([change]) }, limits);
      if (!fits(sum(empty, own), limits) || keyBytes(change.key) > limits.keyBytes) {
        throw new TooLargeError(`the row ${shown(change.key)}`, "bytes", own.bytes, limits.bytes);
      }
      if (!fits(sum(size, own), limits)) {
        await this.#commit(partOf(some));
        [some, size] = [[], empty];
      }
      some.push(change);
      size = sum(size, own);
    }
    if (some.length > 0) await this.#commit(partOf(some));
  }

  /** Replaces the first row of the target, if it is the one that this copy knows. */
  async #fenced(write: Put): Promise<void> {
    await this.#commit({ writes: [write], removals: [] }, write);
  }

  /** Commits behind the fence, and again while its outcome is unknown: all that it writes is the same each time. */
  async #commit(changes: Pick<AtomicPart, "writes" | "removals">, fence?: Put): Promise<void> {
    const { target } = this.#stores;
    for (let tries = 1;; tries++) {
      try {
        const [version] = await target.commit([{ checks: [this.#fence], ...changes }]);
        if (version !== undefined) return;
        const [found] = await target.read([proofKey]); // it may have been applied by the try before
        if (tries > 1 && fence !== undefined && found !== undefined && equal(found.value, fence.value)) {
          return;
        }
        throw this.#replaced();
      } catch (error) {
        if (!(error instanceof OutcomeUnknownError || isOfStore(error)) || tries === triesMax) throw error;
        await new Promise<void>((resolve) => void this.#services.clock.setTimer(againMs, resolve));
      }
    }
  }

  #replaced(): PosthornError {
    return refused(
      `another copy into ${this.#stores.traits.to.name} has begun, or a system was started on it`,
    );
  }
}

/** The rows of a store in order, of which each is looked up behind the one before. */
class Rows {
  readonly #pages: AsyncGenerator<readonly Entry[], void, undefined>;
  readonly #skips: (row: Entry) => boolean;
  #page: readonly Entry[] = [];
  #next = 0;

  /** `skips` says which rows need not be looked up. */
  constructor(connection: StoreConnection, skips: (row: Entry) => boolean) {
    this.#pages = sizedPages(connection, "");
    this.#skips = skips;
  }

  /** The row of a key, if it is the next that is not to be skipped. */
  async at(key: string): Promise<Entry | undefined> {
    for (let row = await this.#peek(); row !== undefined; row = await this.#peek()) {
      if (row.key === key) {
        this.#next++;
        return row;
      }
      if (!isBefore(row.key, key) || !this.#skips(row)) return undefined;
      this.#next++;
    }
  }

  /** The next row that is not to be skipped; `undefined` if there is none. */
  async next(): Promise<Entry | undefined> {
    for (let row = await this.#peek(); row !== undefined; row = await this.#peek()) {
      if (!this.#skips(row)) return row;
      this.#next++;
    }
  }

  async #peek(): Promise<Entry | undefined> {
    while (this.#next === this.#page.length) {
      const { value, done } = await this.#pages.next();
      if (done) return undefined;
      [this.#page, this.#next] = [value, 0];
    }
    return this.#page[this.#next];
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function keyBytes(key: string): number {
  return new TextEncoder().encode(key).length;
}

function shown(key: string): string {
  return JSON.stringify(key.replaceAll("\u001f", " ").slice(0, 200));
}

function refused(why: string): PosthornError {
  return new PosthornError("copy-refused", `Cannot copy: ${why}`);
}
