import type { Clock } from "../base/clock.ts";
import type { DeadLetter } from "./dead_letters.ts";
import { errorLine, safeLine } from "../base/error_text.ts";
import { escapeControls } from "../base/escape.ts";
import { callGuarded } from "../base/call_guarded.ts";
import type { InspectedMessage, Inspection } from "./inspection.ts";
import { RateLimit } from "../base/rate_limit.ts";

/**
 * Hears each line of a system's log, and what happened: `failed`, the first time that a message fails and will be tried
 * again; `dead`, a message that will not be delivered; `callback-failed` or `unreadable`.
 */
export type Log = (line: string, event: Inspection) => void;

/** Tells of failures, a line each. */
export class FailureLog {
  readonly #log: Log | false;
  readonly #limit: RateLimit;

  /** `false` tells nobody. */
  constructor(log: Log | false, clock: Clock) {
    this.#log = log;
    this.#limit = new RateLimit(clock);
  }

  /** A message has failed, and is tried again after that long. Only its first failure is told. */
  failed(message: () => InspectedMessage, error: unknown, attempt: number, retryAfterMs: number): void {
    if (attempt > 1 || this.#log === false || !this.#limit.take()) return;
    const failed = message();
    const { protocol, key, operation } = failed;
    const again = `it is tried again after ${Math.round(retryAfterMs)} ms`;
    this.#tell(`${protocol}/${key} ${operation} failed, ${again}: ${errorLine(error)}`, {
      type: "failed",
      message: failed,
      error,
    });
  }

  /** A message will not be delivered. */
  dead(letter: DeadLetter, error?: unknown): void {
    if (this.#log === false || !this.#limit.take()) return;
    const { id, protocol, key, operation, reason, message, attempts } = letter;
    const tried = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
    const words = safeLine(message);
    const why = error === undefined ? words : `${words} (${errorLine(error)})`;
    this.#tell(`dead letter ${id} to ${protocol}/${key} ${operation}, ${reason} after ${tried}: ${why}`, {
      type: "dead",
      letter,
    });
  }

  /** What belongs to no message went wrong. */
  fault(event: Extract<Inspection, { type: "callback-failed" | "unreadable" }>): void {
    if (this.#log === false || !this.#limit.take()) return;
    const what = event.type === "unreadable"
      ? `a row of the store cannot be read: ${safeLine(event.row)}`
      : `a function that was given to ${event.callback} failed`;
    this.#tell(`${what}: ${errorLine(event.error)}`, event);
  }

  #tell(text: string, event: Inspection): void {
    const count = this.#limit.takeLeftOut();
    const leftOut = count === 0 ? "" : ` (${count} failures before it were left out)`;
    const line = escapeControls(`posthorn: ${text}${leftOut}`);
    callGuarded(() => (this.#log as Log)(line, event), (error) => {
      // A log that fails must not undo what it hears of, and neither may be lost.
      writeLine(line);
      writeLine(escapeControls(`posthorn: the log failed: ${errorLine(error)}`));
    });
  }
}

/** Writes a line to stderr: the log of a system that names no other. */
export function writeLine(line: string): void {
  console.error(line);
}
