import assert from "node:assert/strict";
import { type ActorOptions, RetryableError, TerminalError } from "@posthorn/posthorn";
import { backoffMs, type FailedTurn, Supervisor } from "../../../runtime/turns/supervisor.ts";
import { worker } from "../memory_stage.ts";

/** The highest or lowest possible random number. */
const always = (number: number) => ({ next: () => number, ulid: () => "" });
const highest = always(1 - Number.EPSILON);

function supervisor(
  traits: Pick<ActorOptions<string, unknown, unknown>, "retry" | "onFailure" | "limit"> = {},
) {
  const supervising = new Supervisor(worker(traits), always(0));
  const turn: FailedTurn = { error: new Error("boom"), attempt: 1, mode: "tell", monotonicMs: 0 };
  return (parts: Partial<FailedTurn> = {}) => supervising.decide({ ...turn, ...parts });
}

Deno.test("Supervisor restarts and retries by default", () => {
  assert.deepEqual(supervisor()(), { directive: "restart", retryAfterMs: 250 });
});

Deno.test("Supervisor tries again up to the last attempt", () => {
  const decide = supervisor({ retry: { attempts: 3 } });
  const tries = [1, 2, 3, 4].map((attempt) => decide({ attempt }).retryAfterMs !== undefined);
  assert.deepEqual(tries, [true, true, false, false]);
});

Deno.test("Supervisor never tries an ask or a survey again", () => {
  const tries = (["tell", "ask", "submit", "survey"] as const).filter((mode) =>
    supervisor()({ mode }).retryAfterMs !== undefined
  );
  assert.deepEqual(tries, ["tell", "submit"]);
});

Deno.test("Supervisor does not retry an ask, also after a RetryableError", () => {
  const error = new RetryableError("busy", { afterMs: 1 });
  assert.equal(supervisor()({ error, mode: "ask" }).retryAfterMs, undefined);
});

Deno.test("Supervisor waits as long as a RetryableError says, up to the last attempt", () => {
  const decide = supervisor({ retry: { attempts: 2, maxMs: 10 } });
  const error = new RetryableError("busy", { afterMs: 12_345 });
  assert.equal(decide({ error, attempt: 1 }).retryAfterMs, 12_345);
  assert.equal(decide({ error, attempt: 2 }).retryAfterMs, undefined);
});

Deno.test("Supervisor neither tries again nor blames the actor for a TerminalError", () => {
  const decide = supervisor({ limit: { restarts: 1 } });
  const error = new TerminalError("No.");
  for (let count = 0; count < 5; count++) {
    assert.deepEqual(decide({ error }), { directive: "resume", retryAfterMs: undefined });
  }
  assert.equal(decide().directive, "restart");
  assert.deepEqual(supervisor({ onFailure: "escalate" })({ error }).directive, "resume");
});

Deno.test("Supervisor tries nothing again of an actor that ends", () => {
  for (const onFailure of ["stop", "escalate"] as const) {
    assert.deepEqual(supervisor({ onFailure })(), { directive: onFailure, retryAfterMs: undefined });
  }
});

Deno.test("Supervisor resumes for ever with onFailure resume", () => {
  const decide = supervisor({ onFailure: "resume", limit: { restarts: 0 } });
  for (let count = 0; count < 50; count++) assert.equal(decide().directive, "resume");
});

Deno.test("Supervisor stops at the restart above the limit, and restarts again when the window has passed", () => {
  const decide = supervisor({ limit: { restarts: 2, windowMs: 100 } });
  const at = (monotonicMs: number) => decide({ monotonicMs }).directive;
  assert.deepEqual([0, 50, 99, 100, 149, 150].map(at), [
    "restart",
    "restart",
    "stop",
    "restart",
    "stop",
    "restart",
  ]);
});

Deno.test("Supervisor never restarts with a limit of none", () => {
  assert.equal(supervisor({ limit: { restarts: 0 } })().directive, "stop");
});

Deno.test("backoffMs doubles with each attempt, up to its most", () => {
  const retry = { attempts: 8, baseMs: 500, maxMs: 60_000, order: "hold" } as const;
  const whole = [1, 2, 3, 7, 8, 2_000].map((attempt) => Math.round(backoffMs(attempt, retry, highest)));
  assert.deepEqual(whole, [500, 1_000, 2_000, 32_000, 60_000, 60_000]);
  const least = [1, 2, 8].map((attempt) => backoffMs(attempt, retry, always(0)));
  assert.deepEqual(least, [250, 500, 30_000]);
});

Deno.test("Supervisor does not restart for what shall be tried later, nor count it", () => {
  const decide = supervisor({ limit: { restarts: 1 } });
  const error = new RetryableError("busy", { afterMs: 7 });
  for (const attempt of [1, 2, 3]) {
    assert.deepEqual(decide({ error, attempt }), { directive: "resume", retryAfterMs: 7 });
  }
  assert.equal(decide().directive, "restart");
});
