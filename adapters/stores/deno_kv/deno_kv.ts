import { messageOf } from "../../../runtime/base/errors.ts";
import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { storeEngine } from "../../../runtime/durable/engine.ts";
import { type Random, systemRandom } from "../../../runtime/base/random.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  Store,
  StoreConnection,
  StoreLimits,
  StoreServices,
  StoreTraits,
} from "../../../runtime/ports/store.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import { StoreFile } from "../../../runtime/ports/store_file.ts";
import { within } from "../../../runtime/base/within.ts";
import { DenoKvNotifier } from "./notifier.ts";
import { requireOneWord } from "../../../runtime/ports/one_word.ts";
import { commitParts, type CommitServices, reading } from "./commit.ts";
import type { KvHandle } from "./handle.ts";
import { valueBytesMax } from "./pieces.ts";
import { KvValues } from "./values.ts";

/**
 * The interval at which some values are checked for orphaned pieces, and the shorter one after some were
 * found, both in milliseconds.
 */
const lookEachMs = 60_000;
const lookSoonMs = 1_000;

/** The maximum number of checks in one commit: of Deno itself, and of the self-hosted `denokv` server. */
const denoChecksMax = 100;
const serverChecksMax = 10;
/**
 * How long closing a connection waits for calls in progress, in milliseconds: without it, a database that
 * does not answer would block it forever.
 */
const closeMs = 1_000;

/** Options of {@linkcode denoKv}. */
export interface DenoKvOptions {
  /**
   * The first part of every key: 1 to 32 ASCII characters. Stores with different prefixes share nothing.
   *
   * @default {"posthorn"}
   */
  readonly prefix?: string;
  /**
   * Whether the database is reached over a network, so that other processes use it too and the response to a
   * commit may be lost. The default is true for a URL and for a handle, which does not tell what it is; false
   * for a file and in memory; and for the default database, whether the program runs on Deno Deploy.
   */
  readonly remote?: boolean;
  /**
   * The maximum number of checks in one commit, from 2, which a turn needs, to 100. Deno itself, files and
   * Deno Deploy allow 100; a `denokv` server refuses more than 10. A commit that a server refuses
   * nevertheless is divided, which takes one more call each time.
   *
   * @default {10} for another server than Deno Deploy's, and for a handle; 100 for a file, in memory and on Deno Deploy
   */
  readonly checksMax?: number;
  /**
   * The source of randomness for the delays before a locked file is retried; by default that of the machine.
   */
  readonly random?: Random;
}

const optionNames: OptionNames<DenoKvOptions> = {
  checksMax: true,
  prefix: true,
  random: true,
  remote: true,
};

/**
 * Creates a store in Deno KV: on Deno Deploy the database assigned to the app; elsewhere a file, or a
 * database at a KV Connect URL. It needs `--unstable-kv`, or `"unstable": ["kv"]` in `deno.json`, except on
 * Deploy.
 *
 * A file is for one process: several processes can use it, but lock each other out. Use `sqlite` to share a
 * file.
 *
 * If a file is moved, replaced or removed while it is open, all calls reject with `store-unavailable`, as
 * with `sqlite`.
 *
 * Values over 64 KiB are split. A commit holds at most about 720 KiB, 999 writes and 100 checks, or 10 checks
 * on a self-hosted server; `traits.limits` has the exact numbers, which include the overhead of Deno KV.
 *
 * Over a network, Deno's client silently retries a commit whose response was lost, without limit, and then
 * reports a failed check for a commit that was applied. So the runtime verifies a reported conflict by a
 * read, and waits for no call longer than 5 seconds.
 *
 * @example
 * ```ts ignore
 * import { System } from "@posthorn/posthorn";
 * import { denoKv } from "@posthorn/posthorn/deno-kv";
 *
 * await using system = new System({ actors: [], store: denoKv("./posthorn.kv") });
 * ```
 *
 * @example In a test
 * ```ts
 * import assert from "node:assert/strict";
 * import { denoKv } from "@posthorn/posthorn/deno-kv";
 *
 * const store = denoKv(":memory:");
 * assert(store.traits.processes === "one" && store.traits.durability === "nothing");
 * ```
 *
 * @param target the path of a file, `":memory:"`, a KV Connect URL, or an open `Deno.Kv`, which is not closed
 * with the store; without it the default database. The data of `":memory:"` lives until the last connection
 * to this store is closed
 * @param options prefix, and properties of the database that its target does not tell
 * @returns the store, which is not opened yet
 * @throws {TypeError} if the target is neither a text nor a database
 * @throws {RangeError} if `prefix` or `checksMax` is out of its bounds
 */
