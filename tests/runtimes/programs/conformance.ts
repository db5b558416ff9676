// Runs the cases for stores over those that every runtime has.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { storeConformance, type StoreConformanceOptions } from "@posthorn/posthorn/testing/conformance";
import { tryOut } from "./say.ts";

const kinds: Readonly<Record<string, StoreConformanceOptions["open"]>> = {
  memory: () => ({ store: memoryStore() }),
  async sqlite() {
    const folder = await mkdtemp(`${tmpdir()}/posthorn-runtimes-`);
    return { store: sqlite(`${folder}/one.db`), dispose: () => rm(folder, { recursive: true }) };
  },
};
for (const [kind, open] of Object.entries(kinds)) {
  for (const { name, run } of storeConformance({ open })) await tryOut(`${kind}: ${name}`, run);
}
