import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { systemRandom } from "../../../runtime/base/random.ts";
import { OutcomeUnknownError, StoreError } from "../../../runtime/base/store_errors.ts";
import { storeEngine } from "../../../runtime/durable/engine.ts";
import { requireOneWord } from "../../../runtime/ports/one_word.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  Store,
  StoreConnection,
  StoreTraits,
} from "../../../runtime/ports/store.ts";
import { ObjectAlarm } from "./alarm.ts";
import { ObjectRows } from "./rows.ts";
import type { ObjectStorage } from "./storage.ts";

const traits: StoreTraits = {
  name: "Durable Object",
  durability: "power",
  processes: "one",
  unknownOutcomes: false,
  commitsAtOnce: 1,
  fullCommitsAtOnce: 1,
  partsAtOnce: 100,
  heartbeatMs: 2_000,
  limits: {
    keyBytes: Infinity,
    valueBytes: Infinity,
    checks: Infinity,
    writes: Infinity,
    // A row takes 2 MB. Since a whole commit takes less, no value must be split.
    bytes: 1_900_000,
    keysBytes: Infinity,
  },
};

/**
 * After so many written values with an expiry time, expired ones are deleted, and so many for each: more than one, so that
 * a backlog shrinks.
 */
const shareOf = 32;
const goForEach = 2;

/**
 * Creates a store in the SQLite database of a Durable Object of Cloudflare: all actors of the object are durable, and what
 * one turn does to several of them is one transaction. The application names the object, usually by tenant: an actor is in
 * one object, and an object with the same name exists once worldwide. It uses the table `posthorn`, and the alarm of the
 * object: call `system.sweep()` in `alarm()`. So an object to which nobody speaks is started for what is due, and one in
 * which nothing waits has no timer and may hibernate.
 *
 * An object takes 10 GB; what would exceed it is refused with `store-full`. One commit takes 1.9 MB of keys and values, so
 * a message or a state takes less.
 *
 * @example
 * ```ts
 * import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";
 * import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
 * import { ingress } from "@posthorn/posthorn/http";
 * import * as z from "zod";
 *
 * const Counter = protocol("counter", { add: tell(z.number()), total: ask(z.number()) });
 * const counter = actor(Counter, {
 *   state: () => 0,
 *   on: { add: (ctx, n) => void (ctx.state += n), total: (ctx) => ctx.state },
 * });
 *
 * export class PostOffice {
 *   readonly #system;
 *   readonly #app;
 *
 *   constructor(ctx: { readonly storage: ObjectStorage }) {
 *     this.#system = new System({ actors: [counter], store: durableObject(ctx.storage) });
 *     this.#app = ingress(this.#system, { expose: [Counter] });
 *   }
 *
 *   fetch(request: Request): Response | Promise<Response> {
 *     return this.#app.fetch(request);
 *   }
 *
 *   async alarm(): Promise<void> {
 *     await this.#system.sweep();
 *   }
 * }
 * ```
 *
 * @param storage `ctx.storage` of the object, whose class has SQLite (`new_sqlite_classes`)
 * @returns the store, which is not opened yet
 */
export function durableObject(storage: ObjectStorage): Store {
  const connections = new Set<ObjectConnection>();
  let known: ObjectAlarm | undefined; // an object has one alarm, however many connections set it
  return {
    engine: storeEngine,
    traits,
    async open({ clock }) {
      let rows: ObjectRows;
      let alarm: ObjectAlarm;
      try {
        if (typeof storage?.sql?.exec !== "function") throw new TypeError(`it needs ${needed}`);
        rows = new ObjectRows(storage.sql);
        rows.create();
        const atMs = await storage.getAlarm();
        alarm = known ??= new ObjectAlarm(storage, atMs);
      } catch (cause) {
        throw new StoreError("store-unavailable", `Cannot open the Durable Object: ${messageOf(cause)}`, {
          cause,
        });
      }
      return new ObjectConnection(storage, rows, alarm, clock, connections);
    },
  };
}

/** What the store is given, as errors call it. */
const needed = "`ctx.storage` of a class that has SQLite (`new_sqlite_classes`)";

/** A check failed: the transaction is rolled back. */
class Stale extends Error {}

