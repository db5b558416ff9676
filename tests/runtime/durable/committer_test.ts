import assert from "node:assert/strict";
import { memoryStore, type StoreTraits } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Commission, Committer } from "../../../runtime/durable/committer.ts";
import type { Part } from "../../../runtime/store.ts";

class Named extends Commission {
  readonly part: Part;

  constructor(key: string) {
    super();
    this.part = { checks: [], writes: [{ key, value: new Uint8Array(1) }], removals: [] };
  }

  committed(): void {}
  stale(): void {}
  failed(): void {}
  landed(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** How many parts the commits have that are under way when so many have been submitted, and no commit ever ends. */
async function underWay(
  submitted: number,
  atOnce: Pick<StoreTraits, "commitsAtOnce" | "fullCommitsAtOnce">,
): Promise<number[]> {
  const clock = new VirtualClock();
  const groups: number[] = [];
  const { traits } = memoryStore();
  const connection = {
    read: () => Promise.resolve([]),
    list: () => Promise.resolve([]),
    commit(parts: readonly Part[]) {
      groups.push(parts.length);
      return new Promise<never>(() => {});
    },
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  const committer = new Committer(
    connection,
    { ...traits, partsAtOnce: 10, ...atOnce },
    clock,
    seededRandom(1),
  );
  for (let index = 0; index < submitted; index++) {
    committer.submit(new Named(`k${index}`));
    if (index === 0) await clock.settle(); // it is alone, and does not wait
  }
  await clock.settle();
  return groups;
}

Deno.test("Committer lets one commit be under way, and what comes meanwhile fills up the next", async () => {
  assert.deepEqual(await underWay(31, { commitsAtOnce: 1, fullCommitsAtOnce: 1 }), [1]);
});

Deno.test("Committer sends another ahead where that one is full", async () => {
  assert.deepEqual(await underWay(10, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1]);
  assert.deepEqual(await underWay(11, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1, 10]);
  assert.deepEqual(await underWay(31, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1, 10]);
});

Deno.test("Committer sends what there is where several commits are no slower than one", async () => {
  assert.deepEqual(await underWay(5, { commitsAtOnce: 2, fullCommitsAtOnce: 2 }), [1, 4]);
  assert.deepEqual(await underWay(31, { commitsAtOnce: 2, fullCommitsAtOnce: 3 }), [1, 10, 10]);
});

Deno.test("Committer commits aside at once, whatever waits and is under way, and says what came of the last", async () => {
  const clock = new VirtualClock();
  const { traits } = memoryStore();
  const answers = [
    () => new Promise<never>(() => {}),
    () => Promise.reject(new Error("not now")),
    () => Promise.resolve(["v2"]),
  ];
  const connection = {
    read: () => Promise.resolve([]),
    list: () => Promise.resolve([]),
    commit: () => answers.shift()!(),
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  const committer = new Committer(connection, traits, clock, seededRandom(1));
  for (let index = 0; index < 300; index++) committer.submit(new Named(`k${index}`));
  await clock.settle();
  await assert.rejects(committer.commitAside(new Named("aside").part), /not now/);
  assert.match(String(committer.failure), /not now/);
  assert.equal(await committer.commitAside(new Named("aside").part), "v2");
  assert.equal(committer.failure, undefined);
});
