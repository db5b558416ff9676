import type { DelayOptions } from "../language/when.ts";
import type { Operation } from "../language/protocol.ts";
import type { Clock } from "../base/clock.ts";
import { timeAfter } from "../base/times.ts";

/** How long a message waits before it takes its place in the mailbox. */
export interface Delay {
  /** When it is due, in milliseconds since 1970. */
  readonly dueMs: number;
  /** The same from the moment of sending, in milliseconds. */
  readonly delayMs: number;
  /** Whether a time of day was given, and not a delay. */
  readonly atTime: boolean;
}

/**
 * The delay of a send; `undefined` if it is due at once. Throws a `RangeError` if it is no time, or both were given, and
 * a `TypeError` if the mode of the operation has none.
 */
export function delayOf(
  operation: Operation,
  { afterMs, at }: { readonly [Option in keyof DelayOptions]?: unknown },
  clock: Pick<Clock, "now">,
): Delay | undefined {
  if (afterMs === undefined && at === undefined) return undefined;
  const nowMs = clock.now();
  const { protocol, name, mode } = operation;
  if ((mode !== "tell" && mode !== "submit") || protocol.startsWith("~")) {
    const what = protocol.startsWith("~") ? "a publication" : `${protocol} ${name}`;
    throw new TypeError(`Cannot delay ${what}: only a tell or a submit can be delayed`);
  }
  if (afterMs !== undefined && at !== undefined) {
    throw new RangeError("Cannot use afterMs and at: a message is due after a delay or at a time");
  }
  if (at !== undefined) {
    const dueMs = at instanceof Date ? at.getTime() : NaN;
    if (Number.isNaN(dueMs)) throw unusable("at", "a valid date", at);
    return dueMs > nowMs ? { dueMs, delayMs: dueMs - nowMs, atTime: true } : undefined;
  }
  if (typeof afterMs !== "number" || !Number.isFinite(afterMs) || afterMs < 0) {
    throw unusable("afterMs", "a finite number of milliseconds of at least 0", afterMs);
  }
  const dueMs = timeAfter(nowMs, afterMs);
  return afterMs > 0 ? { dueMs, delayMs: dueMs - nowMs, atTime: false } : undefined;
}

function unusable(option: string, must: string, value: unknown): RangeError {
  return new RangeError(`Cannot use ${option}: it must be ${must}: current value is ${String(value)}`);
}
