// A store that cannot be copied, and copies that are interrupted.

import assert from "node:assert/strict";
import { OutcomeUnknownError, type PosthornError, type Store, StoreError, System } from "@posthorn/posthorn";
import { copyStore } from "@posthorn/posthorn/copy";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { AtomicPart, StoreConnection } from "@posthorn/posthorn/store";
import { inMemory, ref, type Stage, Worker, worker } from "./durable_stage.ts";

const actors = [worker()];

/** A store with the messages of some actors in it, on which nothing runs. */
async function filled(stage: Stage, count = 3): Promise<Store> {
  const system = await stage.start(actors);
  for (let key = 0; key < count; key++) await ref(system, `k${key}`).tell(Worker.note, "n", { id: `${key}` });
  await stage.settle();
  await system.stop();
  return stage.store;
}

/** A store whose commits are handed to a function. */
function wrapped(
  store: Store,
  commit: (parts: readonly AtomicPart[], connection: StoreConnection) => Promise<(string | undefined)[]>,
  more: Partial<Store["traits"]> = {},
): Store {
  return {
    engine: store.engine,
    traits: { ...store.traits, ...more },
    async open(services) {
      const connection = await store.open(services);
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => commit(parts, connection),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
    },
  };
}

async function rowsOf(store: Store, stage: Stage, prefix = ""): Promise<[string, string][]> {
  const connection = await store.open({ clock: stage.clock });
  const rows = await connection.list({ prefix, limit: 1_000 });
  await connection.close();
  return rows.map(({ key, value }) => [key, new TextDecoder().decode(value)]);
}

async function refusal(copying: Promise<unknown>): Promise<string> {
  const error = await copying.then(() => undefined, (error) => error as PosthornError);
  assert(error !== undefined, "it was copied");
  return `${error.code}: ${error.message}`;
}

/** Whether a system opens the store. */
async function opens(store: Store, stage: Stage): Promise<string> {
  const system = new System({ actors, store, clock: stage.clock, log: false });
  const outcome = await system.ready().then(
    () => "opens",
    (error: PosthornError) => `${error.code}: ${error.message}`,
  );
  await system.stop({ drainMs: 0 });
  return outcome;
}

inMemory("copy: a store on which an instance runs is refused, with its name", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "n");
  const to = memoryStore();
  const copying = refusal(copyStore(stage.store, to, { clock: stage.clock }));
  await stage.pass(10_000, 100);
  const [[key]] = await rowsOf(stage.store, stage, "instance");
  assert.equal(
    await copying,
    `copy-refused: Cannot copy: the instance ${
      key.split("\u001f")[1]
    } of memory runs, which hosts worker: stop it first`,
  );
  assert.deepEqual(await rowsOf(to, stage), []);
});

inMemory("copy: the row of an instance that crashed delays it, and moves along", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "ada").tell(Worker.note, "n");
  await stage.kill(system);
  const to = memoryStore();
  const steps: string[] = [];
  const copying = copyStore(stage.store, to, {
    clock: stage.clock,
    onProgress: ({ step }) => steps.push(step),
  });
  await stage.pass(10_000);
  const { rows } = await copying;
  assert.deepEqual([...new Set(steps)], ["waiting", "copying", "comparing"]);
  assert.equal(rows, (await rowsOf(to, stage)).length);
  assert.deepEqual(await rowsOf(to, stage), await rowsOf(stage.store, stage));
});

inMemory("copy: an empty source, and a target with anything in it are refused", async (stage) => {
  const { clock } = stage;
  assert.match(
    await refusal(copyStore(memoryStore(), memoryStore(), { clock })),
    /no system has written to memory/,
  );
  const from = await filled(stage);
  const other = memoryStore();
  await using system = new System({ actors, store: other, clock });
  await system.ready();
  assert.match(
    await refusal(copyStore(from, other, { clock })),
    /copy-refused: .*memory is not empty: it has the row .*, and the instance [0-9A-Z]{26} may run/,
  );
  await assert.rejects(copyStore(from, other, { clok: clock } as never), /Did you mean clock/);
});

inMemory("copy: rows of another format are refused", async (stage) => {
  const from = await filled(stage);
  const connection = await from.open({ clock: stage.clock });
  const [proof] = await connection.list({ prefix: "proof", limit: 1 });
  const newer = new TextDecoder().decode(proof.value).replace('"format":1', '"format":2');
  await connection.commit([{
    checks: [],
    writes: [{ key: proof.key, value: new TextEncoder().encode(newer) }],
    removals: [],
  }]);
  await connection.close();
  assert.match(
    await refusal(copyStore(from, memoryStore(), { clock: stage.clock })),
    /^unknown-format: Cannot copy memory: its rows have the format 2, and this program knows the format 1/,
  );
});

inMemory(
  "copy: after an interruption no system opens the target, and it can be copied again",
  async (stage) => {
    const { clock } = stage;
    const from = await filled(stage, 40);
    for (let last = 1; last < 6; last++) {
      const to = memoryStore();
      let commits = 0;
      const breaking = wrapped(to, (parts, connection) => {
        if (++commits > last) return Promise.reject(new Error("killed"));
        return connection.commit(parts);
      }, { limits: { ...to.traits.limits, writes: 20 } });
      assert.match(await refusal(copyStore(from, breaking, { clock })), /killed/);
      assert.match(
        await opens(to, stage),
        /^unknown-format: Cannot open memory: another store is being copied into it/,
      );
      assert.match(
        await refusal(copyStore(to, memoryStore(), { clock })),
        /^unknown-format: Cannot copy memory: another/,
      );
      await copyStore(from, to, { clock });
      assert.deepEqual(await rowsOf(to, stage), await rowsOf(from, stage));
      assert.equal(await opens(to, stage), "opens");
    }
  },
);