export function denoKv(target?: string | KvHandle, options: DenoKvOptions = {}): Store {
  requireKnownOptions("denoKv", options, optionNames);
  requireTarget(target);
  const { prefix = "posthorn", random = systemRandom() } = options;
  if (typeof prefix !== "string" || !/^[!-~]{1,32}$/.test(prefix)) {
    throw new RangeError(
      `Cannot use prefix: it must be 1 to 32 characters of ASCII without blanks: current value is ${prefix}`,
    );
  }
  const remote = options.remote ?? isRemote(target);
  const checks = options.checksMax ?? (remote && !isDeploys(target) ? serverChecksMax : denoChecksMax);
  if (!Number.isInteger(checks) || checks < 2 || checks > denoChecksMax) {
    throw new RangeError(
      `Cannot use checksMax: it must be a whole number from 2 to ${denoChecksMax}: current value is ${checks}`,
    );
  }
  const inMemory = target === ":memory:";
  const traits: StoreTraits = {
    name: `Deno KV, ${remote ? "remote" : inMemory ? "in memory" : "file"}`,
    durability: inMemory ? "nothing" : "power",
    processes: remote ? "many" : "one",
    unknownOutcomes: remote,
    // A file writes one commit at a time, each with a flush, on its own thread. Throughput grows with larger
    // commits, and with the next commit being ready in time.
    commitsAtOnce: remote ? 16 : 1,
    fullCommitsAtOnce: remote ? 16 : 2,
    partsAtOnce: remote ? 25 : 50,
    heartbeatMs: remote ? 5_000 : 2_000,
    limits: limitsOf(prefix, checks),
  };
  const shared = new SharedKv(target, prefix, !inMemory);
  const path = typeof target === "string" && !remote && !inMemory ? target : undefined;
  return {
    engine: storeEngine,
    traits,
    open: async (services) => {
      const open = await shared.acquire();
      const file = path === undefined ? undefined : await StoreFile.of(path, services.clock);
      return new DenoKvConnection(open, shared, services, random, traits, file);
    },
  };
}

/** For programs that no compiler has checked: with what is no database every call would fail, and be tried again. */
function requireTarget(target: unknown): void {
  if (target === undefined || typeof target === "string") return;
  const handle = target as { readonly atomic?: unknown; readonly then?: unknown } | null;
  if (typeof handle?.atomic === "function") return;
  const why = typeof handle?.then === "function" ? "a promise, which must be awaited" : typeof target;
  throw new TypeError(
    `Cannot use target of denoKv: it must be a path, a URL or an open Deno.Kv: it is ${why}`,
  );
}

/**
 * The limits of Deno KV minus its overhead: every key has a prefix, every piece also a number, every zero
 * character in a key takes two bytes, and the keys of writes count twice in the bytes of a commit.
 */
function limitsOf(prefix: string, checks: number): StoreLimits {
  const [writes, keysBytes, bytes] = [999, 81_920, 819_200]; // one of 1,000 writes is for the notification
  // two bytes around a text, nine for a number
  const keyAddedMax = prefix.length + ".part".length + 2 + 2 + 9;
  const zerosInKey = 22;
  return {
    keyBytes: 2_048 - keyAddedMax - zerosInKey,
    valueBytes: valueBytesMax,
    checks,
    writes,
    bytes: bytes - keysBytes,
    keysBytes: keysBytes - writes * (prefix.length + 14),
  };
}

function isRemote(target: string | KvHandle | undefined): boolean {
  if (typeof target === "string") return /^https?:/.test(target);
  return target !== undefined || isOnDeploy();
}

/** Whether the target is a database of Deno Deploy. */
function isDeploys(target: string | KvHandle | undefined): boolean {
  return typeof target === "string" ? /^https:\/\/api\.deno\.com\//.test(target) : isOnDeploy();
}

/** Whether the program runs on Deno Deploy. Requests no permission: on Deploy it is granted. */
function isOnDeploy(): boolean {
  if (typeof Deno === "undefined") return false;
  const name = { name: "env", variable: "DENO_DEPLOY" } as const;
  return Deno.permissions.querySync(name).state === "granted" && Deno.env.has(name.variable);
}

/** The part of Deno that is used. Deno's own types contain `openKv` only if unstable types are enabled. */
declare const Deno: {
  openKv?(path?: string): Promise<KvHandle>;
  permissions: { querySync(name: { name: "env"; variable: string }): { state: string } };
  env: { has(name: string): boolean };
} | undefined;

