import assert from "node:assert/strict";
import { OutcomeUnknownError, PosthornError, StoreError } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { StoreConnection, StoreTraits } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import {
  type CommitOutcome,
  type CommitRequest,
  type CommitResult,
  GroupCommitter,
} from "../../../../runtime/durable/commits/group_committer.ts";
import type { CommitSize } from "../../../../runtime/ports/commit_size.ts";
import type { AtomicPart } from "../../../../runtime/ports/store.ts";

class Named implements CommitRequest {
  readonly name = "a part";
  readonly part: AtomicPart;
  readonly size: CommitSize | undefined;

  constructor(key: string, size?: CommitSize) {
    this.part = { checks: [], writes: [{ key, value: new Uint8Array(1) }], removals: [] };
    this.size = size;
  }

  done(_result: CommitResult): void {}
}

/**
 * The number of parts in each commit in progress after a number of parts were submitted, if no commit ever
 * ends.
 */
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
    commit(parts: readonly AtomicPart[]) {
      groups.push(parts.length);
      return new Promise<never>(() => {});
    },
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  const committer = new GroupCommitter(
    connection,
    { ...traits, partsAtOnce: 10, ...atOnce },
    clock,
    seededRandom(1),
  );
  for (let index = 0; index < submitted; index++) {
    committer.submit(new Named(`k${index}`));
    if (index === 0) await clock.settle(); // it is the only one, and does not wait
  }
  await clock.settle();
  return groups;
}

Deno.test("GroupCommitter lets one commit be under way, and what comes meanwhile fills up the next", async () => {
  assert.deepEqual(await underWay(31, { commitsAtOnce: 1, fullCommitsAtOnce: 1 }), [1]);
});

Deno.test("GroupCommitter sends another commit ahead if that one is full", async () => {
  assert.deepEqual(await underWay(10, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1]);
  assert.deepEqual(await underWay(11, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1, 10]);
  assert.deepEqual(await underWay(31, { commitsAtOnce: 1, fullCommitsAtOnce: 2 }), [1, 10]);
});

Deno.test("GroupCommitter sends what waits if several commits are no slower than one", async () => {
  assert.deepEqual(await underWay(5, { commitsAtOnce: 2, fullCommitsAtOnce: 2 }), [1, 4]);
  assert.deepEqual(await underWay(31, { commitsAtOnce: 2, fullCommitsAtOnce: 3 }), [1, 10, 10]);
});

/** The outcome of a commit, as text. */
class Told extends Named {
  readonly told: string[] = [];
  found: CommitOutcome = "stale";

  override done(result: CommitResult): void {
    const { status } = result;
    if (status === "committed") this.told.push(`committed ${result.version}`);
    else if (status === "stale") this.told.push(result.uncertain ? "stale, uncertain" : "stale");
    else this.told.push(`${status}: ${(result.error as { code?: string }).code}`);
  }

  find(): Promise<CommitOutcome> {
    return Promise.resolve(this.found);
  }
}

