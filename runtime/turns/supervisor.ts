import type { Actor, OnFailure, RetryOptions } from "../language/actor.ts";
import { isUnstorable } from "../ports/dead_letters.ts";
import { RetryableError, TerminalError } from "../base/errors.ts";
import type { Mode } from "../language/protocol.ts";
import type { Random } from "../base/random.ts";
import { isThrown, retryAfterMsOf } from "../base/thrown.ts";

/** What a supervisor needs to know of a failed turn. */
export interface FailedTurn {
  readonly error: unknown;
  /** Which attempt failed, from 1. */
  readonly attempt: number;
  readonly mode: Mode;
  readonly monotonicMs: number;
}

/** What happens to the actor, and when the message is retried: never if `retryAfterMs` is absent. */
export interface Decision {
  readonly directive: OnFailure;
  readonly retryAfterMs: number | undefined;
}

/**
 * Decides what happens after a failed turn. Each actor that ever failed has one: it remembers the restarts of the last
 * window, and never allows more than the limit.
 */
export class Supervisor {
  readonly #actor: Actor;
  readonly #random: Random;
  /** The times of its restarts, oldest first: at most as many as the limit allows. */
  readonly #restarts: number[] = [];

  constructor(actor: Actor, random: Random) {
    this.#actor = actor;
    this.#random = random;
  }

  decide(turn: FailedTurn): Decision {
    // A refusal says nothing about the actor. What no commit can hold now, none will hold later.
    if (isThrown(turn.error, TerminalError) || isUnstorable(turn.error)) {
      return { directive: "resume", retryAfterMs: undefined };
    }
    if (isThrown(turn.error, RetryableError)) {
      return { directive: "resume", retryAfterMs: this.#retryAfterMs(turn) };
    }
    const directive = this.#directive(turn.monotonicMs);
    const ends = directive === "stop" || directive === "escalate";
    return { directive, retryAfterMs: ends ? undefined : this.#retryAfterMs(turn) };
  }

  #directive(nowMs: number): OnFailure {
    const { onFailure, limit } = this.#actor;
    if (onFailure !== "restart") return onFailure;
    while (this.#restarts.length > 0 && this.#restarts[0] <= nowMs - limit.windowMs) this.#restarts.shift();
    if (this.#restarts.length >= limit.restarts) return "stop";
    this.#restarts.push(nowMs);
    return "restart";
  }

  #retryAfterMs(turn: FailedTurn): number | undefined {
    const { retry } = this.#actor;
    // Whoever waits for the answer gets the failure at once, and may ask again.
    if (turn.mode === "ask" || turn.mode === "survey" || turn.attempt >= retry.attempts) return undefined;
    return retryAfterMsOf(turn.error) ?? backoffMs(turn.attempt, retry, this.#random);
  }
}

/** The delay after an attempt: it doubles from `baseMs` to `maxMs`, and a random part of up to half is taken off. */
export function backoffMs(attempt: number, retry: Required<RetryOptions>, random: Random): number {
  const wholeMs = Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1));
  return wholeMs * (0.5 + random.next() / 2);
}
