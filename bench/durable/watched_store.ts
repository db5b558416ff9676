import type { AtomicPart, Store, StoreConnection } from "@posthorn/posthorn/store";

/** What hears of each commit, once it is there. */
export interface Watcher {
  /** Those parts of a commit were applied. */
  committed(parts: readonly AtomicPart[]): void;
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

  committed(parts: readonly AtomicPart[]): void {
    this.commits++;
    this.parts += parts.length;
    for (const { writes, removals } of parts) {
      this.writes += writes.length;
      this.removals += removals.length;
    }
  }
}

/** What the keys of messages begin with. */
export const mailPrefix = "mail\u001f";
/** What the keys of actors begin with. */
const actorPrefix = "actor\u001f";

const decoder = new TextDecoder();

/** Tells when each turn was committed, by the commits alone: each counts one more in the state of its actor. */
export class Following extends Counting {
  /** When what was sent to an actor and is not done was sent, by the actor's key: it is done in that order. */
  readonly #sentMs = new Map<string, number[]>();
  readonly #lines = new Map<string, number>();
  /** How long each took from its sending until its turn was committed, in milliseconds. */
  readonly latenciesMs: number[] = [];
  done = 0;
  #onDone: () => void = () => {};

  /** Calls it whenever messages are done. */
  onDone(callback: () => void): void {
    this.#onDone = callback;
  }

  /** A message is sent to the actor of that key. */
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
    if (lines === undefined) return; // of another kind
    const turns = lines - (this.#lines.get(key) ?? 0);
    this.#lines.set(key, lines);
    this.done += turns;
    const sentMs = this.#sentMs.get(key.slice(key.lastIndexOf("\u001f") + 1))?.splice(0, turns) ?? [];
    for (const ms of sentMs) this.latenciesMs.push(nowMs - ms);
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
  before: (readonly AtomicPart[])[] = [];
  recorded: (readonly AtomicPart[])[] = [];
  /** How many turns are recorded. */
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
