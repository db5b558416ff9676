import type { Part, Store, StoreConnection } from "@posthorn/posthorn";

/** What hears of each commit, once it is there. */
export interface Watcher {
  /** Those parts of a commit were applied. */
  committed(parts: readonly Part[]): void;
}

/** What went through a store. */
export interface Traffic {
  commits: number;
  parts: number;
  writes: number;
  removals: number;
}

/** The same store; whoever watches hears what is committed when the commit has returned, from outside the runtime. */
export function watched(store: Store, watcher: Watcher): Store {
  return {
    traits: store.traits,
    async open(services): Promise<StoreConnection> {
      const connection = await store.open(services);
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        async commit(parts) {
          const versions = await connection.commit(parts);
          watcher.committed(
            versions.includes(undefined) ? parts.filter((_, index) => versions[index] !== undefined) : parts,
          );
          return versions;
        },
      };
    },
  };
}

/** Counts what is committed. */
export class Counting implements Watcher, Traffic {
  commits = 0;
  parts = 0;
  writes = 0;
  removals = 0;

  committed(parts: readonly Part[]): void {
    this.commits++;
    this.parts += parts.length;
    for (const { writes, removals } of parts) {
      this.writes += writes.length;
      this.removals += removals.length;
    }
  }
}

/** What the keys of messages begin with: a message is accepted when it is written, and done when it is removed. */
export const mailPrefix = "mail\u001f";

/** Tells when each message was accepted and when its turn was committed, by the commits alone. */
export class Following extends Counting {
  readonly #acceptedMs = new Map<string, number>();
  /** How long each took from one to the other, in milliseconds. */
  readonly latenciesMs: number[] = [];
  done = 0;
  #onDone: () => void = () => {};

  /** Calls it whenever messages are done. */
  onDone(callback: () => void): void {
    this.#onDone = callback;
  }

  override committed(parts: readonly Part[]): void {
    super.committed(parts);
    const nowMs = performance.now();
    const before = this.done;
    for (const { writes, removals } of parts) {
      for (const { key } of writes) if (key.startsWith(mailPrefix)) this.#acceptedMs.set(key, nowMs);
      for (const { key } of removals) {
        if (!key.startsWith(mailPrefix)) continue;
        this.done++;
        const acceptedMs = this.#acceptedMs.get(key);
        if (acceptedMs === undefined) continue; // it was there before
        this.#acceptedMs.delete(key);
        this.latenciesMs.push(nowMs - acceptedMs);
      }
    }
    if (this.done > before) this.#onDone();
  }

  /** The measurement begins: it forgets what came before. */
  begin(): void {
    this.commits =
      this.parts =
      this.writes =
      this.removals =
        0;
    this.latenciesMs.length = 0;
  }

  /** The measurement has ended. */
  end(): void {}
}

/** Keeps what is committed, commit by commit: what came before the measurement, and what belongs to it. */
export class Recording extends Following {
  before: (readonly Part[])[] = [];
  recorded: (readonly Part[])[] = [];
  #ended = false;

  override committed(parts: readonly Part[]): void {
    if (!this.#ended) {
      this.recorded.push(parts.map(({ checks, writes, removals }) => ({
        checks: [...checks],
        writes: [...writes],
        removals: [...removals],
      })));
    }
    super.committed(parts);
  }

  override begin(): void {
    super.begin();
    this.before = this.recorded;
    this.recorded = [];
  }

  override end(): void {
    this.#ended = true;
  }
}
