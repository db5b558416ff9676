// Stores that are wrong in one way each: the case about it must fail, or the suite proves nothing.

import assert from "node:assert/strict";
import type { AtomicPart, Store, StoreConnection } from "@posthorn/posthorn/store";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";

type Lie = Partial<Pick<StoreConnection, "read" | "list" | "commit" | "close">>;

/** A store in memory whose connections are wrong in something. */
function lying(lie: (connection: StoreConnection) => Lie): Store {
  const store = memoryStore();
  return {
    ...store,
    async open(services) {
      const connection = await store.open(services);
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        ...lie(connection),
      };
    },
  };
}

/** A store that changes the parts before it commits them. */
function changing(change: (part: AtomicPart, index: number) => AtomicPart): Store {
  return lying((connection) => ({ commit: (parts) => connection.commit(parts.map(change)) }));
}

/** A store that takes some other key for a key. */
function renaming(name: (key: string) => string): Store {
  const renamed = <Item extends { readonly key: string }>(items: readonly Item[]) =>
    items.map((item) => ({ ...item, key: name(item.key) }));
  return lying((connection) => ({
    async read(keys) {
      const found = await connection.read(keys.map(name));
      return found.map((entry, index) => entry && { ...entry, key: keys[index] });
    },
    commit: (parts) =>
      connection.commit(parts.map(({ checks, writes, removals, ...more }) => ({
        ...more,
        checks: renamed(checks),
        writes: renamed(writes),
        removals: renamed(removals),
      }))),
  }));
}

/** A store whose lists have the keys that match. */
function matching(matches: (key: string, prefix: string) => boolean): Store {
  return lying((connection) => ({
    async list({ prefix, limit, ...more }) {
      const all = await connection.list({ ...more, prefix: "", limit: 10_000 });
      return all.filter(({ key }) => matches(key, prefix)).slice(0, limit);
    },
  }));
}

/** A durable store that is empty again when the last connection is closed. */
function forgetful(): Store {
  let [store, open] = [memoryStore(), 0];
  return {
    ...store,
    traits: { ...store.traits, durability: "power" },
    async open(services) {
      const connection = await store.open(services);
      open++;
      let closing: Promise<void> | undefined;
      const close = async () => {
        await connection.close();
        if (--open === 0) store = memoryStore();
      };
      return {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => closing ??= close(),
      };
    },
  };
}

/** A store each of whose connections counts its versions by itself. Checks are not tried here. */
function counting(): Store {
  return lying((connection) => {
    let commits = 0;
    return {
      async commit(parts) {
        const version = String(++commits);
        return (await connection.commit(parts)).map((applied) => applied && version);
      },
    };
  });
}

const inTurns = "no reader sees only some of what a commit applies";
const prefixes = "a list has the keys that begin with its prefix, and no other";
const atLimits = "a part at the limits is applied";
const ordered = "a list is in the order of the bytes of its keys";
const buffers = "a written value does not change if the caller reuses its buffer";
const contradicts = "a part whose checks of one key contradict each other is not applied";
const reads = "a read returns the entries in the order of its keys, and undefined for a key without a value";

const later = () => new Promise<void>((resolve) => queueMicrotask(resolve));
const shared = new Map<string, Uint8Array>();

/** Each lie, with the case that finds it. */
const lies: Readonly<Record<string, readonly [found: string, open: () => Store]>> = {
  "a list reads one key after the other": [
    inTurns,
    () =>
      lying((connection) => ({
        async list(range) {
          const found = [];
          for (const { key } of await connection.list(range)) {
            for (let turn = 0; turn < 9; turn++) await later();
            found.push(...await connection.read([key]));
          }
          return found.filter((entry) => entry !== undefined);
        },
      })),
  ],
  "parts are committed one after the other": [
    inTurns,
    () =>
      lying((connection) => ({
        async commit(parts) {
          const versions = [];
          for (const part of parts) {
            versions.push(...await connection.commit([part]));
            for (let turn = 0; turn < 9; turn++) await later();
          }
          return versions;
        },
      })),
  ],
  "everything is lost when the last connection is closed": [
    "what was committed is there when all connections were closed, and no version comes again",
    forgetful,
  ],
  "each connection counts versions by itself": [
    "writes of a key by several connections never have the same version",
    counting,
  ],
  "only the first part rings": [
    "a watcher is called soon after another connection commits, until it is disposed of",
    () => changing((part, index) => ({ ...part, rings: index === 0 && part.rings === true })),
  ],
  "a list hands out its own buffers": [
    buffers,
    () =>
      lying((connection) => ({
        async list(range) {
          return (await connection.list(range)).map((entry) => {
            if (!shared.has(entry.version)) shared.set(entry.version, entry.value);
            return { ...entry, value: shared.get(entry.version)! };
          });
        },
      })),
  ],
  "a prefix with _ matches any character": [
    prefixes,
    () =>
      matching((key, prefix) =>
        Array.from(prefix).every((sign, index) => sign === "_" || sign === key[index])
      ),
  ],
  "a prefix ignores case": [
    prefixes,
    () => matching((key, prefix) => key.toLowerCase().startsWith(prefix.toLowerCase())),
  ],
  "keys are normalized": [ordered, () => renaming((key) => key.normalize())],
  "keys are cut after 255 characters": [atLimits, () => renaming((key) => key.slice(0, 255))],
  "values are read through an object": [
    reads,
    () =>
      lying((connection) => ({
        async read(keys) {
          const found: Record<string, Awaited<ReturnType<StoreConnection["read"]>>[number]> = {};
          for (const entry of await connection.read(keys)) if (entry !== undefined) found[entry.key] = entry;
          return keys.map((key) => found[key]);
        },
      })),
  ],
  "what expires is deleted at once": [
    "a value is readable until it expires",
    () =>
      changing((part) => ({
        ...part,
        writes: part.writes.map((write) =>
          write.expiresAtMs === undefined ? write : { ...write, expiresAtMs: 0 }
        ),
      })),
  ],
  "only the first 100 checks count": [
    atLimits,
    () => changing((part) => ({ ...part, checks: part.checks.slice(0, 100) })),
  ],
  "only the first 500 writes are applied": [
    atLimits,
    () => changing((part) => ({ ...part, writes: part.writes.slice(0, 500) })),
  ],
  "a read finds at most 100 keys": [
    atLimits,
    () =>
      lying((connection) => ({
        read: async (keys) => {
          const found = await connection.read(keys.slice(0, 100));
          return keys.map((_, index) => found[index]);
        },
      })),
  ],
  "values are cut after 1 MB": [
    atLimits,
    () =>
      changing((part) => ({
        ...part,
        writes: part.writes.map((write) => ({ ...write, value: write.value.subarray(0, 1_000_000) })),
      })),
  ],
  "of several checks of a key the last one counts": [
    contradicts,
    () =>
      changing((part) => ({
        ...part,
        checks: [...new Map(part.checks.map((check) => [check.key, check])).values()],
      })),
  ],
};

for (const [lie, [found, open]] of Object.entries(lies)) {
  Deno.test(`the conformance of stores finds that ${lie}`, async () => {
    const clock = new VirtualClock();
    const advance = (byMs: number) => clock.advance(byMs);
    const caseOf = (store: () => Store) =>
      storeConformance({ open: () => ({ store: store() }), clock, advance }).find(({ name }) =>
        name === found
      );
    await caseOf(() => lying(() => ({})))!.run(); // an honest one passes
    await assert.rejects(caseOf(open)!.run(), Error);
  });
}
