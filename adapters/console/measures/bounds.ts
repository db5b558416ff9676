/** The bounds of the ranges in which times are counted, in milliseconds: each 1.5 times the one before, from 10 µs to 1 h. */
export const timeBoundsMs: readonly number[] = Array.from({ length: 49 }, (_, index) => 0.01 * 1.5 ** index);
