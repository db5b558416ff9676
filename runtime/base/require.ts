/** Throws a `RangeError` that names the option unless `value` is a whole number of at least `least`. */
export function requireInteger(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw unusable(option, `a whole number of at least ${least}`, value);
}

/** Throws a `RangeError` unless `value` is a whole number of `least` to `most`. */
export function requireWithin(option: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw unusable(option, `a whole number of ${least} to ${most}`, value);
}

/** Throws a `RangeError` unless `value` is a whole number of milliseconds that the timers of every platform can wait. */
export function requireTurnMs(option: string, value: number): void {
  requireWithin(option, value, 1, 2_147_483_647);
}

/** Throws a `RangeError` unless `value` is a number of milliseconds above 0, or `Infinity`. */
export function requireDuration(option: string, value: number): void {
  if (typeof value === "number" && value > 0) return;
  throw unusable(option, "a number of milliseconds above 0", value);
}

/** Throws a `RangeError` unless `value` is a number of milliseconds of at least 0, or `Infinity`. */
export function requireDelay(option: string, value: number): void {
  if (typeof value === "number" && value >= 0) return;
  throw unusable(option, "at least 0", value);
}

/** Throws a `RangeError` unless `value` is one of `known`. For programs that no compiler has checked. */
export function requireOneOf(option: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw unusable(option, `one of ${known.join(", ")}`, value);
}

/** Throws a `TypeError` unless `value` is a function. For programs that no compiler has checked. */
export function requireFunction(option: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot use ${option}: it must be a function: current value is ${shown(value)}`);
}

function unusable(option: string, what: string, value: unknown): RangeError {
  return new RangeError(`Cannot use ${option}: it must be ${what}: current value is ${shown(value)}`);
}

/** A value in words. A text is quoted, since it may look like the number that it should be. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
