import { decodeValue } from "../../runtime/durable/rows/value_codec.ts";

/** So long after its time a row may still be there: stores take their time. */
const slackMs = 180_000;

/** Whether a row has no reason to be there once nothing waits, nothing is scheduled and nobody is subscribed. */
export function isOver(key: string, value: Uint8Array, nowMs: number): boolean {
  switch (key.split("\u001f")[0]) {
    case "mark":
      if (value.length === 0) return false; // a receipt of a commit: it goes ten minutes later
      /* falls through */
    case "reply":
      return decodeValue<{ readonly untilMs: number }>(value).head.untilMs + slackMs < nowMs;
    case "actor":
    case "event":
    case "dead":
    case "instance":
    case "ended": // they go by themselves: after a day, an hour, five minutes, a minute
    case "erased":
    case "left":
    case "proof":
    case "sent":
      return false;
    default:
      return true; // mail, index, answer, timer, schedule, subscriber, subscribed, and what nobody has heard of
  }
}
