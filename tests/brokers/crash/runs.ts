/**
 * Numbers in the order in which they came, as pairs of the first and the last of those that followed each
 * other: 1, 2, 3, 7, 5 is [[1, 3], [7, 7], [5, 5]]. Nothing is left out, and what came in order is short.
 */
export type Runs = readonly (readonly [first: number, last: number])[];

/** The runs with one more number at the end. */
export function appended(runs: Runs, number: number): Runs {
  const last = runs.at(-1);
  return last !== undefined && number === last[1] + 1
    ? [...runs.slice(0, -1), [last[0], number]]
    : [...runs, [number, number]];
}

/** Each number, in the order in which they came. */
export function* numbersOf(runs: Runs): Iterable<number> {
  for (const [first, last] of runs) {
    for (let number = first; number <= last; number++) yield number;
  }
}
