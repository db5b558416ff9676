// A process that writes to a shared file. Each line that it prints is an acknowledged commit.

import { systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";

const [path, name, synchronous, rounds] = Deno.args;
const store = sqlite(path, { synchronous: synchronous as "full" | "normal" });
const connection = await store.open({ clock: systemClock() });
const encoder = new TextEncoder();
const decoder = new TextDecoder();

for (let done = 0; done < Number(rounds);) {
  // One shared counter, and a separate value for each acknowledged commit.
  const [stored] = await connection.read(["count"]);
  const count = stored === undefined ? 0 : Number(decoder.decode(stored.value));
  const [version] = await connection.commit([{
    checks: [{ key: "count", version: stored?.version }],
    writes: [
      { key: "count", value: encoder.encode(String(count + 1)) },
      { key: `done/${name}/${done}`, value: encoder.encode(String(count + 1)) },
    ],
    removals: [],
  }]);
  if (version === undefined) continue;
  Deno.stdout.writeSync(encoder.encode(`${done}\n`));
  done++;
}
await connection.close();