async function openKv(path: string | undefined): Promise<KvHandle> {
  if (typeof Deno === "undefined") {
    throw new StoreError("store-unavailable", "Cannot open Deno KV: this is not Deno: use another store");
  }
  if (Deno.openKv === undefined) {
    const remedy = 'run with --unstable-kv, or put "unstable": ["kv"] into deno.json';
    throw new StoreError("store-unavailable", `Cannot open Deno KV: Deno.openKv is not there: ${remedy}`);
  }
  try {
    return await Deno.openKv(path);
  } catch (error) {
    const message = `Cannot open Deno KV${path === undefined ? "" : ` ${path}`}: ${messageOf(error)}`;
    const isServer = path !== undefined && /^https?:/.test(path);
    throw new StoreError("store-unavailable", message, { cause: error, temporary: isServer });
  }
}

interface OpenKv {
  readonly kv: KvHandle;
  readonly values: KvValues;
  readonly notifier: DenoKvNotifier;
}

/**
 * One handle for all connections of a store: two handles of one file would lock each other out, two in memory
 * share no data.
 */
class SharedKv {
  readonly #target: string | KvHandle | undefined;
  readonly #prefix: string;
  readonly #watches: boolean;
  #users = 0;
  #open: Promise<OpenKv> | undefined;

  constructor(target: string | KvHandle | undefined, prefix: string, watches: boolean) {
    this.#target = target;
    this.#prefix = prefix;
    this.#watches = watches;
  }

  async acquire(): Promise<OpenKv> {
    this.#users++;
    const opening = this.#open ??= this.#opened();
    try {
      return await opening;
    } catch (error) {
      this.#users--;
      if (this.#open === opening) this.#open = undefined; // the next call tries again
      throw error;
    }
  }

  release({ kv }: OpenKv): void {
    if (--this.#users > 0) return;
    this.#open = undefined;
    if (kv !== this.#target) kv.close();
  }

  async #opened(): Promise<OpenKv> {
    const kv = typeof this.#target === "object" ? this.#target : await openKv(this.#target);
    const values = new KvValues(kv, this.#prefix);
    return { kv, values, notifier: new DenoKvNotifier(kv, values, this.#watches) };
  }
}

class DenoKvConnection implements StoreConnection {
  readonly #open: OpenKv;
  readonly #shared: SharedKv;
  readonly #services: CommitServices;
  readonly #file: StoreFile | undefined;
  readonly #underWay = new Set<Promise<unknown>>();
  /**
   * When to check some values again, in monotonic milliseconds. Checked at commits, which a live instance
   * makes at each heartbeat.
   */
  #looksMs: number;
  #closed: Promise<void> | undefined;

  constructor(
    open: OpenKv,
    shared: SharedKv,
    { clock }: StoreServices,
    random: Random,
    { limits, unknownOutcomes }: StoreTraits,
    file: StoreFile | undefined,
  ) {
    this.#open = open;
    this.#shared = shared;
    this.#file = file;
    this.#services = { kv: open.kv, values: open.values, limits, unknownOutcomes, clock, random };
    this.#looksMs = clock.monotonicMs() + lookEachMs;
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#run("read", () => reading(() => this.#open.values.read(keys)));
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#run("list", () => reading(() => this.#open.values.list(range)));
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    return this.#run("commit", async () => {
      requireOneWord(parts);
      try {
        const versions = await commitParts(this.#services, parts);
        await this.#letPiecesGo(parts.filter((_, index) => versions[index] !== undefined));
        void this.#lookNowAndThen();
        return versions;
      } finally {
        // also if the outcome is unknown, since a notification may be spurious
        if (parts.some(({ rings }) => rings)) this.#open.notifier.ring(this);
      }
    });
  }

  watch(onChange: () => void): Disposable {
    if (this.#closed !== undefined) throw closed("watch");
    return this.#open.notifier.listen(this, this.#services.clock, onChange);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#end();
  }

  async #end(): Promise<void> {
    this.#open.notifier.leave(this);
    await within(this.#services.clock, closeMs, Promise.allSettled(this.#underWay));
    this.#shared.release(this.#open);
  }

  async #letPiecesGo(applied: readonly AtomicPart[]): Promise<void> {
    try {
      await this.#open.values.pieces.applied(applied);
    } catch {
      // a look finds the pieces that remain
    }
  }

  async #lookNowAndThen(): Promise<void> {
    const { clock } = this.#services;
    if (clock.monotonicMs() < this.#looksMs) return;
    this.#looksMs = clock.monotonicMs() + lookEachMs;
    try {
      const found = await this.#run("look", () => this.#open.values.pieces.look());
      if (found) this.#looksMs = clock.monotonicMs() + lookSoonMs;
    } catch {
      // until the next look, orphaned pieces only take space
    }
  }

  async #run<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw closed(name);
    this.#file?.require();
    const promise = work();
    this.#underWay.add(promise);
    try {
      return await promise;
    } finally {
      this.#underWay.delete(promise);
    }
  }
}

function closed(name: string): StoreError {
  return new StoreError("store-closed", `Cannot ${name}: the connection to Deno KV is closed`);
}
