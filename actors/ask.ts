import { abortable } from "@std/async";
import type { AskOptions } from "../runtime/address.ts";
import type { Asker } from "../runtime/envelope.ts";
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
  try {
    options?.signal?.throwIfAborted();
    const timeoutMs = timeLeftMs(runtime, options?.timeoutMs ?? runtime.options.askTimeoutMs, turn);
    const what = `${operation.protocol}/${key} ${operation.name}`;
    const waiter = new Waiter(what, timeoutMs, options?.raw ?? false);
    const envelope = runtime.compose(operation, key, payload, {
      options: { ...options, timeoutMs },
      cause: turn,
      replyTo: waiter,
    });
    answer = runtime.seen.once(envelope, () => {
      if (turn === undefined) {
        const waiting = waiter.wait(runtime); // before it is sent: the answer may come at once
        try {
          runtime.accept(envelope);
        } catch (error) {
          waiter.end();
          throw error;
        }
        return waiting;
      }
      const target = runtime.receiver(envelope);
      const asker = runtime.find(turn.actor)!;
      asker.waitFor(target);
      const waiting = waiter.wait(runtime, () => asker.waitOver(target));
      runtime.deliver(envelope);
      return waiting;
    });
  } catch (error) {
    return Promise.reject(error);
  }
  return options?.signal === undefined ? answer : abortable(answer, options.signal);
}

/** An ask within a turn cannot outlast the message that the turn handles. */
function timeLeftMs(runtime: Runtime, timeoutMs: number, turn: Turn | undefined): number {
  requireDuration("timeoutMs", timeoutMs);
  if (turn === undefined || turn.envelope.deadlineMs === Infinity) return timeoutMs;
  return Math.max(Math.min(timeoutMs, turn.envelope.deadlineMs - runtime.clock.now()), 1);
}

/** Waits for one reply: a promise, a deadline, and whoever comes first. */
class Waiter implements Asker {
  readonly #what: string;
  readonly #timeoutMs: number;
  readonly #raw: boolean;
  over = false;
  #resolve!: (value: unknown) => void;
  #reject!: (error: PosthornError) => void;
  #timer: Timer | undefined;
  #onOver: (() => void) | undefined;

  constructor(what: string, timeoutMs: number, raw: boolean) {
    this.#what = what;
    this.#timeoutMs = timeoutMs;
    this.#raw = raw;
  }

  /** Begins to wait. `onOver` is called when the waiting is over, whatever ended it. */
  wait(runtime: Runtime, onOver?: () => void): Promise<unknown> {
    this.#onOver = onOver;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#timer = runtime.timers.set(
        this.#timeoutMs,
        () => this.fail(new DeadlineError(`Cannot ask ${this.#what}: no answer in ${this.#timeoutMs} ms`)),
        () => this.fail(new StoppedError(`Cannot ask ${this.#what}: the system has stopped`)),
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
