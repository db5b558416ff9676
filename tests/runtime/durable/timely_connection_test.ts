import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { TimelyConnection } from "../../../runtime/durable/timely_connection.ts";

/** A connection that does not answer until the test lets it. */
function silent(): StoreConnection & { answer(): void } {
  const calls: (() => void)[] = [];
  const call = <Result>(result: Result) =>
    new Promise<Result>((resolve) => calls.push(() => resolve(result)));
  return {
    read: () => call([]),
    list: () => call([]),
    commit: () => call(["v1"]),
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => call(undefined),
    answer: () => calls.splice(0).forEach((end) => end()),
  };
}

function timely(unknownOutcomes: boolean) {
  const clock = new VirtualClock();
  const inner = silent();
  const traits = { ...memoryStore().traits, unknownOutcomes };
  return { clock, inner, connection: new TimelyConnection(inner, traits, clock) };
}

const unread = (what: string, ms: number) => ({
  name: "StoreError",
  code: "store-unavailable",
  message: `Cannot ${what}: the store did not answer within ${ms} ms`,
});

Deno.test("TimelyConnection: what is not read in time rejects, and a commit has an unknown outcome", async () => {
  for (const [unknownOutcomes, ms] of [[true, 5_000], [false, 15_000]] as const) {
    const { clock, connection } = timely(unknownOutcomes);
    const outcomes = [
      assert.rejects(connection.read(["a"]), unread("read", ms)),
      assert.rejects(connection.list({ prefix: "", limit: 1 }), unread("list", ms)),
      assert.rejects(connection.commit([]), { name: "OutcomeUnknownError", code: "outcome-unknown" }),
    ];
    await clock.advance(ms - 1);
    let settled = false;
    void Promise.race(outcomes).then(() => settled = true);
    await clock.settle();
    assert.equal(settled, false);
    await clock.advance(1);
    await Promise.all(outcomes);
  }
});

Deno.test("TimelyConnection: each call has its own time, and what is answered is answered", async () => {
  const { clock, connection, inner } = timely(true);
  const first = assert.rejects(connection.read(["a"]), unread("read", 5_000));
  await clock.advance(3_000);
  const second = connection.commit([]);
  await clock.advance(2_000);
  await first;
  inner.answer();
  assert.deepEqual(await second, ["v1"]);
  await clock.advance(10_000);
  assert.equal(clock.waiting, 0);
});

Deno.test("TimelyConnection: while the store does not answer, calls do not pile up; one a second tries again", async () => {
  const { clock, connection, inner } = timely(true);
  let given = 0;
  const read = inner.read;
  inner.read = (keys) => {
    given++;
    return read(keys);
  };
  const lost = Array.from({ length: 100 }, () => connection.read(["a"]).catch(({ code }) => code));
  await clock.advance(5_000);
  assert.ok((await Promise.all(lost)).every((code) => code === "store-unavailable"));
  const refused = { message: "Cannot use the store: it has not answered 100 calls, and 100 are the most" };
  void connection.read(["a"]).catch(() => {});
  for (let index = 0; index < 50; index++) await assert.rejects(connection.read(["a"]), refused);
  await assert.rejects(connection.commit([]), { ...refused, code: "store-unavailable" }); // which is known
  assert.equal(given, 101);
  await clock.advance(1_000);
  void connection.read(["a"]).catch(() => {});
  assert.equal(given, 102);
  inner.answer();
  await clock.settle();
  const answered = connection.read(["a"]);
  inner.answer();
  assert.deepEqual(await answered, []);
  const closing = connection.close();
  await clock.advance(2_000);
  await closing;
});

Deno.test("TimelyConnection: closing is bounded, rejects calls under way, and leaves no timer", async () => {
  const { clock, connection } = timely(true);
  const told = assert.rejects(connection.commit([]), { code: "outcome-unknown" });
  const closing = connection.close();
  await clock.advance(2_000);
  await Promise.all([closing, told]);
  assert.equal(clock.waiting, 0);
});

Deno.test("TimelyConnection: what a store throws can be looked at", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const thrown of [proxy, null, Object.create(null)]) {
    const inner = { ...silent(), commit: () => Promise.reject(thrown) };
    const connection = new TimelyConnection(inner, memoryStore().traits, new VirtualClock());
    await assert.rejects(connection.commit([]), Error);
  }
});

Deno.test("TimelyConnection: a late answer of a presence counts as unknown, and does not delay the store", async () => {
  const clock = new VirtualClock();
  const never = () => new Promise<never>(() => {});
  const presence = { hold: never, gone: never, release: never, retain: never };
  const inner = { ...silent(), read: () => Promise.resolve([undefined]), presence };
  const connection = new TimelyConnection(inner, { ...memoryStore().traits, unknownOutcomes: true }, clock);
  const { hold, gone, release, retain } = connection.presence!;
  const answers: unknown[] = [];
  for (const call of [hold("a"), gone(["a"]), release("a"), retain(new Set(["a"]))]) {
    void call.then((answer) => answers.push(answer));
  }
  await clock.advance(4_999);
  assert.deepEqual(answers, []);
  await clock.advance(1);
  assert.deepEqual(answers, [false, new Set(), undefined, undefined]);
  const asked = Array.from({ length: 150 }, () => gone(["a"]));
  await clock.advance(5_000);
  assert.ok((await Promise.all(asked)).every((gone) => gone.size === 0));
  void gone(["a"]); // one a second finds out when it answers
  assert.equal((await gone(["a"])).size, 0);
  assert.deepEqual(await connection.read(["a"]), [undefined]);
  const closing = connection.close();
  await clock.advance(2_000);
  await closing;
  assert.equal(await hold("a"), false);
  assert.equal(clock.waiting, 0);
});

Deno.test("TimelyConnection: if the platform may stop the process, no timer is left when all calls are answered", async () => {
  for (const wakes of [true, false]) {
    const clock = new VirtualClock();
    const inner = silent();
    const told: unknown[] = [];
    const asked = wakes ? { ...inner, wakeAt: (atMs: unknown) => void told.push(atMs) } : inner;
    const connection = new TimelyConnection(asked, memoryStore().traits, clock);
    connection.wakeAt?.(1);
    const calls = [connection.read(["a"]), connection.commit([])];
    assert.equal(clock.waiting, 1);
    inner.answer();
    await Promise.all(calls);
    assert.deepEqual([clock.waiting, told], wakes ? [0, [1]] : [1, []]);
    const late = assert.rejects(connection.read(["a"]), unread("read", 15_000));
    await clock.advance(15_000);
    await late;
  }
});
