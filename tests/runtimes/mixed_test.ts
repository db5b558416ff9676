// Processes of different runtimes on one file.

import { folder, Server } from "../runtime/durable/crash_fleet.ts";
import { requireNothingLost } from "../runtime/durable/crash_proofs.ts";
import { projectTest } from "./given.ts";
import { runtimes } from "./runtime.ts";
import { serverOn } from "./server_on.ts";

projectTest(
  "processes of Deno, Node and Bun on one file, killed in turns: nothing lost, nothing doubled",
  async (project) => {
    await using home = await folder();
    const path = `${home.path}/store`;
    const starts = [
      () => new Server("sqlite", path),
      ...Object.values(runtimes).map((runtime) => () => serverOn({ runtime, folder: project }, path)),
    ];
    let turn = 0;
    const start = () => starts[turn++ % starts.length]();
    await requireNothingLost(start, { seed: 11, rounds: 6, budgetMs: 6_000 });
  },
);