inMemory("copy: of two into one target at most one succeeds, and then all of it", async (stage) => {
  const { clock } = stage;
  const from = await filled(stage, 40);
  const to = memoryStore();
  const small = wrapped(to, (parts, connection) => connection.commit(parts), {
    limits: { ...to.traits.limits, writes: 5 },
  });
  let second: Promise<unknown> | undefined;
  const first = copyStore(from, small, {
    clock,
    onProgress: () => second ??= copyStore(from, small, { clock }),
  });
  assert.match(await refusal(first), /another copy into memory has begun/);
  await second;
  assert.deepEqual(await rowsOf(to, stage), await rowsOf(from, stage));
});

inMemory("copy: what changes meanwhile is noticed at the end", async (stage) => {
  const { clock } = stage;
  const from = await filled(stage);
  const value = new TextEncoder().encode("{}\n");
  for (const changed of ["source", "target"]) {
    for (const key of ["actor\u001fworker\u001fk1", "actor\u001fworker\u001fother"]) {
      const to = memoryStore();
      const before = await rowsOf(from, stage);
      const copying = copyStore(from, to, {
        clock,
        onProgress: async ({ step }) => {
          if (step !== "copying") return;
          const connection = await (changed === "source" ? from : to).open({ clock });
          await connection.commit([{ checks: [], writes: [{ key, value }], removals: [] }]);
          await connection.close();
        },
      });
      assert.match(
        await refusal(copying),
        /^copy-refused: Cannot copy: .*(is not that of|no longer has the row)/,
      );
      assert.match(await opens(to, stage), /^unknown-format/);
      const connection = await from.open({ clock });
      const was = before.find(([known]) => known === key);
      await connection.commit([{
        checks: [],
        writes: was === undefined ? [] : [{ key, value: new TextEncoder().encode(was[1]) }],
        removals: was === undefined ? [{ key }] : [],
      }]);
      await connection.close();
    }
  }
});

inMemory("copy: a commit of unknown outcome is tried again", async (stage) => {
  const { clock } = stage;
  const from = await filled(stage, 40);
  for (const applied of [true, false]) {
    const to = memoryStore();
    let commits = 0;
    const uncertain = wrapped(to, async (parts, connection) => {
      const isLost = ++commits % 2 === 1;
      const versions = applied || !isLost ? await connection.commit(parts) : [];
      if (isLost) throw new OutcomeUnknownError("Cannot tell");
      return versions;
    }, { limits: { ...to.traits.limits, writes: 20 } });
    const copying = copyStore(from, uncertain, { clock });
    await stage.pass(60_000);
    await copying;
    assert.deepEqual(await rowsOf(to, stage), await rowsOf(from, stage));
  }
});

inMemory("copy: a read that the store does not answer is tried again, and not for ever", async (stage) => {
  const from = await filled(stage);
  for (
    const [failures, outcome] of [[4, "copied"], [5, "store-unavailable: Cannot list: it restarts"]] as const
  ) {
    const failing = (store: Store): Store => ({
      ...store,
      async open(services) {
        const connection = await store.open(services);
        let lists = 0;
        const list: StoreConnection["list"] = (range) =>
          range.limit > 1 && lists++ < failures
            ? Promise.reject(new StoreError("store-unavailable", "Cannot list: it restarts"))
            : connection.list(range);
        return {
          list,
          read: (keys) => connection.read(keys),
          commit: (parts) => connection.commit(parts),
          watch: (onChange) => connection.watch(onChange),
          close: () => connection.close(),
        };
      },
    });
    const copying = copyStore(failing(from), failing(memoryStore()), { clock: stage.clock });
    const copied = copying.then(() => "copied", ({ code, message }) => `${code}: ${message}`);
    await stage.pass(60_000, 1_000);
    assert.equal(await copied, outcome);
  }
});

inMemory("copy: a row that the target cannot take is named", async (stage) => {
  const system = await stage.start(actors);
  await ref(system, "large").tell(Worker.note, "x".repeat(5_000));
  await stage.settle();
  await system.stop();
  const to = memoryStore();
  const small = wrapped(to, (parts, connection) => connection.commit(parts), {
    limits: { ...to.traits.limits, bytes: 4_000 },
  });
  assert.match(
    await refusal(copyStore(stage.store, small, { clock: stage.clock })),
    /^too-large: .*the row "actor worker large".* of 4000 bytes/,
  );
});

inMemory("copy: a list has few rows if they are large", async (stage) => {
  const system = await stage.start(actors);
  for (let key = 0; key < 20; key++) await ref(system, `k${key}`).tell(Worker.note, "x".repeat(1_500_000));
  await stage.settle();
  await system.stop();
  let most = 0;
  const { engine, traits } = stage.store;
  const counted: Store = {
    engine,
    traits,
    async open(services) {
      const connection = await stage.store.open(services);
      return {
        read: (keys) => connection.read(keys),
        async list(range) {
          const rows = await connection.list(range);
          most = Math.max(most, rows.reduce((sum, { value }) => sum + value.length, 0));
          return rows;
        },
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
    },
  };
  await copyStore(counted, memoryStore(), { clock: stage.clock });
  assert(most <= 6_200_000, `${most} bytes in one list`);
});
