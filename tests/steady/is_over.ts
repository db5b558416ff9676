import { decodeValue } from "../../runtime/durable/rows/value_codec.ts";

/** How long after its expiry a row may still exist: stores delete lazily. */
const slackMs = 180_000;

/** Whether a row has no reason to exist when nothing waits, nothing is scheduled and nobody is subscribed. */
export function isOver(key: string, value: Uint8Array, nowMs: number): boolean {
  switch (key.split("\u001f")[0]) {
    case "mark":
      if (value.length === 0) return false; // a receipt of a commit: it is deleted ten minutes later
      /* falls through */
    case "reply":
      return decodeValue<{ readonly untilMs: number }>(value).head.untilMs + slackMs < nowMs;
    case "actor":
    case "event":
    case "dead":
    case "instance":
    case "ended": // they expire: after a day, an hour, five minutes, a minute
    case "erased":
    case "left":
    case "paused": // it stays when nothing is paused any more
    case "proof":
    case "sent":
      return false;
    default:
      return true; // mail, index, answer, timer, schedule, subscriber, subscribed, and unknown kinds
  }
}
