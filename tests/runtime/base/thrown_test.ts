import assert from "node:assert/strict";
import { DeadlockError, PosthornError, RetryableError, TerminalError } from "../../../runtime/base/errors.ts";
import { errorOfReason, reasonOf } from "../../../runtime/ports/dead_letters.ts";
import { codeOf, isThrown, retryAfterMsOf } from "../../../runtime/base/thrown.ts";
import { oddThings } from "../odd_things.ts";

Deno.test("whatever was thrown can be asked what it is, and nothing throws at it", () => {
  for (const [name, make] of oddThings) {
    const thrown = make();
    for (const type of [Error, PosthornError, TerminalError, RetryableError]) isThrown(thrown, type);
    assert.equal(typeof codeOf(thrown, "otherwise"), "string", name);
    assert.ok((retryAfterMsOf(thrown) ?? 0) >= 0, name);
    assert.equal(typeof reasonOf(thrown), "string", name);
    const told = errorOfReason(reasonOf(thrown), "it failed", thrown);
    assert.ok(told instanceof PosthornError, name);
    assert.deepEqual([typeof told.code, typeof told.message], ["string", "string"], name);
  }
});

Deno.test("an error of the runtime says its code, and what is none another", () => {
  assert.equal(codeOf(new TerminalError("no", { code: "refused" }), "failed"), "refused");
  assert.equal(codeOf(new DeadlockError(["a/1", "a/1"]), "failed"), "cycle");
  assert.equal(codeOf(new Error("no"), "failed"), "failed");
  assert.equal(codeOf(Object.assign(new TerminalError("no"), { code: 7 }), "failed"), "failed");
});

Deno.test("a RetryableError says how long it wants to wait, unless that has become no number", () => {
  const error = new RetryableError("busy", { afterMs: 5 });
  assert.equal(retryAfterMsOf(error), 5);
  assert.equal(retryAfterMsOf(Object.assign(error, { afterMs: "soon" })), undefined);
  assert.equal(retryAfterMsOf(Object.assign(error, { afterMs: NaN })), undefined);
  assert.equal(retryAfterMsOf(new Error("no")), undefined);
});
