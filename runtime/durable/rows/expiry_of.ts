import { surveyOf } from "../../messages/builtin_protocols.ts";
import { answered } from "./keys.ts";
import { readableHead } from "./readable_head.ts";

/** How long stores keep a row after the time that it names, as those who write it say. */
const slackMs = 60_000;
/** The longest time for which rows are kept whose value does not say how long, in milliseconds. */
const keptMs: Readonly<Record<string, number>> = {
  ended: 86_400_000,
  erased: 86_700_000,
  left: 60_000,
};
const receiptMs = 600_000;
const answerMs = 3_600_000;

/**
 * When a store may delete a row that is written anew, in milliseconds since 1970; `undefined` for never. Stores do not
 * tell it, so it is what the row says. A row that does not say it is kept for as long as rows of its kind are at most.
 */
export function expiryOf(key: string, value: Uint8Array, nowMs: number): number | undefined {
  const [kind] = key.split("\u001f", 1);
  if (kind === "mark" && value.length === 0) return nowMs + receiptMs;
  if (kind === "mark" || kind === "reply" || kind === "expect") {
    const untilMs = readableHead<{ readonly untilMs?: number }>(value)?.untilMs;
    return untilMs === undefined ? undefined : untilMs + slackMs;
  }
  if (kind === "answer") {
    const deadlineMs = surveyOf(answered(key))?.deadlineMs ?? Infinity;
    return Math.min(deadlineMs + slackMs, nowMs + answerMs);
  }
  return kind in keptMs ? nowMs + keptMs[kind] : undefined;
}
