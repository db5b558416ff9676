import type { AtomicPart, Store, StoreConnection } from "@posthorn/posthorn/store";

/** An observer of commits. */
export interface Watcher {
  /** Called with the applied parts of a commit. */
  committed(parts: readonly AtomicPart[]): void;
}

/** The totals of a store's commits. */
export interface Traffic {
  commits: number;
  parts: number;
  writes: number;
  removals: number;
}

/** Wraps a store: observers are called when a commit has returned, outside the runtime. */
export function watched(store: Store, watcher: Watcher): Store {
  return {
    engine: store.engine,
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

/** Counts commits and their contents. */
export class Counting implements Watcher, Traffic {
  commits = 0;
  parts = 0;
  writes = 0;
  removals = 0;

  committed(parts: readonly AtomicPart[]): void {
    this.commits++;
    this.parts += parts.length;
    for (const { writes, removals } of parts) {
      this.writes += writes.length;
      this.removals += removals.length;
    }
  }
}

/** The prefix of the keys of messages. */
export const mailPrefix = "mail\u001f";
/** The prefix of the keys of actors. */
const actorPrefix = "actor\u001f";

const decoder = new TextDecoder();

/**
 * Measures when each turn was committed, from the commits alone: each one increments the count in the state
 * of its actor.
 */
export class Following extends Counting {
  /** The sending times of the pending messages of each actor, by key. They are handled in that order. */
  readonly #sentMs = new Map<string, number[]>();
  readonly #lines = new Map<string, number>();
  /** The time of each message from sending until its turn was committed, in milliseconds. */
  readonly latenciesMs: number[] = [];
  done = 0;
  #onDone: () => void = () => {};

  /** Adds a callback for completed messages. */
  onDone(callback: () => void): void {
    this.#onDone = callback;
  }

  /** Called when a message is sent to an actor. */
  sent(key: string): void {
    const nowMs = performance.now();
    const waiting = this.#sentMs.get(key);
    if (waiting === undefined) this.#sentMs.set(key, [nowMs]);
    else waiting.push(nowMs);
  }

  override committed(parts: readonly AtomicPart[]): void {
    super.committed(parts);
    const nowMs = performance.now();
    const before = this.done;
    for (const { writes } of parts) {
      for (const { key, value } of writes) if (key.startsWith(actorPrefix)) this.#turned(key, value, nowMs);
    }
    if (this.done > before) this.#onDone();
  }

  #turned(key: string, value: Uint8Array, nowMs: number): void {
    const text = decoder.decode(value);
    const { lines } = JSON.parse(text.slice(text.indexOf("\n") + 1)) as { lines?: number };
    if (lines === undefined) return; // a row of another kind
    const turns = lines - (this.#lines.get(key) ?? 0);
    this.#lines.set(key, lines);
    this.done += turns;
    const sentMs = this.#sentMs.get(key.slice(key.lastIndexOf("\u001f") + 1))?.splice(0, turns) ?? [];
    for (const ms of sentMs) this.latenciesMs.push(nowMs - ms);
  }

  /** Starts the measurement: discards earlier records. */
  begin(): void {
    this.commits =
      this.parts =
      this.writes =
      this.removals =
        0;
    this.latenciesMs.length = 0;
  }

  /** Ends the measurement. */
  end(): void {}
}

/** Records commits, separately those before the measurement and those of it. */
export class Recording extends Following {
  before: (readonly AtomicPart[])[] = [];
  recorded: (readonly AtomicPart[])[] = [];
  /** The number of recorded turns. */
  turns = 0;
  #ended = false;

  override committed(parts: readonly AtomicPart[]): void {
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
    this.turns = -this.done;
  }

  override end(): void {
    this.#ended = true;
    this.turns += this.done;
  }
}
