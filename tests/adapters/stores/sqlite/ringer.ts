// A process that occasionally commits a part that rings, with its time as the value.

import { systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";

const [path, count] = Deno.args;
const clock = systemClock();
const connection = await sqlite(path).open({ clock });
const encoder = new TextEncoder();

async function put(key: string, text: string): Promise<void> {
  await connection.commit([{
    checks: [],
    writes: [{ key, value: encoder.encode(text) }],
    removals: [],
    rings: true,
  }]);
}

await put("start", "");
for (let index = 0; index < Number(count); index++) {
  // not in step with the watcher
  await new Promise<void>((resolve) => void clock.setTimer(60 + index * 7 % 20, resolve));
  await put(`bell/${index}`, String(clock.now()));
}
await new Promise<void>((resolve) => void clock.setTimer(100, resolve));
await put("end", "");
await connection.close();
