// Runs every benchmark at smoke size and checks its result.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { javaScriptIds, javaScriptPeers } from "../../bench/catalog.ts";
import { workloads } from "../../bench/workloads.ts";
import type { Smoke } from "./smoke_worker.ts";

const timeoutMs = 60_000;

/** On an older Deno a `setImmediate` takes a millisecond, and several peers need one for each message. */
const isFast = Number(Deno.version.deno.split(".")[1]) >= 9;
const ids = javaScriptIds.filter((id) => isFast || !javaScriptPeers.includes(id));

Deno.test("every workload of every contender that Deno alone can run comes to what it must", async (test) => {
  const smokes = await runAll();
  for (const id of ids) {
    const own = smokes.filter((smoke) => smoke.id === id);
    const began = [...new Set(own.map(({ workload }) => workload))];
    await test.step(id, () => {
      assert.ok(
        began.length > 0,
        `${id} ran nothing: ${JSON.stringify(smokes.at(-1))} was the last to begin`,
      );
      for (const name of began) {
        const ended = own.find(({ workload, check, error }) =>
          workload === name && (check ?? error) !== undefined
        );
        assert.ok(ended !== undefined, `${name} did not end within ${timeoutMs} ms`);
        assert.equal(ended.error, undefined, name);
        const { smokeSize, expected } = workloads.find((workload) => workload.id === name)!;
        assert.equal(ended.check, expected(smokeSize), name);
      }
    });
  }
});

Deno.test("Posthorn has every workload", async () => {
  const { contender } = await import("../../bench/contenders/posthorn.ts");
  const ids = (keys: readonly string[]) => keys.toSorted();
  assert.deepEqual(ids(Object.keys(contender.workloads)), ids(workloads.map(({ id }) => id)));
});

async function runAll(): Promise<readonly Smoke[]> {
  const worker = fileURLToPath(new URL("smoke_worker.ts", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--expose-gc", worker, ...ids],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const { stdout, stderr } = await child.output();
  clearTimeout(timer);
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith('{"id":'));
  assert.ok(lines.length > 0, new TextDecoder().decode(stderr));
  return lines.map((line) => JSON.parse(line));
}
