import assert from "node:assert/strict";
import { guardedController } from "../../../runtime/base/guarded_signal.ts";

function fail(): never {
  throw new Error("boom");
}

Deno.test("an error of a listener of a guarded signal is reported, and the other listeners are called", async () => {
  const failures: string[] = [];
  const controller = guardedController((error) => failures.push((error as Error).message));
  const { signal } = controller;
  const heard: string[] = [];
  signal.addEventListener("abort", fail);
  signal.addEventListener("abort", { handleEvent: fail });
  signal.addEventListener("abort", () => Promise.reject(new Error("late")));
  signal.onabort = fail;
  signal.addEventListener("abort", function (this: AbortSignal, event) {
    heard.push(event.type, String(this === signal));
  });
  controller.abort(new Error("enough"));
  await Promise.resolve().then(() => {});
  assert.deepEqual(heard, ["abort", "true"]);
  assert.deepEqual(failures, ["boom", "boom", "boom", "late"]);
});

Deno.test("listeners of a guarded signal are removed, called once, and replaced like those of any other", () => {
  const controller = guardedController(() => assert.fail());
  const { signal } = controller;
  const heard: string[] = [];
  const note = () => heard.push("note");
  signal.addEventListener("abort", note);
  signal.addEventListener("abort", note);
  signal.addEventListener("abort", null as never);
  const gone = () => heard.push("gone");
  signal.addEventListener("abort", gone);
  signal.removeEventListener("abort", gone);
  signal.onabort = gone;
  signal.onabort = null;
  const on = () => heard.push("on");
  signal.onabort = on;
  assert.equal(signal.onabort, on);
  const any = AbortSignal.any([signal]);
  controller.abort();
  assert.deepEqual(heard, ["note", "on"]);
  assert.ok(any.aborted);
});