class ObjectConnection implements StoreConnection {
  readonly #storage: ObjectStorage;
  readonly #rows: ObjectRows;
  readonly #alarm: ObjectAlarm;
  readonly #clock: Clock;
  /** All connections to the object. */
  readonly #connections: Set<ObjectConnection>;
  readonly #watchers = new Set<{ readonly onChange: () => void }>();
  /** Names the commits of this connection. Nothing is counted in the store, where it would cost a row. */
  readonly #epoch: string;
  #commits = 0;
  /** The first one counts as the last of a share: an object may never stay in memory for a whole one. */
  #expiring = shareOf - 1;
  #closed = false;

  constructor(
    storage: ObjectStorage,
    rows: ObjectRows,
    alarm: ObjectAlarm,
    clock: Clock,
    connections: Set<ObjectConnection>,
  ) {
    this.#storage = storage;
    this.#rows = rows;
    this.#alarm = alarm;
    this.#clock = clock;
    this.#connections = connections;
    this.#epoch = systemRandom().ulid(clock.now()).slice(-10);
    connections.add(this);
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#run("read", () => keys.map((key) => this.#rows.read(key)));
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async list(range: KeyRange): Promise<Entry[]> {
    return this.#run("list", () => this.#rows.list(range));
  }

  async commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    requireOneWord(parts);
    const changes = parts.some(({ writes, removals }) => writes.length > 0 || removals.length > 0);
    if (!changes) {
      return this.#run("commit to", () => parts.map((part) => this.#rows.holds(part) ? "0" : undefined));
    }
    if (this.#alarm.isUnset) await this.#alarm.requireSet();
    const versions = this.#run("commit to", () => this.#transact(parts));
    try {
      await this.#storage.sync();
    } catch (cause) {
      const message = `Cannot tell whether the Durable Object has the commit: ${messageOf(cause)}`;
      throw new OutcomeUnknownError(message, { cause });
    }
    if (parts.some(({ rings }, index) => rings === true && versions[index] !== undefined)) {
      for (const connection of this.#connections) if (connection !== this) connection.#ring();
    }
    return versions;
  }

  watch(onChange: () => void): Disposable {
    const watcher = { onChange };
    if (!this.#closed) this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  wakeAt(atMs: number | undefined): void {
    if (!this.#closed) this.#alarm.wakeAt(atMs, this.#clock);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
    this.#connections.delete(this);
    return Promise.resolve();
  }

  /** Applies parts in one transaction. First assumes that all checks hold; if one does not, evaluates them first. */
  #transact(parts: readonly AtomicPart[]): (string | undefined)[] {
    const version = this.#epoch + (++this.#commits).toString(36);
    try {
      return this.#storage.transactionSync(() => {
        for (const part of parts) if (!this.#rows.apply(part, version)) throw new Stale();
        this.#expire(parts);
        return parts.map(() => version);
      });
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
    }
    return this.#storage.transactionSync(() =>
      parts.map((part) => {
        if (!this.#rows.holds(part)) return undefined;
        this.#rows.apply(part, version);
        return version;
      })
    );
  }

  /** Deletes expired values in a transaction that writes others, which bounds their number. */
  #expire(parts: readonly AtomicPart[]): void {
    for (const { writes } of parts) {
      for (const { expiresAtMs } of writes) if (expiresAtMs !== undefined) this.#expiring++;
    }
    if (this.#expiring < shareOf) return;
    this.#rows.expire(this.#clock.now(), this.#expiring * goForEach);
    this.#expiring = 0;
  }

  #run<Result>(what: string, action: () => Result): Result {
    if (this.#closed) {
      throw new StoreError("store-closed", `Cannot ${what} the Durable Object: its connection is closed`);
    }
    try {
      return action();
    } catch (cause) {
      if (cause instanceof StoreError || /SQLITE_TOOBIG/.test(messageOf(cause))) throw cause;
      const code = /SQLITE_FULL|disk is full/.test(messageOf(cause)) ? "store-full" : "store-unavailable";
      throw new StoreError(code, `Cannot ${what} the Durable Object: ${messageOf(cause)}`, { cause });
    }
  }

  /** Notifies the watchers asynchronously: never within the call of another connection. */
  #ring(): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.onChange();
      });
    }
  }
}
