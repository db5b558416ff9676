import { fromSortText, toSortText } from "./key_order.ts";

/** The maximum number of keys in one chunk: to insert a key moves at most so many. */
const chunkKeys = 512;

/** Keys in the order of their code points, which is that of their bytes as UTF-8. Fast with a million of them. */
export class OrderedKeys {
  /** No chunk is empty, and each is sorted, of texts that compare as their keys do. */
  readonly #chunks: string[][] = [];

  /** Inserts a key that is not in it. */
  add(key: string): void {
    const text = toSortText(key);
    const chunks = this.#chunks;
    if (chunks.length === 0) {
      chunks.push([text]);
      return;
    }
    const at = Math.max(this.#chunkBehind((first) => first <= text) - 1, 0);
    const chunk = chunks[at];
    chunk.splice(countWhile(chunk, (other) => other < text), 0, text);
    // In halves: for keys in ascending order a split at the end would waste less, but keys may come in any order.
    if (chunk.length > chunkKeys) chunks.splice(at + 1, 0, chunk.splice(chunkKeys >> 1));
  }

  /** Removes a key that is in it. */
  delete(key: string): void {
    const text = toSortText(key);
    const at = this.#chunkBehind((first) => first <= text) - 1;
    const chunk = this.#chunks[at];
    chunk.splice(countWhile(chunk, (other) => other < text), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** The keys that begin with `prefix`, in ascending or descending order; with `after`, only those behind it in that order. */
  *list(prefix: string, after: string | undefined, reverse: boolean): Generator<string> {
    const begin = toSortText(prefix);
    const beyond = after === undefined ? undefined : toSortText(after);
    const chunks = this.#chunks;
    const isBefore = reverse
      ? (key: string) => (key < begin || key.startsWith(begin)) && (beyond === undefined || key < beyond)
      : (key: string) => key < begin || (beyond !== undefined && key <= beyond);
    // The index at which the range begins in its chunk.
    let at = Math.max(this.#chunkBehind(isBefore) - 1, 0);
    let place = at < chunks.length ? countWhile(chunks[at], isBefore) : 0;
    for (;;) {
      if (reverse ? place === 0 : place === chunks[at]?.length) {
        at += reverse ? -1 : 1;
        place = reverse ? chunks[at]?.length ?? 0 : 0;
      }
      const key = chunks[at]?.[reverse ? --place : place++];
      if (key === undefined || !key.startsWith(begin)) return;
      yield fromSortText(key);
    }
  }

  /** The first chunk that begins with a key for which that is false. */
  #chunkBehind(isBefore: (key: string) => boolean): number {
    return countWhile(this.#chunks, (chunk) => isBefore(chunk[0]));
  }
}

/** How many items come before the first for which that is false. */
function countWhile<Item>(items: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
