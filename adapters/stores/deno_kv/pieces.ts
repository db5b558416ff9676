import type { AtomicPart } from "../../../runtime/ports/store.ts";
import type { KvAtomic, KvEntry, KvHandle, KvKey } from "./handle.ts";

/** The most bytes of one value: bytes are kept as they are, so nothing is added to them. */
export const valueBytesMax = 65_536;
/** Of how many keys it is known that their values have pieces. */
const knownMax = 10_000;
/** How many values are looked at in one look: of each that is in order one piece is read. */
const lookMax = 10;
/** How many pieces of one key are removed in one look: a value has fewer. */
const removedMax = 20;

/** In how many pieces a value of that size lies, beside its head. */
export function piecesOf(bytes: number): number {
  return bytes <= valueBytesMax ? 0 : Math.ceil(bytes / valueBytesMax);
}

/**
 * The pieces of values that are too large for one place, and how none outlives its value. Whoever writes or removes a
 * value may say how large the one before was: then its pieces go with it. Nobody needs to. Of values that were read or
 * written here it is known, and they go right after; what this process cannot know, since another one wrote it, is found
 * by looking: a few values each time, all processes in turns. Small values cost nothing of it.
 */
export class KvPieces {
  readonly #kv: KvHandle;
  readonly #prefix: string;
  /** How many pieces are there, at least, by key; the one that was heard of last is the last. */
  readonly #known = new Map<string, number>();

  constructor(kv: KvHandle, prefix: string) {
    this.#kv = kv;
    this.#prefix = prefix;
  }

  /** Where a piece lies. */
  keyOf(key: string, n: number): KvKey {
    return [this.#space, key, n];
  }

  /** Adds the removal of pieces to what will be applied. */
  remove(atomic: KvAtomic, key: string, from: number, to: number): void {
    for (let n = from; n < to; n++) atomic.delete(this.keyOf(key, n));
  }

  /** A value was read that has so many. */
  saw(key: string, pieces: number): void {
    this.#known.delete(key);
    if (pieces === 0) return;
    this.#known.set(key, pieces);
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!); // a look will find them
  }

  /** Parts were applied: removes what is known to be left of the values that were there before. */
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
   * Looks at some values, and goes on where this or another process was last. Removes what is left of others, and returns
   * whether there was anything.
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
        at = this.keyOf(key, pieces); // from there on none is its
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

  /** The next look, of whichever process, begins there; or anew. */
  async #goOnAt(key: string | undefined): Promise<void> {
    const atomic = this.#kv.atomic();
    if (key === undefined) atomic.delete([this.#cursor]);
    else atomic.set([this.#cursor], key);
    await atomic.commit();
  }

  /** A value was replaced by one with so many pieces: what of the old one was not said to go is left. */
  #replaced(key: string, pieces: number, oldBytes: number, left: Map<string, number>): void {
    const known = this.#known.get(key) ?? 0;
    if (known > Math.max(pieces, piecesOf(oldBytes))) left.set(key, known);
    if (known > 0 || pieces > 0) this.saw(key, pieces);
  }

  /**
   * Removes the pieces of a key up to that many which are not of its value; where it changes meanwhile, a look finds
   * them.
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
    await atomic.commit(); // where the value has changed, they are found in the next round
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
