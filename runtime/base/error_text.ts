import { withoutCredentials } from "./credentials.ts";
import { messageOf } from "./errors.ts";
import { escapeControls } from "./escape.ts";
import { shorten } from "./shorten.ts";

const causesMax = 4;
const messageUnitsMax = 2_000;
const framesMax = 12;

/**
 * A thrown value as text for a log: name and message on one line, then the stack, then the causes. Its words may come
 * from outside. So they cannot begin a line or control a terminal, and credentials in URLs are removed.
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

/** A thrown value on one line: name, message and the first frame of the stack. */
export function errorLine(error: unknown): string {
  const { words, frames: [place] } = look(error);
  return place === undefined ? safeLine(words) : `${safeLine(words)} ${safeLine(place)}`;
}

/**
 * Words as a part of one line. They are first cut at twice the length that is shown, so that URLs near the end are
 * whole.
 */
export function safeLine(words: string): string {
  const bounded = shorten(words, 2 * messageUnitsMax);
  return escapeControls(shorten(withoutCredentials(bounded), messageUnitsMax));
}

interface Looked {
  readonly words: string;
  readonly frames: readonly string[];
  readonly next: unknown;
}

/** Reads a thrown value, which may throw itself: it may be a revoked Proxy, or have a getter that throws. */
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

/** The frames of a stack: they come after the message, which may have lines that look like frames. */
function framesOf(stack: string, message: string): string[] {
  const at = stack.indexOf(message);
  const behind = at < 0 ? stack : stack.slice(at + message.length);
  return behind.split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at "))
    .slice(0, framesMax);
}
