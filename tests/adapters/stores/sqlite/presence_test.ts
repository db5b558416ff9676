import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { SqlitePresence } from "../../../../adapters/stores/sqlite/presence.ts";
import { temporary } from "../temporary.ts";

const clock = systemClock();
const isLinux = Deno.build.os === "linux";

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const holder = new URL("holder.ts", import.meta.url).pathname;

/**
 * Registers an instance in another process, which is killed after it has printed whether its end can be
 * detected.
 */
async function held(path: string, instance: string, ...flags: string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...flags, holder, path, instance],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await lines.read();
  child.kill("SIGKILL");
  await child.status;
  await lines.cancel();
  return value.trim();
}

async function isKnownGone(connection: StoreConnection, instance: string): Promise<boolean> {
  return (await connection.presence!.gone([instance])).has(instance);
}

Deno.test({
  name: "sqlite: that a process was killed is known at once, by a file that goes with what it left",
  ignore: !isLinux,
  async fn() {
    await using file = await temporary();
    assert.equal(await held(file.path, "one", "-A"), "true");
    assert.ok(namesIn(file.folder).includes("posthorn.db-alive-one"));
    const connection = await sqlite(file.path).open({ clock });
    assert.equal(await isKnownGone(connection, "one"), true);
    await connection.presence!.release("one");
    assert.deepEqual(namesIn(file.folder).filter((name) => name.includes("alive")), []);
    await connection.close();
  },
});

Deno.test({
  name: "sqlite: presence works over every path to the file",
  ignore: !isLinux,
  async fn() {
    await using file = await temporary();
    const first = await sqlite(file.path).open({ clock });
    await Deno.mkdir(`${file.folder}/elsewhere`);
    await Deno.symlink(file.path, `${file.folder}/elsewhere/link.db`);
    const second = await sqlite(`${file.folder}/elsewhere/link.db`).open({ clock });
    assert.equal(await first.presence!.hold("one"), true);
    assert.equal(await isKnownGone(second, "one"), false);
    await first.close();
    assert.equal(await isKnownGone(second, "one"), true);
    await second.close();
  },
});

Deno.test({
  name: "sqlite: an instance that has stopped leaves no lock file",
  ignore: !isLinux,
  async fn() {
    await using file = await temporary();
    const connection = await sqlite(file.path).open({ clock });
    await connection.presence!.hold("one");
    assert.deepEqual(namesIn(file.folder).filter((name) => name.includes("alive")), [
      "posthorn.db-alive-one",
    ]);
    await connection.presence!.release("one");
    await connection.close();
    assert.deepEqual(namesIn(file.folder), ["posthorn.db"]);
  },
});

Deno.test("sqlite: without permission for presence nothing prompts, and heartbeats tell", async () => {
  await using file = await temporary();
  // but not to query the file system
  const flags = [`--allow-read=${file.folder}`, `--allow-write=${file.folder}`];
  assert.equal(await held(file.path, "one", ...flags), "absent");
  assert.deepEqual(namesIn(file.folder).filter((name) => name.includes("alive")), []);
});

Deno.test({
  name: "sqlite: where others may see the file whose locks are another kernel's, a lock says nothing",
  ignore: !isLinux,
  async fn() {
    const open = () => {
      throw new Error("it is not even tried");
    };
    assert.equal(await SqlitePresence.of("/proc/version", open), undefined); // its file system is unknown
    assert.equal(await SqlitePresence.of("/nowhere/posthorn.db", open), undefined);
  },
});

Deno.test("sqlite: a store in memory has no presence", async () => {
  const connection = await sqlite(":memory:").open({ clock });
  assert.equal(connection.presence, undefined);
  await connection.close();
});
