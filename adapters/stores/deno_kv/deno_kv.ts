import { messageOf } from "../../../runtime/base/errors.ts";
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

/** How often some values are looked at for pieces that are left of others; where there were some, the next time is soon. */
const lookEachMs = 60_000;
const lookSoonMs = 1_000;

/** The most checks of one commit: what Deno allows, and what the server does that anybody can run. */
const denoChecksMax = 100;
const serverChecksMax = 10;
/** How long what is under way may take when a connection is closed: while nobody answers it has no end. */
const closeMs = 1_000;

/** Options of {@linkcode denoKv}. */
export interface DenoKvOptions {
  /**
   * The first part of every key, of 1 to 32 characters of ASCII: two that differ share nothing.
   *
   * @default {"posthorn"}
   */
  readonly prefix?: string;
  /**
   * Whether it is reached over a network, so that other processes use it too and a commit may be lost on its way.
   * Without it: true for a URL and for a handle, which does not say what it is; false for a file and in memory; for
   * the default database, whether this runs on Deno Deploy.
   */
  readonly remote?: boolean;
  /**
   * The most checks that one commit has, from 2, which a turn takes, to 100. Deno itself allows 100, and so do a file
   * and Deno Deploy; a `denokv` server refuses more than 10. What a server refuses nevertheless is divided, which takes
   * a call more each time.
   *
   * @default {10} for another server than Deno Deploy's, and for a handle; 100 for a file, in memory and on Deno Deploy
   */
  readonly checksMax?: number;
  /** What to draw the waits from before a locked file is tried again; without it the machine's. */
  readonly random?: Random;
}

/**
 * A store in Deno KV: on Deno Deploy the database that is assigned to the app; elsewhere a file, or a database behind
 * a KV Connect URL. It needs `--unstable-kv`, or `"unstable": ["kv"]` in `deno.json`, except on Deploy.
 *
 * A file is for one process: several may use it, but stand in each other's way. Use `sqlite` to share a file.
 *
 * Where a file has been moved, replaced or removed while it is open, all calls reject with `store-unavailable`, as for
 * `sqlite`.
 *
 * Values over 64 KiB are split. A commit holds at most about 720 KiB, 999 writes and 100 checks, or 10 where a server of
 * one's own is asked; `traits.limits` has the exact numbers, which leave room for what Deno KV adds.
 *
 * Over a network Deno's client repeats a commit whose answer was lost, without end and without a word, and then says that
 * a check failed for what has landed. So there an answer is never taken at its word: what is said to be stale is looked
 * for, and no call is waited for longer than 5 seconds.
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
 * @param target the path of a file, `":memory:"`, a KV Connect URL, or an open `Deno.Kv`, which it leaves open; without
 * it the default database. What is in `":memory:"` lives until the last connection to this store is closed
 * @returns the store
 */
export function denoKv(target?: string | KvHandle, options: DenoKvOptions = {}): Store {
  const { prefix = "posthorn", random = systemRandom() } = options;
  if (!/^[!-~]{1,32}$/.test(prefix)) {
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
    // A file writes one commit after the other, each with a sync of its own, on a thread of its own: larger ones help,
    // and that the next is ready by then.
    commitsAtOnce: remote ? 16 : 1,
    fullCommitsAtOnce: remote ? 16 : 2,
    partsAtOnce: remote ? 25 : 50,
    heartbeatMs: remote ? 5_000 : 2_000,
    limits: limitsOf(prefix, checks),
  };
  const shared = new SharedKv(target, prefix, !inMemory);
  const path = typeof target === "string" && !remote && !inMemory ? target : undefined;
  return {
    traits,
    open: async (services) => {
      const open = await shared.acquire();
      const file = path === undefined ? undefined : await StoreFile.of(path, services.clock);
      return new DenoKvConnection(open, shared, services, random, traits, file);
    },
  };
}

/**
 * What Deno KV takes, less what is added on the way: every key has our prefix, every piece a number as well, every zero
 * character in a key becomes two bytes, and the keys of writes count twice in the bytes of a commit.
 */
function limitsOf(prefix: string, checks: number): StoreLimits {
  const [writes, keysBytes, bytes] = [999, 81_920, 819_200]; // of 1,000 writes one is for the notification
  const keyAddedMax = prefix.length + ".part".length + 2 + 2 + 9; // two bytes round a text, nine for a number
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

/** Whether it is a database of Deno Deploy. */
function isDeploys(target: string | KvHandle | undefined): boolean {
  return typeof target === "string" ? /^https:\/\/api\.deno\.com\//.test(target) : isOnDeploy();
}

/** Asks for no permission: on Deploy it is granted. */
function isOnDeploy(): boolean {
  if (typeof Deno === "undefined") return false;
  const name = { name: "env", variable: "DENO_DEPLOY" } as const;
  return Deno.permissions.querySync(name).state === "granted" && Deno.env.has(name.variable);
}

/** What of Deno is used here. Its own types know `openKv` only where unstable ones are asked for. */
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
    throw new StoreError("store-unavailable", message, { cause: error });
  }
}

interface OpenKv {
  readonly kv: KvHandle;
  readonly values: KvValues;
  readonly notifier: DenoKvNotifier;
}

/** One handle for all connections of a store: two on one file would lock each other out, two in memory share nothing. */
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
      if (this.#open === opening) this.#open = undefined; // the next one tries anew
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
  /** When it looks at some values again: with a commit, for an instance that lives commits its heartbeats. */
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
        // where the outcome is unknown, too: it may be called in vain
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
      // they are left for now: a look finds them
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
      // nothing but room is lost until the next time
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
