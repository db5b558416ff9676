// Runs as a separate process, because it changes its working directory: opens the files named in JSON, writes
// into each, changes the directory, and writes into the last one again. Prints the existing files.

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
