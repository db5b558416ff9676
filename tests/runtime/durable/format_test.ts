// A store says which format its rows have, and what it is called.

import assert from "node:assert/strict";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { proofKey } from "../../../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import { kinds, notesOf, onEach, ref, type Stage, Worker, worker } from "./durable_stage.ts";

async function connected<Result>(stage: Stage, act: (connection: StoreConnection) => Promise<Result>) {
  const connection = await stage.store.open({ clock: stage.clock });
  try {
    return await act(connection);
  } finally {
    await connection.close();
  }
}

function proofOf(stage: Stage) {
  return connected(stage, async (connection) => {
    const [row] = await connection.read([proofKey]);
    return decodeValue<Record<string, unknown>>(row!.value).head;
  });
}

function write(stage: Stage, head: unknown) {
  return connected(stage, async (connection) => {
    const part = { checks: [], writes: [{ key: proofKey, value: encodeValue(head, "") }], removals: [] };
    await connection.commit([part]);
  });
}

onEach(kinds, "a store has the format and the name that its first process gave it", async (stage) => {
  await stage.kill(await stage.start([worker()]));
  const first = await proofOf(stage);
  assert.equal(first.format, 1);
  assert.match(first.store as string, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  await stage.kill(await stage.start([worker()]));
  assert.deepEqual(await proofOf(stage), first);
});

onEach(
  kinds,
  "a store of a time before it had a name gets one, and keeps since when it has kept data",
  async (stage) => {
    await write(stage, { instance: "0".repeat(26), atMs: 5 });
    const system = await stage.start([worker()]);
    const { store, ...others } = await proofOf(stage);
    assert.deepEqual(others, { instance: "0".repeat(26), atMs: 5, format: 1 });
    assert.equal(typeof store, "string");
    if (stage.store.traits.durability !== "nothing") {
      assert.equal(system.health.store?.reason, "it has kept data since 1970-01-01T00:00:00.005Z");
    }
  },
);

onEach(
  kinds,
  "a store of an unknown format is refused with words, and nothing is written to it",
  async (stage) => {
    const head = { instance: "0".repeat(26), atMs: 5, format: 2, store: "X" };
    await write(stage, head);
    const system = stage.begin([worker()]);
    const { name } = stage.store.traits;
    await assert.rejects(system.ready(), {
      code: "unknown-format",
      message: `Cannot open ${name}: its rows have the format 2, and this program knows the format 1`,
    });
    await assert.rejects(ref(system, "ada").tell(Worker.note, "one"), { code: "unknown-format" });
    assert.equal(system.health.store?.status, "unavailable");
    assert.deepEqual(await proofOf(stage), head);
    assert.deepEqual(await stage.keys("instance", "mail", "actor"), []);
  },
);

onEach(kinds, "a row about the store that cannot be read is written anew", async (stage) => {
  await write(stage, null);
  const system = await stage.start([worker()]);
  assert.equal((await proofOf(stage)).format, 1);
  await ref(system, "ada").tell(Worker.note, "one");
  assert.deepEqual(await notesOf(system, "ada"), ["one"]);
});
