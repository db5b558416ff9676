// A full store: clear errors, nothing accepted that is not stored, and recovery when there is room.

import assert from "node:assert/strict";
import { actor, protocol, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";
import { deadOf, notesOf, ref, Worker, worker } from "./durable_stage.ts";

const text = "x".repeat(20_000);
/** An actor that makes room: it drops its whole state. */
const actors =
  () => [worker({ clear: (ctx) => void (ctx.state = []), keep: (ctx) => void (ctx.state = [text]) })];

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "posthorn-full-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Sends to new actors until the store is full. Returns how many messages it accepted. */
async function fill(system: System): Promise<number> {
  for (let count = 0; count < 5_000; count++) {
    try {
      await ref(system, `k${count}`).tell(Worker.note, text);
    } catch (error) {
      assert.deepEqual([(error as Error).name, (error as { code?: string }).code], [
        "StoreError",
        "store-full",
      ]);
      return count;
    }
  }
  throw new Error("it is never full");
}

/** Retries while the store has no room; its turns are retried as well. */
async function untilTaken<Result>(what: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0;; attempt++) {
    try {
      return await what();
    } catch (error) {
      if (attempt === 60) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

async function requireKept(system: System, count: number, more: number): Promise<void> {
  const lost: string[] = [];
  for (let index = 0; index < count + more; index++) {
    const notes = await untilTaken(() => notesOf(system, `k${index}`)) as string[];
    const expected = index < count ? 1 : 0;
    if (notes.length !== expected) lost.push(`k${index}: ${notes.length}`);
  }
  assert.deepEqual(lost, []);
}

async function requireClear(system: System, path: string, room: () => Promise<void>): Promise<void> {
  const count = await fill(system);
  assert.ok(count > 5, `${count} were taken`);
  const full = { name: "StoreError", code: "store-full", message: new RegExp(`^Cannot commit to ${path}: `) };
  const taken = async (sent: Promise<unknown>) => {
    const error = await sent.then(() => undefined, (error) => error);
    if (error !== undefined) {
      assert.throws(() => {
        throw error;
      }, full);
    }
    return error === undefined; // a checkpointed log has room again
  };
  const other = await taken(ref(system, "other").tell(Worker.note, text));
  await taken(ref(system, "other").submit(Worker.job, `notes ${text}`));
  await taken(system.publish(Worker.happened, `de ${text}`));
  const app = ingress(system, { expose: [] });
  const healthy = await app.request("/healthz");
  assert.ok([200, 503].includes(healthy.status));
  await healthy.body?.cancel();
  await room();
  await untilTaken(() => ref(system, "after").tell(Worker.note, "there is room"));
  assert.deepEqual(await untilTaken(() => notesOf(system, "after")), ["there is room"]);
  assert.deepEqual(await untilTaken(() => notesOf(system, "other")), other ? [text] : []);
  assert.deepEqual(deadOf(system), []);
  await requireKept(system, count, 3);
}

Deno.test("a file at its bound: refusals say so, and erasing makes room", async () => {
  await using home = await folder();
  const path = `${home.path}/posthorn.db`;
  const store = sqlite(path, { bytesMax: 1_500_000, synchronous: "normal" });
  await using system = new System({ actors: actors(), store });
  const ballast = Array.from({ length: 20 }, (_, index) => `ballast-${index}`);
  for (const key of ballast) await ref(system, key).ask(Worker.call, "keep");
  await requireClear(system, path, async () => {
    for (const key of ballast) await untilTaken(() => ref(system, key).ask(Worker.call, "clear"));
  });
});

Deno.test("over HTTP a full store is 503 with Retry-After, and takes requests when there is room", async () => {
  await using home = await folder();
  const Box = protocol("box", { put: tell(z.string()) });
  const box = actor(Box, {
    state: (): readonly string[] => [],
    on: { put: (ctx, put) => void (ctx.state = put === "" ? [] : [put]) },
  });
  const store = sqlite(`${home.path}/posthorn.db`, { bytesMax: 1_000_000, synchronous: "normal" });
  await using system = new System({ actors: [box], store });
  const app = ingress(system, { expose: [Box] });
  const put = async (key: string, body: string) => {
    const response = await app.request(`/actors/box/${key}/put`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: await response.json(),
    };
  };
  let last: Awaited<ReturnType<typeof put>> | undefined;
  let count = 0;
  for (; count < 500 && last?.status !== 503; count++) last = await put(`k${count}`, text);
  assert.deepEqual([last?.status, last?.retryAfter, last?.body.code], [503, "1", "store-full"]);
  assert.ok(count > 5);
  for (let index = 0; index < 5; index++) {
    await untilTaken(() => system.ref(Box, `k${index}`).tell(Box.put, ""));
  }
  await untilTaken(async () => assert.equal((await put("again", "there is room")).status, 202));
});

Deno.test("a full disk: refusals say so, and the system continues when there is room", async (test) => {
  await using home = await folder();
  const mounted = await mount(home.path);
  if (!mounted) {
    await test.step({ name: "ignored: a tmpfs cannot be mounted here", ignore: true, fn() {} });
    return;
  }
  try {
    const path = `${home.path}/posthorn.db`;
    const ballast = `${home.path}/ballast`;
    await Deno.writeFile(ballast, new Uint8Array(1_500_000));
    await using system = new System({ actors: actors(), store: sqlite(path, { synchronous: "normal" }) });
    await system.ready();
    await requireClear(system, path, () => Deno.remove(ballast));
  } finally {
    await run("umount", home.path);
  }
});

async function mount(path: string): Promise<boolean> {
  return Deno.build.os === "linux" &&
    await run("mount", "-t", "tmpfs", "-o", "size=4m", "posthorn", path);
}

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