function committing(commit: StoreConnection["commit"], traits: Partial<StoreTraits> = {}) {
  const clock = new VirtualClock();
  const connection = {
    read: () => Promise.resolve([]),
    list: () => Promise.resolve([]),
    commit,
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
  const committer = new GroupCommitter(
    connection,
    { ...memoryStore().traits, ...traits },
    clock,
    seededRandom(1),
  );
  return { clock, committer };
}

Deno.test("GroupCommitter refuses what no commit can take, and nothing waits for it", async () => {
  const limits = { ...memoryStore().traits.limits, writes: 0 };
  const { clock, committer } = committing(() => Promise.resolve(["v1"]), { limits });
  const large = new Told("a");
  committer.submit(large);
  await clock.settle();
  assert.deepEqual(large.told, ["refused: too-large"]);
  await committer.idle();
});

/**
 * A committer whose store answers when the test lets it, with one commit at a time; and a function that
 * submits parts to it.
 */
function crowding() {
  const gate = Promise.withResolvers<void>();
  const commit = async (parts: readonly AtomicPart[]) => {
    await gate.promise;
    return parts.map(() => "v1");
  };
  const { clock, committer } = committing(commit, { commitsAtOnce: 1, fullCommitsAtOnce: 1 });
  const fill = async (count: number, bytes: number): Promise<void> => {
    const size = { checks: 0, writes: 1, bytes, keysBytes: 1 };
    const request = new Named("k", size);
    committer.submit(request);
    await clock.settle(); // this one does not wait
    for (let index = 0; index < count; index++) committer.submit(request);
  };
  return { clock, committer, gate, fill };
}

Deno.test("GroupCommitter takes in from outside until 100,000 commits wait: turns go on, and then there is room again", async () => {
  const { clock, committer, gate, fill } = crowding();
  await fill(99_999, 100);
  committer.requireRoom("worker/ada note");
  const turn = new Told("turn");
  committer.submit(turn);
  assert.throws(() => committer.requireRoom("worker/ada note"), {
    name: "StoreError",
    code: "store-unavailable",
    message: "Cannot commit worker/ada note: 100000 of 100000 commits wait for the store",
  });
  const another = new Told("another");
  committer.submit(another);
  gate.resolve();
  await committer.idle();
  committer.requireRoom("worker/ada note");
  assert.deepEqual([turn.told, another.told], [["committed v1"], ["committed v1"]]);
  await clock.settle();
});

Deno.test("GroupCommitter takes in from outside until 64 MiB wait: what has gone, and what is given up, takes no room", async () => {
  const { clock, committer, gate, fill } = crowding();
  await fill(63, 1_048_576);
  committer.requireRoom("worker/ada note");
  committer.submit(new Named("last", { checks: 0, writes: 1, bytes: 1_048_577, keysBytes: 1 }));
  assert.throws(() => committer.requireRoom("worker/ada note"), {
    code: "store-unavailable",
    message: "Cannot commit worker/ada note: 67108865 of 67108864 bytes wait for the store",
  });
  gate.resolve();
  await committer.idle();
  committer.requireRoom("worker/ada note");

  const other = crowding();
  await other.fill(64, 1_048_576);
  assert.throws(() => other.committer.requireRoom("worker/ada note"), { code: "store-unavailable" });
  await other.clock.advance(10_000);
  other.gate.reject(new StoreError("store-unavailable", "Cannot commit: the store is away"));
  await other.clock.settle();
  other.committer.requireRoom("worker/ada note"); // those that waited as long were given up with it
  for (let index = 0; index < 64; index++) {
    other.committer.submit(new Named("k", { checks: 0, writes: 1, bytes: 1_048_576, keysBytes: 1 }));
  }
  assert.throws(() => other.committer.requireRoom("worker/ada note"), {
    message: "Cannot commit worker/ada note: 67108864 of 67108864 bytes wait for the store",
  });
  await clock.settle();
  await other.clock.settle();
});

Deno.test("GroupCommitter divides what is refused together: one that is never taken stops no other", async () => {
  const groups: string[][] = [];
  const { clock, committer } = committing((parts) => {
    const keys = parts.map(({ writes }) => writes[0].key);
    groups.push(keys);
    if (keys.includes("bad")) return Promise.reject(new PosthornError("too-large", "Too many checks"));
    return Promise.resolve(parts.map(() => "v1"));
  }, { partsAtOnce: 10 });
  const all = ["first", "a", "b", "bad", "c", "d"].map((key) => new Told(key));
  for (const [index, each] of all.entries()) {
    committer.submit(each);
    if (index === 0) await clock.settle();
  }
  await clock.settle();
  assert.deepEqual(all.map(({ told }) => told), [
    ["committed v1"],
    ["committed v1"],
    ["committed v1"],
    ["refused: too-large"],
    ["committed v1"],
    ["committed v1"],
  ]);
  assert.deepEqual(groups, [
    ["first"],
    ["a", "b", "bad", "c", "d"],
    ["a", "b"],
    ["bad", "c", "d"],
    ["bad"],
    ["c", "d"],
  ]);
  assert.equal(committer.failure, undefined); // the store works again
});

Deno.test("GroupCommitter verifies a stale part if the store may be wrong", async () => {
  for (
    const [found, told] of [
      ["stale", "stale"],
      [{ landed: "v7" }, "committed v7"],
      [{ landed: undefined }, "committed undefined"],
    ] as const
  ) {
    const { clock, committer } = committing(() => Promise.resolve([undefined]), { unknownOutcomes: true });
    const part = Object.assign(new Told("a"), { found });
    committer.submit(part);
    await clock.settle();
    assert.deepEqual(part.told, [told]);
  }
});

Deno.test("GroupCommitter says of a stale part whether the store left an earlier attempt unanswered", async () => {
  let attempts = 0;
  const { clock, committer } = committing(() => {
    if (++attempts === 1) return Promise.reject(new OutcomeUnknownError("Cannot tell"));
    return Promise.resolve([undefined]);
  }, { unknownOutcomes: true });
  const part = new Told("a");
  committer.submit(part);
  await clock.advance(1_000);
  assert.deepEqual([attempts, part.told], [2, ["stale, uncertain"]]);
});

Deno.test("GroupCommitter commits again what is not there and may yet land, for ten seconds at the most", async () => {
  let commits = 0;
  const { clock, committer } = committing(() => {
    commits++;
    return Promise.resolve([commits === 3 ? "v3" : undefined]);
  }, { unknownOutcomes: true });
  const part = Object.assign(new Told("a"), { found: "open" as const });
  committer.submit(part);
  await clock.advance(1_000);
  assert.deepEqual([commits, part.told], [3, ["committed v3"]]);

  const never = committing(() => Promise.resolve([undefined]), { unknownOutcomes: true });
  const open = Object.assign(new Told("a"), { found: "open" as const });
  never.committer.submit(open);
  await never.clock.advance(20_000);
  assert.deepEqual(open.told, ["unknown: outcome-unknown"]);

  const lost = committing(() => Promise.resolve([undefined]), { unknownOutcomes: true });
  const unread = new Error("error sending request");
  const unseen = Object.assign(new Told("a"), { find: () => Promise.reject(unread) });
  lost.committer.submit(unseen);
  await lost.clock.advance(20_000);
  assert.deepEqual(unseen.told, ["unknown: outcome-unknown"]);
  assert.equal(lost.committer.failure, unread);
});

Deno.test("GroupCommitter gives up ten seconds after a commit whose outcome it does not learn", async () => {
  const unknown = () => Promise.reject(new OutcomeUnknownError("Cannot tell"));
  const { clock, committer } = committing(
    () => new Promise((_, reject) => clock.setTimer(5_000, () => unknown().catch(reject))),
  );
  const part = new Told("a");
  committer.submit(part);
  await clock.advance(11_000);
  assert.deepEqual(part.told, ["unknown: outcome-unknown"]);
});

Deno.test("GroupCommitter that ends settles each waiting part, and each part under way, once", async () => {
  const answer = Promise.withResolvers<string[]>();
  const { clock, committer } = committing(() => answer.promise, { commitsAtOnce: 1, fullCommitsAtOnce: 1 });
  const [underWay, waiting, late] = ["a", "b", "c"].map((key) => new Told(key));
  committer.submit(underWay);
  await clock.settle();
  committer.submit(waiting);
  committer.end();
  committer.submit(late);
  answer.resolve(["v1"]);
  await clock.settle();
  assert.deepEqual([underWay.told, waiting.told, late.told], [
    ["unknown: outcome-unknown"],
    ["refused: store-closed"],
    ["refused: store-closed"],
  ]);
});

Deno.test("GroupCommitter commits aside at once, whatever waits and is under way, and says what came of the last", async () => {
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
  const committer = new GroupCommitter(connection, traits, clock, seededRandom(1));
  for (let index = 0; index < 300; index++) committer.submit(new Named(`k${index}`));
  await clock.settle();
  await assert.rejects(committer.commitAside(new Named("aside").part), /not now/);
  assert.match(String(committer.failure), /not now/);
  assert.equal(await committer.commitAside(new Named("aside").part), "v2");
  assert.equal(committer.failure, undefined);
});

/** The commits that a committer reports: how long each took, and its parts. */
function reported({ clock, committer }: ReturnType<typeof committing>): (readonly [number, number])[] {
  const commits: (readonly [number, number])[] = [];
  committer.onCommitted = (beganMs, parts) => commits.push([clock.monotonicMs() - beganMs, parts]);
  return commits;
}

Deno.test("GroupCommitter reports how long each commit took, with its repeats, and its parts", async () => {
  let refusals = 1;
  const crowd = committing(async (parts) => {
    await new Promise<void>((resolve) => crowd.clock.setTimer(30, resolve));
    if (refusals-- > 0) throw new OutcomeUnknownError("Cannot tell");
    return parts.map(() => "v1");
  }, { unknownOutcomes: true, partsAtOnce: 10, commitsAtOnce: 1, fullCommitsAtOnce: 1 });
  const commits = reported(crowd);
  for (let index = 0; index < 4; index++) {
    crowd.committer.submit(new Named(`k${index}`));
    if (index === 0) await crowd.clock.settle();
  }
  await crowd.clock.advance(1_000);
  assert.deepEqual(commits.map(([, parts]) => parts), [1, 3]);
  const [[repeatedMs], [tookMs]] = commits;
  assert.ok(repeatedMs >= 30 + 25 + 30, `the pause before the repeat counts: ${repeatedMs}`);
  assert.equal(tookMs, 30);
});

Deno.test("GroupCommitter reports the commits that it makes aside, and again, and none that failed", async () => {
  let commits = 0;
  const committed = committing(() => Promise.resolve([++commits === 2 ? "v2" : undefined]), {
    unknownOutcomes: true,
  });
  const open = reported(committed);
  committed.committer.submit(Object.assign(new Told("a"), { found: "open" as const }));
  await committed.clock.advance(1_000);
  assert.deepEqual(open, [[0, 1], [0, 1]]); // the store called the first one stale, and that is an answer
  await committed.committer.commitAside(new Named("aside").part);
  assert.equal(open.length, 3);

  const away = committing(() => Promise.reject(new StoreError("store-unavailable", "away")));
  const none = reported(away);
  away.committer.submit(new Named("a"));
  await away.clock.settle();
  await assert.rejects(away.committer.commitAside(new Named("aside").part));
  assert.deepEqual(none, []);
});
