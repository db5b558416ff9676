import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { systemClock } from "../../../../runtime/base/clock.ts";
import type { StoreConnection } from "../../../../runtime/ports/store.ts";
import { denoKv } from "../../../../adapters/stores/deno_kv/deno_kv.ts";
import type { KvHandle } from "../../../../adapters/stores/deno_kv/handle.ts";

const ignore = typeof Deno.openKv !== "function";
const services = { clock: systemClock() };

Deno.test(
  "connections of one store notify each other, not themselves, and only of parts that ring",
  { ignore },
  async () => {
    const store = denoKv(":memory:");
    const [one, two] = [await store.open(services), await store.open(services)];
    const heard: string[] = [];
    using _one = one.watch(() => heard.push("one"));
    const second = two.watch(() => heard.push("two"));
    await ring(one);
    await settle();
    assert.deepEqual(heard, ["two"]);
    await one.commit([{ checks: [], writes: [{ key: "a", value: new Uint8Array(1) }], removals: [] }]);
    await settle();
    assert.deepEqual(heard, ["two"]);
    second[Symbol.dispose]();
    await ring(one);
    await ring(two);
    await settle();
    assert.deepEqual(heard, ["two", "one"]);
    await one.close();
    await ring(two);
    await settle();
    assert.deepEqual(heard, ["two", "one"]);
    await two.close();
  },
);

Deno.test("two stores on one file notify each other", { ignore }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const one = await denoKv(`${folder}/a.kv`).open(services);
    const two = await denoKv(`${folder}/a.kv`).open(services);
    let wake = () => {};
    const watch = two.watch(() => wake());
    await new Promise<void>((resolve) => wake = resolve); // the initial value
    for (let times = 0; times < 5; times++) {
      const heard = new Promise<void>((resolve) => wake = resolve);
      await ring(one);
      await heard;
    }
    watch[Symbol.dispose]();
    await one.close();
    await two.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test(
  "closing ends a watch that is still open, on a handle that stays open, too",
  { ignore },
  async () => {
    using kv = await Deno.openKv(":memory:");
    const connection = await denoKv(kv).open(services);
    connection.watch(() => {});
    connection.watch(() => {});
    await connection.close();
  },
);

/** A handle whose watches are these. */
function watchedBy(watch: KvHandle["watch"]): KvHandle {
  return {
    getMany: () => Promise.resolve([]),
    list: () => (async function* () {})(),
    atomic: () => ({ check() {}, set() {}, delete() {}, commit: () => Promise.resolve({ ok: false }) }),
    close() {},
    watch,
  };
}

Deno.test("a watch is cancelled at once if it has begun, and otherwise as soon as it has", async () => {
  const clock = new VirtualClock();
  const streams: ReadableStreamDefaultController[] = [];
  let cancelled = 0;
  const handle = watchedBy(() =>
    new ReadableStream({
      start: (controller) => void streams.push(controller),
      cancel: () => void cancelled++,
    })
  );
  const connection = await denoKv(handle).open({ clock });
  let heard = 0;
  connection.watch(() => heard++)[Symbol.dispose]();
  await clock.settle();
  assert.equal(cancelled, 0);
  streams[0].enqueue([]);
  await clock.settle();
  assert.deepEqual([cancelled, heard], [1, 0]);
  const watch = connection.watch(() => heard++);
  streams[1].enqueue([]);
  await clock.settle();
  watch[Symbol.dispose]();
  assert.deepEqual([cancelled, heard, streams.length], [2, 1, 2]);
  await connection.close();
});

Deno.test("a watch that breaks off begins again, as long as it has a listener", async () => {
  const clock = new VirtualClock();
  let begun = 0;
  const streams: ReadableStreamDefaultController[] = [];
  const handle = watchedBy(() => {
    begun++;
    if (begun === 3) throw new Error("no watch today");
    return new ReadableStream({ start: (controller) => void streams.push(controller) });
  });
  const connection = await denoKv(handle).open({ clock });
  let heard = 0;
  const watch = connection.watch(() => heard++);
  streams[0].enqueue([]);
  await clock.settle();
  assert.deepEqual([begun, heard], [1, 1]);
  streams[0].error(new Error("the network went away"));
  await clock.advance(999);
  assert.equal(begun, 1);
  await clock.advance(1);
  assert.equal(begun, 2);
  streams[1].close();
  await clock.advance(1_000);
  assert.equal(begun, 3);
  await clock.advance(1_000);
  assert.equal(begun, 4);
  streams[2].enqueue([]);
  await clock.settle();
  assert.equal(heard, 2);
  watch[Symbol.dispose]();
  await clock.advance(10_000);
  assert.deepEqual([begun, clock.waiting], [4, 0]);
  await connection.close();
});

Deno.test("a listener that throws does not fail the commit of another", { ignore }, async () => {
  const clock = { ...systemClock(), macrotask: (callback: () => void) => void tasks.push(callback) };
  const tasks: (() => void)[] = [];
  const store = denoKv(":memory:");
  const [one, two] = [await store.open({ clock }), await store.open({ clock })];
  two.watch(() => {
    throw new Error("deaf");
  });
  await ring(one);
  assert.equal(tasks.length, 1);
  assert.throws(tasks[0], { message: "deaf" });
  await one.close();
  await two.close();
});

function ring(connection: StoreConnection): Promise<unknown> {
  return connection.commit([{ checks: [], writes: [], removals: [], rings: true }]);
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) {
    await new Promise<void>((resolve) => services.clock.macrotask(resolve));
  }
}
