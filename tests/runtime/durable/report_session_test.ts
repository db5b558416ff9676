import assert from "node:assert/strict";
import type { Inspection } from "@posthorn/posthorn";
import { kinds, onEach, ref, Worker, worker } from "./durable_stage.ts";

type Committed = Extract<Inspection, { type: "committed" }>;

onEach(
  kinds,
  "an inspector is told of each commit, with its parts and the time that it took",
  async (stage) => {
    const system = await stage.start([worker()]);
    const commits: Committed[] = [];
    let done = 0;
    const listening = system.inspect((event) => {
      if (event.type === "committed") commits.push(event);
      else if (event.type === "done") done++;
    });
    for (let index = 0; index < 20; index++) void ref(system, `w${index}`).tell(Worker.note, "a");
    await stage.until("all are done", () => done === 20);
    const parts = commits.reduce((sum, { parts }) => sum + parts, 0);
    assert.ok(parts >= 20, `each turn, or its message, is a part: ${parts} parts`);
    assert.ok(
      commits.length < parts,
      `actors that are ready together commit together: ${commits.length} commits`,
    );
    for (const { tookMs } of commits) assert.ok(tookMs >= 0);

    listening[Symbol.dispose]();
    const before = commits.length;
    await ref(system, "late").tell(Worker.note, "a");
    await stage.settle();
    assert.equal(commits.length, before);
  },
);
