import { withoutCredentials } from "./credentials.ts";
import { messageOf } from "./errors.ts";
import { escapeControls } from "./escape.ts";
import { shorten } from "./shorten.ts";

const causesMax = 4;
const messageUnitsMax = 2_000;
const framesMax = 12;

/**
 * What was thrown, for a log: name and message on one line, then where it was thrown, then its causes. Its words may
 * come from outside, so nothing in them begins a line or reaches a terminal as anything but text, and no credentials of a
 * URL are in them.
 */
export function errorText(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error, depth = 0; cause !== undefined && depth <= causesMax; depth++) {
    const { words, frames, next } = look(cause);
    lines.push(`${depth === 0 ? "" : "Caused by: "}${safeLine(words)}`);
    lines.push(...frames.map((frame) => `    ${safeLine(frame)}`));
    cause = next;
  }
  return lines.join("\n");
}

/** The same on one line: what was thrown, and where. */
export function errorLine(error: unknown): string {
  const { words, frames: [place] } = look(error);
  return place === undefined ? safeLine(words) : `${safeLine(words)} ${safeLine(place)}`;
}

/** Words as a part of one line. Cut behind what is shown first, so that no URL is cut before its credentials can be seen. */
export function safeLine(words: string): string {
  const bounded = shorten(words, 2 * messageUnitsMax);
  return escapeControls(shorten(withoutCredentials(bounded), messageUnitsMax));
}

interface Looked {
  readonly words: string;
  readonly frames: readonly string[];
  readonly next: unknown;
}

/** Whoever throws may throw what cannot be asked: a revoked Proxy, a getter that throws. */
function look(error: unknown): Looked {
  try {
    if (!(error instanceof Error)) return { words: messageOf(error), frames: [], next: undefined };
    const { name, message, stack, cause } = error;
    const words = `${name}: ${message}`;
    return { words, frames: framesOf(`${stack ?? ""}`, `${message}`), next: cause };
  } catch {
    return { words: "what was thrown cannot be looked at", frames: [], next: undefined };
  }
}

/** The lines of a stack that say where: behind the message, which may have lines that look like them. */
function framesOf(stack: string, message: string): string[] {
  const at = stack.indexOf(message);
  const behind = at < 0 ? stack : stack.slice(at + message.length);
  return behind.split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at "))
    .slice(0, framesMax);
}
