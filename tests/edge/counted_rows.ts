import type { ObjectStorage } from "@posthorn/posthorn/durable-object";
import { ObjectRows } from "../../adapters/stores/durable_object/rows.ts";
import { counted } from "./counted_storage.ts";

/** How many rows each of some changes of the store writes, as the storage counts them. Leaves nothing. */
export function countedRows(storage: ObjectStorage): Record<string, number> {
  const written = { rows: 0, alarms: 0 };
  const rows = new ObjectRows(counted(storage, written).sql);
  const counts: Record<string, number> = {};
  const count = (name: string, act: () => unknown) => {
    const before = written.rows;
    act();
    counts[name] = written.rows - before;
  };
  rows.create();
  const value = new Uint8Array(3);
  const part = { checks: [], writes: [], removals: [] };
  const put = (key: string, expiresAtMs?: number) => ({ ...part, writes: [{ key, value, expiresAtMs }] });
  const seen = (key: string, version: string | undefined) => ({ checks: [{ key, version }] });
  count("a new row", () => rows.apply(put("a"), "1"));
  count("a row that is replaced", () => rows.apply(put("a"), "2"));
  count("a new row that is checked", () => rows.apply({ ...put("b"), ...seen("b", undefined) }, "1"));
  count("a row that is checked", () => rows.apply({ ...put("a"), ...seen("a", "2") }, "3"));
  count("a row that is stale", () => rows.apply({ ...put("a"), ...seen("a", "2") }, "4"));
  count("a new row that is there", () => rows.apply({ ...put("a"), ...seen("a", undefined) }, "4"));
  count("a new row that expires", () => rows.apply(put("c", 5), "1"));
  count("a row that expires and is replaced", () => rows.apply(put("c", 6), "2"));
  count("a row that expires and is removed", () => rows.apply({ ...part, removals: [{ key: "c" }] }, "3"));
  count(
    "a row that is removed",
    () => rows.apply({ ...part, removals: [{ key: "a" }], ...seen("a", "3") }, "4"),
  );
  count("a row that is not there", () => rows.apply({ ...part, removals: [{ key: "x" }] }, "4"));
  rows.apply(put("d", 7), "1");
  count("a row that has expired", () => rows.expire(8, 10));
  storage.sql.exec("DROP TABLE posthorn");
  return counts;
}
