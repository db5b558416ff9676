import assert from "node:assert/strict";
import { measure } from "../../bench/run.ts";

function program(code: string) {
  return { command: Deno.execPath(), args: ["eval", "--no-lock", code] };
}

Deno.test("measure() returns the outcome that the last line holds, whatever was printed before", async () => {
  const code =
    `console.log("started"); console.log(JSON.stringify({ elapsedMs: 2, check: 7, also: { bytes: 1 } }))`;
  assert.deepEqual(await measure(program(code), 7), {
    outcome: { elapsedMs: 2, check: 7, also: { bytes: 1 } },
  });
});

Deno.test("measure() gives the reason if there is no result", async () => {
  const reasonOf = async (code: string) => {
    const measurement = await measure(program(code), 7);
    return "reason" in measurement ? measurement.reason : measurement;
  };
  const reasons = await Promise.all([
    `console.log(JSON.stringify({ elapsedMs: 2, check: 8 }))`,
    `console.log(JSON.stringify({ elapsedMs: 0, check: 7 }))`,
    `console.log("null")`,
    `console.log("7 of 7")`,
    `throw new RangeError("too deep")`,
    `Deno.exit(3)`,
  ].map(reasonOf));
  assert.deepEqual(reasons, [
    "wrong result: 8 instead of 7",
    "took no time that can be measured",
    "printed no outcome",
    "printed no outcome",
    "RangeError: too deep",
    "ended with code 3",
  ]);
});

Deno.test("measure() ends a program that takes too long", async () => {
  const forever = program("setInterval(() => {}, 1_000)");
  assert.deepEqual(await measure(forever, 7, { timeoutMs: 50 }), { reason: "timed out" });
});

Deno.test("measure() ends the program and throws the signal's reason when it is aborted", async () => {
  const controller = new AbortController();
  const measured = measure(program("setInterval(() => {}, 1_000)"), 7, { signal: controller.signal });
  controller.abort(new Error("interrupted"));
  await assert.rejects(measured, { message: "interrupted" });
  await assert.rejects(measure(program("0"), 7, { signal: controller.signal }), { message: "interrupted" });
});
