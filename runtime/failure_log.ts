import type { Clock } from "./clock.ts";
import type { DeadLetter } from "./dead_letters.ts";
import { escapeControls } from "./escape.ts";
import type { InspectedMessage, Inspection } from "./inspection.ts";

/**
 * Hears each line of a system's log, and what happened: `failed`, the first time that a message fails and will be tried
 * again; or `dead`, a message that will not be delivered.
 */
export type Log = (line: string, event: Inspection) => void;

/** The most lines within one window; how many more there were is said with the next. */
const linesMax = 20;
const windowMs = 1_000;
/** The most characters of what an error says. */
const errorLengthMax = 1_000;

/** Tells of failures, a line each. */
export class FailureLog {
  readonly #log: Log | false;
  readonly #clock: Clock;
  #windowStartMs = -Infinity;
  #lines = 0;
  #leftOut = 0;

  /** `false` tells nobody. */
  constructor(log: Log | false, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** A message has failed, and is tried again after that long. Only its first failure is told. */
  failed(message: () => InspectedMessage, error: unknown, attempt: number, retryAfterMs: number): void {
    if (attempt > 1 || this.#log === false || !this.#mayTell()) return;
    const failed = message();
    const { protocol, key, operation } = failed;
    const again = `it is tried again after ${Math.round(retryAfterMs)} ms`;
    this.#tell(`${protocol}/${key} ${operation} failed, ${again}: ${textOf(error)}`, {
      type: "failed",
      message: failed,
      error,
    });
  }

  /** A message will not be delivered. */
  dead(letter: DeadLetter, error?: unknown): void {
    if (this.#log === false || !this.#mayTell()) return;
    const { id, protocol, key, operation, reason, message, attempts } = letter;
    const tried = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
    const why = error === undefined ? message : `${message} (${textOf(error)})`;
    this.#tell(`dead letter ${id} to ${protocol}/${key} ${operation}, ${reason} after ${tried}: ${why}`, {
      type: "dead",
      letter,
    });
  }

  /** Says what was left out, if anything was. */
  #mayTell(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines < linesMax) {
      this.#lines++;
      return true;
    }
    this.#leftOut++;
    return false;
  }

  #tell(text: string, event: Inspection): void {
    const leftOut = this.#leftOut === 0 ? "" : ` (${this.#leftOut} failures before it were left out)`;
    this.#leftOut = 0;
    const line = escapeControls(`posthorn: ${text}${leftOut}`);
    try {
      (this.#log as Log)(line, event);
    } catch (error) {
      // A log that fails must not undo what it hears of, and neither may be lost.
      writeLine(line);
      writeLine(escapeControls(`posthorn: the log failed: ${textOf(error)}`));
    }
  }
}

/** Writes a line to stderr: the log of a system that names no other. */
export function writeLine(line: string): void {
  console.error(line);
}

/** What an error says of itself, and where it was thrown. */
function textOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return cut(`thrown: ${String(error)}`);
    const place = /^\s+at .*$/m.exec(error.stack ?? "")?.[0].trim();
    const text = cut(`${error.name}: ${error.message}`);
    return place === undefined ? text : `${text} ${place}`;
  } catch {
    return "what was thrown cannot be shown"; // a Proxy, or a getter that throws
  }
}

function cut(text: string): string {
  return text.length <= errorLengthMax ? text : `${text.slice(0, errorLengthMax)}…`;
}
