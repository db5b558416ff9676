/** How many changes of one character a name may be away from a suggestion. */
const changesMax = 2;

/** The end of a sentence that suggests a similar name: `. Did you mean order?`; empty if none is similar. */
export function didYouMean(name: string, names: readonly string[]): string {
  const near = names
    .map((other) => ({ other, changes: changesBetween(name, other) }))
    .filter(({ other, changes }) => changes <= changesMax && changes < other.length)
    .sort((one, two) => one.changes - two.changes)[0];
  return near === undefined ? "" : `. Did you mean ${near.other}?`;
}

/** How many characters must be added, removed or replaced to make one text of another (Levenshtein). */
function changesBetween(one: string, two: string): number {
  let row = Array.from({ length: two.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= two.length; to++) {
      const replaced = row[to - 1] + (one[at - 1] === two[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[to] + 1, next[to - 1] + 1));
    }
    row = next;
  }
  return row[two.length];
}
