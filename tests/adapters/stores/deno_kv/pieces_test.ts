// No piece of a large value outlives it, whatever size a replacing write states.

import assert from "node:assert/strict";
import fc from "fast-check";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";

const ignore = typeof Deno.openKv !== "function";
const sizes = [0, 3, 65_536, 65_537, 150_000, 300_000];

/** The stored pieces, and those that belong to values. */
async function piecesOf(kv: Deno.Kv): Promise<{ readonly there: number; readonly needed: number }> {
  let [there, needed] = [0, 0];
  for await (const { key, value } of kv.list({ prefix: [] })) {
    if (key[0] === "posthorn.part") there++;
    else if (typeof value === "number") needed += Math.ceil(value / 65_536);
  }
  return { there, needed };
}

function write(key: string, bytes: number, oldBytes?: number): AtomicPart {
  return { checks: [], writes: [{ key, value: new Uint8Array(bytes), oldBytes }], removals: [] };
}

function remove(key: string, oldBytes?: number): AtomicPart {
  return { checks: [], writes: [], removals: [{ key, oldBytes }] };
}

async function withFile(run: (kv: Deno.Kv, path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-pieces-" });
  try {
    using kv = await Deno.openKv(`${folder}/posthorn.kv`);
    await run(kv, `${folder}/posthorn.kv`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const step = fc.record({
  key: fc.constantFrom("a", "b", "c"),
  size: fc.option(fc.constantFrom(...sizes), { nil: undefined }),
  said: fc.constantFrom("right", "nothing", "wrong"),
  through: fc.nat({ max: 1 }),
});

Deno.test(
  "whatever is written and removed, no piece is left of what was there before",
  { ignore },
  () =>
    withFile(async (kv) => {
      const store = denoKv(kv, { remote: false });
      const clock = new VirtualClock();
      const connections = [await store.open({ clock }), await store.open({ clock })];
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
          const sizesNow = new Map<string, number>();
          for (const { key, size, said, through } of steps) {
            const old = sizesNow.get(key) ?? 0;
            const oldBytes = said === "right" ? old : said === "wrong" ? 70_000 : undefined;
            const part = size === undefined ? remove(key, oldBytes) : write(key, size, oldBytes);
            await connections[through].commit([part]);
            sizesNow.set(key, size ?? 0);
            const { there, needed } = await piecesOf(kv);
            assert.equal(there, needed);
          }
          for (const key of sizesNow.keys()) {
            const [found] = await connections[0].read([key]);
            assert.equal(found?.value.length ?? 0, sizesNow.get(key));
          }
        }),
        { numRuns: 25, seed: 3, endOnFailure: true },
      );
      for (const connection of connections) await connection.close();
    }),
);

/** Commits on a connection, which triggers its looks, until a condition holds. */
async function beats(
  clock: VirtualClock,
  connection: StoreConnection,
  kv: Deno.Kv,
  done: (pieces: { readonly there: number; readonly needed: number }) => boolean,
): Promise<void> {
  for (let beat = 0; beat < 1_000; beat++) {
    if (done(await piecesOf(kv))) return;
    await clock.advance(5_000);
    await connection.commit([write("beat", 1)]);
  }
  assert.fail("the pieces stay");
}

Deno.test(
  "pieces that one process wrote and another orphaned are removed by a look",
  { ignore },
  () =>
    withFile(async (kv) => {
      const clock = new VirtualClock();
      const writer = await denoKv(kv, { remote: false }).open({ clock });
      for (let n = 0; n < 30; n++) await writer.commit([write(`k${n}`, 150_000)]);
      await writer.close();
      // it knows nothing of the stored pieces
      const other = await denoKv(kv, { remote: false }).open({ clock });
      for (let n = 0; n < 30; n += 2) await other.commit([remove(`k${n}`)]);
      await other.commit([write("k1", 70_000), write("k3", 3)]);
      const { there, needed } = await piecesOf(kv);
      assert.ok(there > needed);
      await beats(clock, other, kv, (pieces) => pieces.there === pieces.needed);
      assert.equal((await other.read(["k1"]))[0]?.value.length, 70_000);
      for (let n = 5; n < 30; n += 2) assert.equal((await other.read([`k${n}`]))[0]?.value.length, 150_000);
      await other.close();
    }),
);

Deno.test("small values cost only their commit, as do large ones whose removal states their size", {
  ignore,
}, async () => {
  using kv = await Deno.openKv(":memory:");
  let calls = 0;
  const handle = new Proxy(kv, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (["getMany", "list", "atomic"].includes(String(name))) calls++;
      return value.bind(target);
    },
  });
  const clock = new VirtualClock();
  const connection = await denoKv(handle, { remote: false }).open({ clock });
  const counted = async (...parts: AtomicPart[]) => {
    calls = 0;
    await connection.commit(parts);
    return calls;
  };
  assert.equal(await counted(write("large", 200_000)), 1);
  for (let n = 0; n < 10; n++) assert.equal(await counted(write(`k${n}`, 10), remove(`k${n}`)), 1);
  assert.equal(await counted(write("large", 100_000, 200_000)), 1);
  assert.equal(await counted(remove("large", 100_000)), 1);
  assert.equal(await counted(write("large", 200_000)), 1);
  assert.equal(await counted(remove("large")), 3); // which it checks, and whose pieces are removed
  await connection.close();
});

Deno.test("a look never takes a piece of a value that is written meanwhile", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new VirtualClock();
  const writer = await denoKv(kv, { remote: false }).open({ clock: new VirtualClock() });
  let times = 0;
  const handle = new Proxy(kv, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== "getMany") return typeof value === "function" ? value.bind(target) : value;
      // Between the check of a value and the removal of its supposedly orphaned pieces, it is overwritten.
      return async (...args: Parameters<Deno.Kv["getMany"]>) => {
        const entries = await target.getMany(...args);
        if (args[0][0][0] === "posthorn" && args[0][0][1] === "k" && times++ < 3) {
          await writer.commit([write("k", 200_000 + times)]);
        }
        return entries;
      };
    },
  });
  const looker = await denoKv(handle, { remote: false }).open({ clock });
  await kv.set(["posthorn.part", "k", 0], new Uint8Array(1)); // the pieces of a removed value
  await beats(clock, looker, kv, ({ there, needed }) => times >= 3 && there === needed);
  const [found] = await writer.read(["k"]);
  assert.ok(found!.value.length > 200_000);
  await looker.close();
  await writer.close();
});
