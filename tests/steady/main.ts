// deno task steady [MINUTES] [PROCESSES]: all modes on one SQLite file in several processes, by default 20
// minutes and 3 processes. Prints the number of rows of each kind over time; then waits until rows with a
// retention time have expired. Exits with 1 if rows or bytes grew at the end, if anything failed, or if rows
// are left that should have been deleted.

import { System, systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { loadActor } from "./actors.ts";
import { type Census, censusOf, growing, shown } from "./census.ts";
import { emptyAfterMs, fullAfterMs, options } from "./options.ts";

const [minutes = 20, processes = 3] = Deno.args.map(Number);
if (!(minutes > 0) || !(processes >= 1)) {
  throw new RangeError("Say for how many minutes, and by how many processes");
}
const lookEachMs = 15_000;
const folder = await Deno.makeTempDir({ prefix: "posthorn-steady-" });
const path = `${folder}/posthorn.db`;
const clock = systemClock();
const connection = await sqlite(path).open({ clock });
const script = new URL("process.ts", import.meta.url).pathname;
const children = Array.from({ length: processes }, (_, index) => {
  const args = ["run", "-A", "--no-check", script, path, `p${index}`, index === 0 ? "ends" : "leaves"];
  return new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "inherit" })
    .spawn();
});
const faults: string[] = [];

/** Takes a census repeatedly for this time. */
async function watch(forMs: number): Promise<Census[]> {
  const censuses: Census[] = [];
  for (const endMs = clock.monotonicMs() + forMs; clock.monotonicMs() < endMs;) {
    const pauseMs = Math.min(lookEachMs, Math.max(endMs - clock.monotonicMs(), 1));
    await new Promise<void>((resolve) => void clock.setTimer(pauseMs, resolve));
    const census = await censusOf(connection, clock.now());
    censuses.push(census);
    console.log(`${Math.round(performance.now() / 1_000)} s: ${shown(census)}; ${await filesOf()}`);
  }
  return censuses;
}

async function filesOf(): Promise<string> {
  const sizes: string[] = [];
  for (const [name, file] of [["file", path], ["log", `${path}-wal`]]) {
    sizes.push(`${name} ${Math.round((await Deno.stat(file)).size / 1_000)} kB`);
  }
  return sizes.join(", ");
}

try {
  const full = (await watch(minutes * 60_000)).slice(Math.ceil(fullAfterMs / lookEachMs));
  const half = Math.floor(full.length / 2);
  if (half >= 2) {
    faults.push(...growing(full.slice(0, half), full.slice(-half)).map((what) => `It grows: ${what}`));
  } else {console.log(
      `too short to say whether it grows: that takes ${(fullAfterMs + 4 * lookEachMs) / 60_000} minutes`,
    );}

  for (const child of children.slice(1)) await child.stdin.close();
  const others = await Promise.all(children.slice(1).map((child) => child.output()));
  await children[0].stdin.close(); // the last one cancels the schedules
  for (const { code, stdout } of [...others, await children[0].output()]) {
    const said = new TextDecoder().decode(stdout).trim();
    console.log(said);
    if (code !== 0 || JSON.parse(said).failed > 0) faults.push(`A process failed: ${said}`);
  }
  // The next process to start takes over the messages of those that ended, and deletes expired rows.
  const last = new System({
    ...options,
    actors: [loadActor()],
    store: sqlite(path, { synchronous: "normal" }),
  });
  await last.ready();
  await watch(emptyAfterMs);
  await last.stop();
  const { over, rows } = await censusOf(connection, clock.now());
  for (const [kind, count] of over) faults.push(`It is over, and still there: ${count} rows of ${kind}`);
  for (const kind of ["mark", "reply", "instance"]) {
    if (rows.has(kind)) faults.push(`It has expired, and is still there: ${rows.get(kind)} rows of ${kind}`);
  }
} finally {
  await connection.close();
  await Deno.remove(folder, { recursive: true });
}
for (const fault of faults) console.log(fault);
console.log(faults.length === 0 ? "steady" : `${faults.length} faults`);
if (faults.length > 0) Deno.exitCode = 1;
