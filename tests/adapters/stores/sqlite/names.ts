// Run as a process of its own, for it changes its folder: opens files by names that are given as JSON, writes into each,
// goes elsewhere, and writes into the last one once more. Prints which files there are then.

import { sqlite } from "@posthorn/posthorn/sqlite";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";

const names: readonly string[] = JSON.parse(Deno.args[0]);
const clock = new VirtualClock();
const put = (connection: StoreConnection) =>
  connection.commit([{ checks: [], writes: [{ key: "k", value: new Uint8Array(1) }], removals: [] }]);
for (const [index, name] of names.entries()) {
  const connection = await sqlite(name).open({ clock });
  await put(connection);
  if (index === names.length - 1) {
    Deno.chdir("/");
    await clock.advance(1_000);
    await put(connection);
  }
  await connection.close();
}
