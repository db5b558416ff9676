import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import { encodeValue } from "../../runtime/durable/rows/value_codec.ts";
import type { Put } from "../../runtime/ports/store.ts";
import type { Scene } from "./scenes.ts";

/** The writer of the rows that existed before the program. */
export const planter = "planted";
/** More than one list returns. */
const many = 1_100;
const lettersMany = 300;
const atOnce = 50;
export const garbage = new Uint8Array([255, 254, 0, 128]);
const nothing = new Uint8Array();

/** Writes rows of other programs into the store. Returns the keys. */
export async function plant(
  simulation: Simulation<System>,
  scenes: readonly Scene[],
): Promise<ReadonlySet<string>> {
  const rows = [
    ...(scenes.includes("crowded") ? workload() : []),
    ...(scenes.includes("spoiled") ? unreadable(simulation.clock.now()) : []),
  ];
  if (rows.length === 0) return new Set();
  const connection = await simulation.store.instance(planter).open({ clock: simulation.clock });
  for (let first = 0; first < rows.length; first += atOnce) {
    let done = false;
    const commit = async () => {
      const part = { checks: [], writes: rows.slice(first, first + atOnce), removals: [] };
      await connection.commit([part]);
      done = true;
    };
    void commit();
    await simulation.advance(100, () => done);
  }
  return new Set(rows.map(({ key }) => key));
}

function keyOf(...parts: readonly string[]): string {
  return parts.join("\u001f");
}

/** Ended instances, actors that no process hosts, and dead letters: more than one list returns. */
function workload(): Put[] {
  const rows: Put[] = [];
  for (let index = 0; index < many; index++) {
    const number = String(index).padStart(4, "0");
    rows.push({ key: keyOf("instance", `gone${number}`), value: encodeValue({ beat: 1 }, "") });
    rows.push({ key: keyOf("index", "~", "ghost", `g${number}`), value: nothing });
  }
  for (let index = 0; index < lettersMany; index++) {
    const id = `letter${index}`;
    const head = { id, operation: "note", via: "gone0000" };
    const letter = {
      id,
      protocol: "ghost",
      key: "g",
      operation: "note",
      reason: "failed",
      message: "",
      attempts: 1,
    };
    const place = `00000000000${String(index).padStart(4, "0")}`;
    rows.push({ key: keyOf("dead", place), value: encodeValue({ ...letter, atMs: 0, head }, "1") });
  }
  return rows;
}

/** Unreadable rows, and a state of an older form. */
function unreadable(nowMs: number): Put[] {
  const due = String(nowMs + 5_000).padStart(16, "0");
  return [
    {
      key: keyOf("actor", "frail", "f1"),
      value: encodeValue({ turn: "gone-1", clock: 0, schema: 0 }, '{"log":[],"out":{}}'),
    },
    { key: keyOf("actor", "frail", "f3"), value: garbage },
    { key: keyOf("mail", "frail", "f2", "00000000000gone"), value: garbage },
    { key: keyOf("index", "~", "frail", "f2"), value: nothing },
    { key: keyOf("timer", "frail", "f4", "old"), value: garbage },
    { key: keyOf("schedule", due, "frail", "f4", "old"), value: garbage },
    { key: keyOf("dead", "00000000000old"), value: garbage },
    { key: keyOf("instance", "garbled"), value: garbage },
  ];
}
