// The command that looks into a store, asked by a user who may not write to its file.

import assert from "node:assert/strict";
import process from "node:process";
import { actor, protocol, System, tell, TerminalError, unchecked } from "@posthorn/posthorn";
import { inspect } from "@posthorn/posthorn/inspect";
import { sqlite } from "@posthorn/posthorn/sqlite";

const Note = protocol("note", { add: tell(unchecked<string>()) });
const note = actor(Note, {
  state: () => "",
  on: {
    add(ctx, text) {
      if (text === "odd") throw new TerminalError("It is odd", { code: "odd" });
      ctx.state = text;
    },
  },
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const isRoot = Deno.uid() === 0;
/** Root may write to everything, so it becomes somebody else in a process of its own, which Deno 2.5 cannot do. */
const ignore = Deno.build.os === "windows" || (isRoot && process.setuid === undefined);

/** Runs the command as a user who may not write to files whose mode forbids it; root may write to `loaded`. */
async function runAsReader(loaded: string, ...calls: readonly (readonly string[])[]): Promise<Ran[]> {
  if (!isRoot) return await Promise.all(calls.map(runHere));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", new URL("asker.ts", import.meta.url).href, loaded]
      .concat(calls.map((args) => JSON.stringify(args))),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, err);
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

async function runHere(args: readonly string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  const code = await inspect(args, {
    stdout: { write: (text) => out += text },
    stderr: { write: (text) => err += text },
  });
  return { code, out, err };
}

/** A system on a file that has one actor and one dead letter. */
async function filled(path: string): Promise<System> {
  const system = new System({ actors: [note], store: sqlite(path), log: false });
  const dead = Promise.withResolvers<void>();
  using _ = system.inspect((event) => event.type === "dead" && dead.resolve());
  await system.ref(Note, "ada").tell(Note.add, "tea");
  await system.ref(Note, "bob").tell(Note.add, "odd", { id: "odd" });
  await dead.promise;
  return system;
}

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

for (const [which, mode] of [["nobody else", 0o555], ["everybody", 0o777]] as const) {
  Deno.test({
    name: `who may only read a file asks it and changes nothing, in a folder that ${which} may write to`,
    ignore,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "posthorn-reader-" });
      const loaded = `${folder}/loaded.db`;
      const [stopped, runs, killed] = ["stopped", "runs", "killed"].map((name) => `${folder}/${name}.db`);
      try {
        await (await filled(loaded)).stop();
        await (await filled(stopped)).stop();
        await using system = await filled(runs);
        for (const ending of ["", "-wal", "-shm"]) await Deno.copyFile(runs + ending, killed + ending);
        const paths = [stopped, runs, killed];
        for (const path of paths.flatMap((path) => [path, `${path}-wal`, `${path}-shm`])) {
          if (path.startsWith(runs)) await Deno.chmod(path, 0o644);
          else await Deno.chmod(path, 0o444).catch(() => {}); // the file of a stopped system has no log
        }
        if (!isRoot) paths.splice(1, 1); // its owner may write to it
        const before = filesOf(folder);
        await Deno.chmod(folder, mode);
        const asked = await runAsReader(loaded, ...paths.flatMap((path) => [[path], [path, "dead"]]));
        for (const [place, { code, out, err }] of asked.entries()) {
          assert.deepEqual([code, err], [0, ""], `${paths[place >> 1]}: ${err}`);
          assert.match(out, place % 2 === 0 ? /^note +2 +0 /m : /^odd .*note\/bob add +odd/m);
        }
        const changed = await runAsReader(loaded, ...paths.map((path) => [path, "discard", "odd"]));
        for (const { code, err } of changed) {
          assert.equal(code, 1);
          assert.match(err, /Cannot change .*: this user may not write to it: .* \(store-unavailable\)/);
        }
        assert.deepEqual(filesOf(folder), before);
        await system.ref(Note, "ada").tell(Note.add, "milk");
      } finally {
        await Deno.chmod(folder, 0o755);
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
