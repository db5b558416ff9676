import assert from "node:assert/strict";
import type { Delivery, Receiver, Rejection, Tenure } from "@posthorn/posthorn/transport";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Generation } from "../../../../adapters/transports/kafka/generation.ts";
import { Health } from "../../../../adapters/transports/kafka/health.ts";
import { Names } from "../../../../adapters/transports/kafka/names.ts";
import { settingsOf } from "../../../../adapters/transports/kafka/options.ts";
import { Topics } from "../../../../adapters/transports/kafka/topics.ts";
import { ScriptedLink } from "./scripted_link.ts";

/** Holds each batch until it is told what became of it. */
class Holder implements Receiver {
  readonly tenures: Tenure[] = [];
  readonly held: { readonly values: string[]; readonly tenure: Tenure; end(error?: Error): void }[] = [];

  begin(tenure: Tenure): Promise<number | undefined> {
    this.tenures.push(tenure);
    return Promise.resolve(undefined);
  }

  take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Rejection[]>();
    const values = batch.map(({ body }) => new TextDecoder().decode(body));
    this.held.push({ values, tenure, end: (error) => error === undefined ? resolve([]) : reject(error) });
    return promise;
  }
}

function stage() {
  const clock = new VirtualClock();
  const link = new ScriptedLink();
  const settings = settingsOf({ brokers: ["h:1"], sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000 });
  const names = new Names(undefined, "s", "s-1");
  const topics = new Topics(link, settings, names, clock);
  const context = {
    openLink: () => link,
    topics,
    health: new Health(),
    clock,
    settings,
    admitted: Promise.resolve(),
    report: () => {},
    bury: () => Promise.resolve(),
  };
  const reading = names.reading({ kind: "inbox", protocol: "order", operations: [] });
  const holder = new Holder();
  const membership = { group: "order.inbox", memberId: "m", generation: 1, partitions: [0] };
  const committed = new Map([[0, { offset: 0, metadata: "" }]]);
  const generation = new Generation(context, link, reading, holder, link.topic!, membership, committed, {
    trouble: () => {},
    well: () => {},
  });
  const stop = new AbortController();
  const abandon = new AbortController();
  let ended: string | undefined;
  const running = generation.run(stop.signal, abandon.signal, new Map()).then(
    () => ended = "ended",
    (error) => {
      ended = error.code;
    },
  );
  const until = async (holds: () => boolean, byMs = 100) => {
    for (let step = 0; step < 500 && !holds(); step++) {
      await clock.advance(byMs);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.ok(holds());
  };
  return { clock, link, holder, stop, abandon, running, until, ended: () => ended };
}

Deno.test("a rebalance waits for the batch in hand, which is committed before the group is joined again", async () => {
  const { link, holder, until, running, ended } = stage();
  link.log[0].push("a", "b");
  await until(() => holder.held.length === 1);
  link.heartbeats = "REBALANCE_IN_PROGRESS";
  const before = link.heartbeatCount;
  await until(() => link.heartbeatCount > before + 3); // it goes on to say that it lives
  assert.equal(ended(), undefined);
  assert.equal(holder.tenures[0].signal.aborted, false);
  holder.held[0].end();
  await until(() => ended() === "ended");
  await running;
  assert.deepEqual(link.commits, [[{ partition: 0, offset: 2 }]]);
  assert.ok(holder.tenures[0].signal.aborted);
  assert.equal(link.left, 0);
});

Deno.test("a rebalance does not wait for ever: what is in hand then is not committed", async () => {
  const { link, holder, until, running, ended } = stage();
  link.log[0].push("a");
  await until(() => holder.held.length === 1);
  link.heartbeats = "REBALANCE_IN_PROGRESS";
  await until(() => ended() === "ended");
  await running;
  assert.ok(holder.tenures[0].signal.aborted);
  holder.held[0].end();
  await until(() => true);
  assert.deepEqual(link.commits, []);
});

Deno.test("a member that the group does not know any more ends its tenures at once", async () => {
  const { link, holder, until, running, ended, clock } = stage();
  link.log[0].push("a");
  await until(() => holder.held.length === 1);
  link.heartbeats = "UNKNOWN_MEMBER_ID";
  const beganMs = clock.monotonicMs();
  await until(() => ended() === "UNKNOWN_MEMBER_ID");
  assert.ok(clock.monotonicMs() - beganMs <= 1_500, "at the next heartbeat");
  await running;
  assert.ok(holder.tenures[0].signal.aborted);
  holder.held[0].end();
});

Deno.test("a group that cannot be reached is left after the session, and not before", async () => {
  const { link, holder, until, running, ended, clock } = stage();
  await until(() => holder.tenures.length === 1);
  link.heartbeats = "CONNECTION";
  const beganMs = clock.monotonicMs();
  await until(() => ended() === "CONNECTION");
  await running;
  const tookMs = clock.monotonicMs() - beganMs;
  assert.ok(tookMs >= 10_000 && tookMs < 13_000, `${tookMs} ms`);
});

Deno.test("a batch that is not taken comes again, with what is behind it, in another tenure", async () => {
  const { link, holder, until, running, stop } = stage();
  link.log[0].push("a", "b");
  await until(() => holder.held.length === 1);
  holder.held[0].end(new Error("the store is away"));
  link.log[0].push("c");
  await until(() => holder.held.length === 2);
  assert.deepEqual(holder.held[1].values, ["a", "b", "c"]);
  assert.ok(holder.held[0].tenure.signal.aborted);
  assert.notEqual(holder.held[0].tenure, holder.held[1].tenure);
  assert.deepEqual(link.commits, []);
  holder.held[1].end();
  stop.abort();
  await until(() => link.left === 1);
  await running;
  assert.deepEqual(link.commits, [[{ partition: 0, offset: 3 }]]);
});

Deno.test("who stops waits for the batch in hand, and who abandons it does not", async () => {
  for (const abandons of [false, true]) {
    const { link, holder, until, running, stop, abandon, ended } = stage();
    link.log[0].push("a");
    await until(() => holder.held.length === 1);
    stop.abort();
    for (let step = 0; step < 20; step++) await until(() => true);
    assert.equal(ended(), undefined);
    if (abandons) abandon.abort();
    else holder.held[0].end();
    await until(() => ended() === "ended");
    await running;
    assert.equal(link.left, 1);
    assert.deepEqual(link.commits.length, abandons ? 0 : 1);
    if (abandons) holder.held[0].end();
  }
});

Deno.test("a topic that was made anew is another log: the tenures end", async () => {
  const { link, holder, until, running, ended, clock } = stage();
  await until(() => holder.tenures.length === 1);
  assert.equal(holder.tenures[0].epoch, "t1");
  link.topic = { id: "t2", leaders: [1, 1] };
  await clock.advance(60_000); // until it is looked up again
  await until(() => ended() === "TOPIC_GONE");
  await running;
  assert.ok(holder.tenures[0].signal.aborted);
});
