import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { backoffMs, Supervisor } from "../../runtime/turns/supervisor.ts";
import { worker } from "../runtime/memory_stage.ts";

Deno.test("Supervisor never restarts more often than its limit in any window, and stops only at the limit", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.nat(30), { maxLength: 200 }),
      (restarts, windowMs, gapsMs) => {
        const supervisor = new Supervisor(worker({ limit: { restarts, windowMs } }), seededRandom(1));
        const restarted: number[] = [];
        let monotonicMs = 0;
        for (const gapMs of gapsMs) {
          monotonicMs += gapMs;
          const { directive } = supervisor.decide({ error: "boom", attempt: 1, mode: "tell", monotonicMs });
          const before = restarted.filter((atMs) => atMs > monotonicMs - windowMs).length;
          assert.equal(directive, before < restarts ? "restart" : "stop");
          if (directive === "restart") restarted.push(monotonicMs);
        }
        for (const fromMs of restarted) {
          const within = restarted.filter((atMs) => atMs >= fromMs && atMs < fromMs + windowMs);
          assert(within.length <= restarts);
        }
      },
    ),
    { seed: 3, numRuns: 300 },
  );
});

Deno.test("backoffMs stays between half and whole of what doubles up to its most", () => {
  const number = fc.double({ min: 0.001, max: 1e7, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      number,
      number,
      fc.integer(),
      (attempt, baseMs, maxMs, seed) => {
        const waitMs = backoffMs(
          attempt,
          { attempts: 100, baseMs, maxMs, order: "hold" },
          seededRandom(seed),
        );
        const wholeMs = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
        assert(waitMs >= wholeMs / 2 && waitMs <= wholeMs);
      },
    ),
    { seed: 4, numRuns: 300 },
  );
});
