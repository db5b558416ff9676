import { abortable } from "@std/async";
import type { AskOptions } from "../runtime/address.ts";
import type { Asker, Envelope } from "../runtime/envelope.ts";
import { DeadlineError, type PosthornError, requireDuration, StoppedError } from "../runtime/errors.ts";
import type { Operation } from "../runtime/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Timer } from "../runtime/timers.ts";
import type { Turn } from "../runtime/turn.ts";

/**
 * Request / synchronous response: one envelope to one actor, whose `replyTo` is a promise that waits in this process
 * until the deadline. The deadline travels with the message: work that nobody waits for any more is not started.
 */
export function ask(
  runtime: Runtime,
  operation: Operation,
  key: string,
  payload: unknown,
  options: AskOptions | undefined,
  turn?: Turn,
): Promise<unknown> {
  let answer: Promise<unknown>;
  let waiting: Waiter | undefined;
  try {
    options?.signal?.throwIfAborted();
    const nowMs = runtime.clock.now();
    const timeoutMs = timeLeftMs(nowMs, options?.timeoutMs ?? runtime.options.askTimeoutMs, turn);
    const waiter = new Waiter(timeoutMs, options?.raw ?? false, lateAnswer);
    const envelope = runtime.compose(operation, key, payload, {
      options,
      cause: turn,
      replyTo: waiter,
      deadlineMs: nowMs + timeoutMs,
    });
    if (envelope.scope === undefined) waiting = waiter; // else others may wait for the same answer
    answer = envelope.scope === undefined
      ? sendAsk(runtime, envelope, waiter, turn)
      : runtime.seen.once(envelope, () => sendAsk(runtime, envelope, waiter, turn));
  } catch (error) {
    return Promise.reject(error);
  }
  return options?.signal === undefined
    ? answer
    : abortable(answer, options.signal).finally(() => waiting?.end());
}

/** How long a turn may wait: never longer than whoever waits for the turn. */
export function timeLeftMs(nowMs: number, timeoutMs: number, turn: Turn | undefined): number {
  requireDuration("timeoutMs", timeoutMs);
  if (turn === undefined || turn.envelope.deadlineMs === Infinity) return timeoutMs;
  return Math.max(Math.min(timeoutMs, turn.envelope.deadlineMs - nowMs), 1);
}

/** Sends the envelope and waits; the waiting begins first, since the answer may come at once. */
export function sendAsk(
  runtime: Runtime,
  envelope: Envelope,
  waiter: Waiter,
  turn?: Turn,
): Promise<unknown> {
  if (turn !== undefined) {
    envelope.check(); // before its receiver is made for it
    const target = runtime.receiver(envelope);
    const asker = runtime.find(turn.actor)!;
    asker.waitFor(target);
    const answer = waiter.wait(runtime, envelope, () => asker.waitOver(target));
    runtime.deliver(envelope);
    return answer;
  }
  const answer = waiter.wait(runtime, envelope);
  try {
    runtime.accept(envelope);
  } catch (error) {
    waiter.end();
    throw error;
  }
  return answer;
}

function lateAnswer(envelope: Envelope, timeoutMs: number): PosthornError {
  return new DeadlineError(`Cannot ask ${envelope}: no answer in ${timeoutMs} ms`);
}

/** Waits for one reply: a promise, a deadline, and whoever comes first. */
export class Waiter implements Asker {
  readonly #timeoutMs: number;
  readonly #raw: boolean;
  readonly #late: (envelope: Envelope, timeoutMs: number) => PosthornError;
  over = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: PosthornError) => void;
  #timer: Timer | undefined;
  #onOver: (() => void) | undefined;

  /** `late` makes the error when the time is up; `raw` resolves with the reply as it travels. */
  constructor(
    timeoutMs: number,
    raw: boolean,
    late: (envelope: Envelope, timeoutMs: number) => PosthornError,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#raw = raw;
    this.#late = late;
  }

  /** Begins to wait. `onOver` is called when the waiting is over, whatever ended it. */
  wait(runtime: Runtime, envelope: Envelope, onOver?: () => void): Promise<unknown> {
    this.#onOver = onOver;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#timer = runtime.timers.set(
        this.#timeoutMs,
        () => this.fail(this.#late(envelope, this.#timeoutMs)),
        () => this.fail(new StoppedError(`Cannot ask ${envelope}: the system has stopped`)),
      );
    });
  }

  reply(output: unknown, input: unknown): void {
    this.end();
    this.#resolve(this.#raw ? input : output);
  }

  fail(error: PosthornError): void {
    this.end();
    this.#reject(error);
  }

  /** Waits no longer, for whatever reason. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.#timer?.cancel();
    this.#onOver?.();
  }
}
