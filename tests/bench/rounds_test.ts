import assert from "node:assert/strict";
import { type Candidate, sizeFor } from "../../bench/catalog.ts";
import { runRounds } from "../../bench/rounds.ts";
import type { Measurement } from "../../bench/run.ts";
import { workloads } from "../../bench/workloads.ts";

const [count, burst] = ["count", "burst"].map((id) => workloads.find((workload) => workload.id === id)!);

function candidate(id: string, divisors: Record<string, number> = {}): Candidate {
  return {
    id,
    label: id,
    form: "",
    kind: "peer",
    cores: 1,
    version: "",
    workloads: ["count"],
    divisors,
    command: (workload, size) => ({ command: id, args: [workload, String(size)] }),
  };
}

function run(candidates: readonly Candidate[], runs: number, answer: (id: string) => Measurement) {
  const order: string[] = [];
  const measure = ({ command }: { command: string }) => {
    order.push(command);
    return Promise.resolve(answer(command));
  };
  const results = runRounds(candidates, [count, burst], {
    runs,
    size: "full",
    measure,
    progress: () => {},
  });
  return results.then((byWorkload) => ({ order, byWorkload }));
}

Deno.test("runRounds() goes through the candidates backwards every other round", async () => {
  const { order } = await run(["a", "b", "c"].map((id) => candidate(id)), 3, () => ({ reason: "no" }));
  assert.deepEqual(order.join(""), "abccbaabc");
});

Deno.test("runRounds() keeps rates by round, what else was measured, and the reasons of failures", async () => {
  let round = 0;
  const { byWorkload } = await run([candidate("a")], 3, () => {
    if (++round === 2) return { reason: "crashed" };
    return { outcome: { elapsedMs: round * 1_000, check: 0, also: { bytes: round } } };
  });
  assert.deepEqual(byWorkload, {
    count: {
      a: {
        size: count.size,
        rates: [count.size, null, count.size / 3],
        also: { bytes: [1, 3] },
        failures: ["crashed"],
      },
    },
    burst: {},
  });
});

Deno.test("runRounds() tries again what crashed, but not what timed out", async () => {
  const { order, byWorkload } = await run(
    [candidate("crash"), candidate("late")],
    3,
    (id) => ({ reason: id === "late" ? "timed out" : "crashed" }),
  );
  assert.equal(order.filter((id) => id === "crash").length, 3);
  assert.equal(order.filter((id) => id === "late").length, 1);
  assert.deepEqual(byWorkload.count.late.rates, [null, null, null]);
});

Deno.test("sizeFor() divides the full size, into whole smoke sizes and never less than one", () => {
  assert.equal(sizeFor(candidate("a"), count, "full"), count.size);
  assert.equal(sizeFor(candidate("a"), count, "smoke"), 5_000);
  assert.equal(sizeFor(candidate("a", { count: 30 }), count, "full"), 30_000);
  assert.equal(sizeFor(candidate("a", { count: 1e9 }), count, "full"), 5_000);
});
