import { withoutLaterKeys } from "../messages/later.ts";
import type { Clock } from "../base/clock.ts";
import type { DeadLetter } from "./dead_letters.ts";
import { errorLine, safeLine } from "../base/error_text.ts";
import { escapeControls } from "../base/escape.ts";
import { callGuarded } from "../base/call_guarded.ts";
import type { InspectedMessage, Inspection } from "./inspection.ts";
import { RateLimit } from "../base/rate_limit.ts";

/**
 * Called for each line of a system's log, with the event that caused it: `failed`, the first failure of a
 * message that will be retried; `dead`, a dead letter; `callback-failed`, `unreadable` or `transport-failed`.
 */
export type Log = (line: string, event: Inspection) => void;

/** A fault that belongs to no message. */
export type Fault = Extract<
  Inspection,
  { type: "callback-failed" | "unreadable" | "transport-failed" }
>;

/** Logs failures, one line each, at a limited rate. */
export class FailureLog {
  readonly #log: Log | false;
  readonly #limit: RateLimit;

  /** `false` disables the log. */
  constructor(log: Log | false, clock: Clock) {
    this.#log = log;
    this.#limit = new RateLimit(clock);
  }

  /** Logs that a message failed and will be retried. Only the first failure of a message is logged. */
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

  /** Logs a dead letter. */
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

  /** Logs a fault that belongs to no message. */
  fault(event: Fault): void {
    if (this.#log === false || !this.#limit.take()) return;
    const what = event.type === "unreadable"
      ? `a row of the store cannot be read: ${safeLine(event.row)}`
      : event.type === "transport-failed"
      ? `the transport ${safeLine(event.transport)} failed`
      : event.callback === "erase"
      ? "an actor was not erased"
      : `a function that was given to ${event.callback} failed`;
    this.#tell(`${what}: ${errorLine(event.error)}`, event);
  }

  #tell(text: string, event: Inspection): void {
    const count = this.#limit.takeLeftOut();
    const leftOut = count === 0 ? "" : ` (${count} failures before it were left out)`;
    const line = escapeControls(`posthorn: ${withoutLaterKeys(text)}${leftOut}`);
    callGuarded(() => (this.#log as Log)(line, event), (error) => {
      // The failure of a log must neither undo the event that it reports nor lose either line.
      writeLine(line);
      writeLine(escapeControls(`posthorn: the log failed: ${errorLine(error)}`));
    });
  }
}

/** Writes a line to stderr. The default log of a system. */
export function writeLine(line: string): void {
  console.error(line);
}
