import assert from "node:assert/strict";
import type { Report } from "./history.ts";
import { Supervisor } from "./supervisor.ts";

/** A worker that says how often it has started and what it is told, until its input ends. */
const script = `
  const say = (report) => console.log(JSON.stringify(report));
  say({ is: "note", text: "start " + Deno.args[0] });
  if (Deno.args[0] === Deno.args[1]) throw new Error("it was told to fail");
  for await (const command of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    say({ is: "note", text: "told " + command.trim() });
    say({ is: "done", command: command.trim() });
  }
  say({ is: "note", text: "end" });
`;

/** Writes the script of the workers; the end of the test removes it. */
async function scriptFile() {
  const path = await Deno.makeTempFile({ suffix: ".js" });
  await Deno.writeTextFile(path, script);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

function notes(heard: string[], wanted: string, then: () => void) {
  return (report: Report, worker: string) => {
    if (report.is === "note") heard.push(`${worker}: ${report.text}`);
    if (heard.at(-1) === wanted) then();
  };
}

Deno.test("a worker that is killed starts again, and the others go on", async () => {
  await using file = await scriptFile();
  const heard: string[] = [];
  const both = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  await using supervisor = new Supervisor({
    workers: { a: [file.path, "{start}"], b: [file.path, "{start}"] },
    broker: { start: () => Promise.resolve(), kill: () => Promise.resolve() },
    onReport(report, worker) {
      notes(heard, "a: start 2", again.resolve)(report, worker);
      if (heard.length === 2) both.resolve();
    },
  });
  await both.promise;
  await supervisor.carryOut({ atMs: 0, target: "a", backAfterMs: 0 });
  await again.promise;
  await supervisor.tell("report");
  await supervisor.end();
  assert.deepEqual(heard.filter((line) => line.startsWith("a")), [
    ...["a: start 1", "a: start 2", "a: told report", "a: end"],
  ]);
  assert.deepEqual(heard.filter((line) => line.startsWith("b")), [
    ...["b: start 1", "b: told report", "b: end"],
  ]);
  assert.deepEqual(supervisor.failures, []);
});

Deno.test("a worker that ends by itself is a failure, with what it said", async () => {
  await using file = await scriptFile();
  const heard: string[] = [];
  await using supervisor = new Supervisor({
    workers: { a: [file.path, "{start}", "1"] },
    broker: { start: () => Promise.resolve(), kill: () => Promise.resolve() },
    onReport: notes(heard, "", () => {}),
  });
  await assert.rejects(supervisor.tell("report"), /ended with 1[^]*it was told to fail/);
  assert.equal(supervisor.failures.length, 1);
});

Deno.test("the broker is killed and started by the schedule, and the run waits for it", async () => {
  const calls: string[] = [];
  const steps: string[] = [];
  await using supervisor = new Supervisor({
    workers: {},
    broker: {
      start: () => Promise.resolve(void calls.push("start")),
      kill: () => Promise.resolve(void calls.push("kill")),
    },
    onReport: () => {},
    onStep: (step) => steps.push(step),
  });
  await supervisor.run(0, [
    { atMs: 0, target: "broker", backAfterMs: 0 },
    { atMs: 20, target: "broker", backAfterMs: 0 },
  ]);
  assert.deepEqual(calls, ["kill", "start", "kill", "start"]);
  assert.deepEqual(steps.slice(0, 2), ["broker is killed", "broker runs again"]);
});

Deno.test("a worker that does not end when its input does is killed, and a failure", async () => {
  const path = await Deno.makeTempFile({ suffix: ".js" });
  await Deno.writeTextFile(
    path,
    'setInterval(() => {}, 1_000); console.log(`{ "is": "note", "text": "ready" }`);',
  );
  const ready = Promise.withResolvers<void>();
  await using supervisor = new Supervisor({
    workers: { a: [path] },
    broker: { start: () => Promise.resolve(), kill: () => Promise.resolve() },
    onReport: () => ready.resolve(),
    endTimeoutMs: 50,
  });
  await ready.promise;
  await supervisor.end();
  assert.deepEqual(supervisor.failures.map(({ message }) => message), ["Worker a does not end within 50 ms"]);
  await Deno.remove(path);
});
