import type { AtomicPart } from "../../../runtime/ports/store.ts";
import type { KvAtomic, KvEntry, KvHandle, KvKey } from "./handle.ts";

/** The maximum size of one value in bytes. Deno KV stores bytes unchanged, so there is no overhead. */
export const valueBytesMax = 65_536;
/** The maximum number of keys whose number of pieces is remembered. */
const knownMax = 10_000;
/** The maximum number of values checked in one look. For each intact value, one piece is read. */
const lookMax = 10;
/** The maximum number of pieces of one key that one look removes. A value has fewer. */
const removedMax = 20;

/** The number of pieces of a value of this size, beside its head. */
export function piecesOf(bytes: number): number {
  return bytes <= valueBytesMax ? 0 : Math.ceil(bytes / valueBytesMax);
}

/**
 * The pieces of values that are too large for one cell. Ensures that no piece outlives its value: a write or
 * removal may state the size of the former value (`oldBytes`), and its pieces are then removed with it. For
 * values that this process has read or written, the number of pieces is known, and they are removed right
 * after the commit. Pieces left by other processes are found by looking at a few values at a time, in which
 * all processes take turns. Small values cost nothing of this.
 */
export class KvPieces {
  readonly #kv: KvHandle;
  readonly #prefix: string;
  /** The minimum number of pieces by key, the most recently used key last. */
  readonly #known = new Map<string, number>();

  constructor(kv: KvHandle, prefix: string) {
    this.#kv = kv;
    this.#prefix = prefix;
  }

  /** The key of a piece. */
  keyOf(key: string, n: number): KvKey {
    return [this.#space, key, n];
  }

  /** Adds the removal of pieces to an atomic operation. */
  remove(atomic: KvAtomic, key: string, from: number, to: number): void {
    for (let n = from; n < to; n++) atomic.delete(this.keyOf(key, n));
  }

  /** Remembers the number of pieces of a value. */
  saw(key: string, pieces: number): void {
    this.#known.delete(key);
    if (pieces === 0) return;
    this.#known.set(key, pieces);
    // a look finds its pieces
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!);
  }

  /**
   * Called after parts were applied: removes the remaining pieces of former values, as far as they are known.
   */
  async applied(parts: readonly AtomicPart[]): Promise<void> {
    const left = new Map<string, number>();
    for (const { writes, removals } of parts) {
      for (const { key, value, oldBytes = 0 } of writes) {
        this.#replaced(key, piecesOf(value.length), oldBytes, left);
      }
      for (const { key, oldBytes = 0 } of removals) this.#replaced(key, 0, oldBytes, left);
    }
    if (left.size === 0) return;
    await Promise.all(Array.from(left, ([key, pieces]) => this.#removeBehind(key, pieces)));
  }

  /**
   * Checks some values, continuing where the last look of this or another process ended, and removes orphaned
   * pieces. Returns whether there were any.
   */
  async look(): Promise<boolean> {
    const [{ value: saved }] = await this.#kv.getMany([[this.#cursor]], { consistency: "strong" });
    let at: KvKey = typeof saved === "string" ? [this.#space, saved] : [this.#space];
    let found = false;
    for (let looks = 0; looks < lookMax; looks++) {
      const [entry] = await this.#list(at, [this.#space, true], 1);
      if (entry === undefined) {
        if (saved !== null) await this.#goOnAt(undefined);
        return found;
      }
      const [, key, n] = entry.key as [string, string, number];
      const { pieces, versionstamp } = await this.#headOf(key);
      if (n < pieces) {
        this.saw(key, pieces);
        at = this.keyOf(key, pieces); // pieces from here on are orphaned
      } else {
        found = true;
        await this.#removeAllBehind(key, pieces, versionstamp);
        at = [this.#space, key, true];
      }
    }
    await this.#goOnAt(at[1] as string);
    return found;
  }

  get #space(): string {
    return `${this.#prefix}.part`;
  }

  get #cursor(): string {
    return `${this.#prefix}.look`;
  }

  /** Saves where the next look of any process starts; `undefined` for the beginning. */
  async #goOnAt(key: string | undefined): Promise<void> {
    const atomic = this.#kv.atomic();
    if (key === undefined) atomic.delete([this.#cursor]);
    else atomic.set([this.#cursor], key);
    await atomic.commit();
  }

  /** Records the pieces of a replaced value that the commit did not remove. */
  #replaced(key: string, pieces: number, oldBytes: number, left: Map<string, number>): void {
    const known = this.#known.get(key) ?? 0;
    if (known > Math.max(pieces, piecesOf(oldBytes))) left.set(key, known);
    if (known > 0 || pieces > 0) this.saw(key, pieces);
  }

  /**
   * Removes the pieces of a key, up to `known`, that do not belong to its value. If the value changes
   * meanwhile, nothing is removed, and a look finds them.
   */
  async #removeBehind(key: string, known: number): Promise<void> {
    const { pieces, versionstamp } = await this.#headOf(key);
    const atomic = this.#kv.atomic();
    atomic.check({ key: [this.#prefix, key], versionstamp });
    this.remove(atomic, key, pieces, known);
    await atomic.commit();
  }

  async #removeAllBehind(key: string, pieces: number, versionstamp: string | null): Promise<void> {
    const left = await this.#list(this.keyOf(key, pieces), [this.#space, key, true], removedMax);
    const atomic = this.#kv.atomic();
    atomic.check({ key: [this.#prefix, key], versionstamp });
    for (const { key } of left) atomic.delete(key as KvKey);
    await atomic.commit(); // if the value has changed, the next round finds them
  }

  async #headOf(key: string): Promise<{ readonly pieces: number; readonly versionstamp: string | null }> {
    const [{ value, versionstamp }] = await this.#kv.getMany([[this.#prefix, key]], {
      consistency: "strong",
    });
    return { pieces: typeof value === "number" ? piecesOf(value) : 0, versionstamp };
  }

  async #list(start: KvKey, end: KvKey, limit: number): Promise<KvEntry[]> {
    const found: KvEntry[] = [];
    const options = { limit, batchSize: limit, consistency: "strong" } as const;
    for await (const entry of this.#kv.list({ start, end }, options)) found.push(entry);
    return found;
  }
}
