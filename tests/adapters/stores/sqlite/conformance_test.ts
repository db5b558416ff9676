import { sqlite, type SqliteOptions } from "@posthorn/posthorn/sqlite";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { temporary } from "../temporary.ts";

async function openTemporary(options: SqliteOptions) {
  const file = await temporary();
  return { store: sqlite(file.path, options), dispose: () => file[Symbol.asyncDispose]() };
}

const oneConnection = "two connections to :memory: are two databases";
const skip = {
  "another connection sees at once what was committed": oneConnection,
  "writes of a key by several connections never have the same version": oneConnection,
  "no reader sees only some of what a commit applies": oneConnection,
  "one of several concurrent changes of a key succeeds, and no change is lost": oneConnection,
  "a watcher is called soon after another connection commits, until it is disposed of": oneConnection,
  "a closed connection refuses calls, after those in progress have ended": oneConnection,
  "random calls of two connections in turns give what a map would": oneConnection,
};
const kinds = {
  "sqlite, full": storeConformance({ open: () => openTemporary({}) }),
  "sqlite, normal": storeConformance({ open: () => openTemporary({ synchronous: "normal" }) }),
  "sqlite, :memory:": storeConformance({ open: () => ({ store: sqlite(":memory:") }), skip }),
};
for (const [kind, cases] of Object.entries(kinds)) {
  for (const { name, skipped, run } of cases) {
    Deno.test({ name: `${kind}: ${name}`, ignore: skipped !== undefined, fn: run });
  }
}
