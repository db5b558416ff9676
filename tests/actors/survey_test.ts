import assert from "node:assert/strict";
import {
  actor,
  ask,
  InvalidPayloadError,
  LimitExceededError,
  protocol,
  StoppedError,
  survey,
  type SurveyEnd,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import { gate, untyped, watch, World } from "./memory_world.ts";
import { asIngress } from "../as_ingress.ts";

const Carrier = protocol("carrier", {
  quote: survey(z.number(), z.number()),
  loose: survey(z.number(), unchecked<number>()),
  date: survey(z.string().transform(Number), z.date().transform((date) => date.toISOString())),
  any: survey(z.number()),
});

/** Replies with its key times the payload; a key that is not a number abstains. */
function carrierActor(handled: string[] = []) {
  return actor(Carrier, {
    state: () => null,
    on: {
      quote: (ctx, grams) => {
        handled.push(ctx.key);
        if (ctx.key === "broken") throw new Error("broken");
        return Number.isNaN(Number(ctx.key)) ? undefined : grams * Number(ctx.key);
      },
      loose: () => untyped("no number"),
      date: (_ctx, ms) => new Date(ms),
      any: () => 1,
    },
    onFailure: "resume",
  });
}

function subscribeKeys(world: World, ...keys: string[]): void {
  for (const key of keys) {
    world.system.subscribe(Carrier.quote, world.system.ref(Carrier, key).at(Carrier.quote));
  }
}

/** Adds a respondent that never settles: then a survey ends at its deadline, or when there are enough replies. */
function subscribeHanging(world: World): void {
  world.system.subscribe(Carrier.quote, () => new Promise<number>(() => {}));
}

/** All replies, and the reason of the end. */
async function collect<T>(
  replies: AsyncIterableIterator<T, SurveyEnd>,
): Promise<{ replies: T[]; end: SurveyEnd }> {
  const collected: T[] = [];
  for (;;) {
    const { done, value } = await replies.next();
    if (done) return { replies: collected, end: value };
    collected.push(value);
  }
}

Deno.test("a survey asks all respondents, and ends when enough have replied", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2", "3");
  using _ = world.system.subscribe(Carrier.quote, (grams) => Promise.resolve(grams * 4));
  const { replies, end } = await collect(world.system.survey(Carrier.quote, 10, { max: 4 }));
  assert.deepEqual([replies.toSorted(), end], [[10, 20, 30, 40], "max"]);
  await world.clock.settle();
  assert.deepEqual([world.population["~collector"], world.letters], [undefined, []]);
});

Deno.test("a survey ends when its time is up, to the millisecond, with what has come by then", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2");
  subscribeHanging(world);
  const collected = watch(collect(world.system.survey(Carrier.quote, 10, { timeoutMs: 200 })));
  await world.clock.advance(199);
  assert.ok(!collected.done);
  await world.clock.advance(1);
  assert.deepEqual(collected.value, { replies: [10, 20], end: "deadline" });
  assert.equal(world.population["~collector"], undefined);
  const long = watch(collect(world.system.survey(Carrier.quote, 10)));
  await world.clock.advance(999);
  assert.ok(!long.done);
  await world.clock.advance(1);
  assert.deepEqual(long.value, { replies: [10, 20], end: "deadline" });
});

Deno.test("replies are there as they come, and a loop is over when the survey is", async () => {
  await using world = new World([]);
  const gates = [gate<number>(), gate<number>()];
  for (const { promise } of gates) world.system.subscribe(Carrier.quote, () => promise);
  const heard: number[] = [];
  const loop = (async () => {
    for await (const quote of world.system.survey(Carrier.quote, 10, { max: 2 })) heard.push(quote);
  })();
  await world.clock.settle();
  gates[1].resolve(5);
  await world.clock.settle();
  assert.deepEqual(heard, [5]);
  gates[0].resolve(6);
  await loop;
  assert.deepEqual(heard, [5, 6]);
});

Deno.test("a survey is published at the call, and replies wait until they are read", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2");
  subscribeHanging(world);
  const replies = world.system.survey(Carrier.quote, 10, { timeoutMs: 100 });
  await world.clock.advance(5_000);
  assert.deepEqual(await collect(replies), { replies: [10, 20], end: "deadline" });
  assert.deepEqual(await replies.next(), { done: true, value: "deadline" });
});

Deno.test("calls of next() can be made in advance, and each reply settles one of them", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2");
  subscribeHanging(world);
  const replies = world.system.survey(Carrier.quote, 10, { timeoutMs: 100 });
  const waiting = [replies.next(), replies.next(), replies.next()].map((next) => watch(next));
  await world.clock.advance(100);
  assert.deepEqual(waiting.map(({ value }) => value), [
    { done: false, value: 10 },
    { done: false, value: 20 },
    { done: true, value: "deadline" },
  ]);
});

Deno.test("a respondent abstains with undefined, and one that fails is a dead letter", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "silent", "broken", "2");
  world.system.subscribe(Carrier.quote, () => undefined);
  world.system.subscribe(Carrier.quote, () => Promise.resolve(undefined));
  assert.deepEqual(await collect(world.system.survey(Carrier.quote, 10)), { replies: [20], end: "all" });
  assert.deepEqual(world.letters, ["carrier quote: failed"]);
});

Deno.test("a survey without respondents has no replies, and surveys do not get each other's replies", async () => {
  await using world = new World([carrierActor()]);
  assert.deepEqual(await collect(world.system.survey(Carrier.quote, 10)), { replies: [], end: "all" });
  subscribeKeys(world, "1");
  const two = [10, 20].map((grams) => collect(world.system.survey(Carrier.quote, grams, { max: 1 })));
  assert.deepEqual((await Promise.all(two)).map(({ replies }) => replies), [[10], [20]]);
});

Deno.test("leaving a survey early releases everything, and later replies are counted", async () => {
  await using world = new World([carrierActor()]);
  const { promise, resolve } = gate<number>();
  subscribeKeys(world, "1", "2");
  using _ = world.system.subscribe(Carrier.quote, () => promise);
  for await (const quote of world.system.survey(Carrier.quote, 10, { timeoutMs: 60_000 })) {
    assert.equal(quote, 10);
    break;
  }
  await world.clock.settle();
  assert.equal(world.population["~collector"], undefined);
  resolve(5);
  await world.clock.settle();
  assert.deepEqual([world.letters, world.system.stats().lateReplies], [[], 1]);
  assert.equal(world.population["~collector"], undefined);
});

Deno.test("leaving a survey ends the wait for its next reply", async () => {
  await using world = new World([]);
  subscribeHanging(world);
  const replies = world.system.survey(Carrier.quote, 10);
  const waiting = watch(replies.next());
  await world.clock.settle();
  assert.equal((await replies.return!()).done, true);
  await world.clock.settle();
  assert.equal(waiting.value?.done, true);
  assert.equal((await replies.next()).done, true);
});

Deno.test("a survey that is left yields none of the replies that had arrived", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2");
  const replies = world.system.survey(Carrier.quote, 10);
  await world.clock.settle();
  assert.deepEqual(await replies.next(), { done: false, value: 10 });
  await replies.return!();
  assert.equal((await replies.next()).done, true);
});

Deno.test("a reply after the last one that was wanted is counted, and leaves nothing", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2", "3");
  const { replies, end } = await collect(world.system.survey(Carrier.quote, 10, { max: 1 }));
  await world.clock.settle();
  assert.deepEqual([replies, end], [[10], "max"]);
  assert.deepEqual([world.letters, world.system.stats().lateReplies], [[], 2]);
  assert.equal(world.population["~collector"], undefined);
});

Deno.test("a reply that does not fit is a dead letter, and counts for nothing", async () => {
  await using world = new World([carrierActor()]);
  const { system } = world;
  system.subscribe(Carrier.quote, system.ref(Carrier, "9").at(Carrier.loose));
  system.subscribe(Carrier.quote, () => untyped("no number"));
  subscribeKeys(world, "2");
  const { replies, end } = await collect(system.survey(Carrier.quote, 10, { max: 1 }));
  assert.deepEqual([replies, end], [[20], "max"]);
  const bad = system.deadLetters.list();
  assert.deepEqual(world.letters, ["~collector take: invalid-payload", "~collector take: invalid-payload"]);
  assert.deepEqual(bad.map(({ payload }) => payload), ["no number", "no number"]);
});

Deno.test("respondents get the output of the payload, callers the output of the reply; raw gives replies before their schema", async () => {
  await using world = new World([carrierActor()]);
  const { system } = world;
  system.subscribe(Carrier.date, system.ref(Carrier, "a").at(Carrier.date));
  const day = "1970-01-01T00:00:00.000Z";
  assert.deepEqual((await collect(system.survey(Carrier.date, "0", { max: 1 }))).replies, [day]);
  const raw = await collect(system.survey(Carrier.date, "0", asIngress({ max: 1, raw: true })));
  assert.deepEqual(raw.replies, untyped([new Date(0)]));
});

Deno.test("a respondent does not start if the survey is over", async () => {
  const handled: string[] = [];
  await using world = new World([carrierActor(handled)]);
  const { promise, resolve } = gate();
  world.system.subscribe(Carrier.any, async () => {
    await promise;
    return 1;
  });
  const first = watch(collect(world.system.survey(Carrier.any, { timeoutMs: 100 })));
  const second = watch(collect(world.system.survey(Carrier.any, { timeoutMs: 100 })));
  await world.clock.advance(100);
  assert.deepEqual([first.value?.end, second.value?.end], ["deadline", "deadline"]);
  resolve();
  await world.clock.settle();
  assert.deepEqual([world.letters, world.system.stats().lateReplies], [["~listener hear: deadline"], 1]);
});

Deno.test("an invalid payload and invalid bounds throw at the call, and nothing is sent", async () => {
  await using world = new World([carrierActor()], { limits: { actors: 1 } });
  const { system } = world;
  assert.throws(() => system.survey(Carrier.quote, untyped("ten")), InvalidPayloadError);
  for (const timeoutMs of [0, -1, NaN]) {
    assert.throws(() => system.survey(Carrier.quote, 10, { timeoutMs }), RangeError);
  }
  for (const max of [0, -1, 1.5, NaN]) {
    assert.throws(() => system.survey(Carrier.quote, 10, { max }), RangeError);
  }
  assert.equal(system.stats().accepted, 0);
  // because there is no room for the topic
  assert.throws(() => system.survey(Carrier.quote, 10), LimitExceededError);
  await world.clock.settle();
  assert.deepEqual(world.population, {});
});

Deno.test("a repeated id gets the replies of the first survey, and no respondent is asked again", async () => {
  const handled: string[] = [];
  await using world = new World([carrierActor(handled)]);
  subscribeKeys(world, "1", "2");
  const options = { id: "7", max: 2 };
  const first = await collect(world.system.survey(Carrier.quote, 10, options));
  assert.deepEqual(await collect(world.system.survey(Carrier.quote, 10, options)), first);
  assert.deepEqual(handled, ["1", "2"]);
  assert.throws(() => world.system.survey(Carrier.quote, 11, options), { code: "id-reused" });
});

Deno.test("a survey rejects when the system stops, after the replies that have arrived", async () => {
  const world = new World([carrierActor()]);
  subscribeKeys(world, "1");
  subscribeHanging(world);
  const replies = world.system.survey(Carrier.quote, 10);
  const waiting = [replies.next(), replies.next()].map((next) => watch(next));
  await world.clock.settle();
  await world.stop();
  await world.clock.settle();
  assert.deepEqual(waiting[0].value, { done: false, value: 10 });
  assert.ok(waiting[1].error instanceof StoppedError);
  assert.equal(replies.end, undefined);
  assert.equal((await replies.return!()).done, true);
  assert.throws(() => world.system.survey(Carrier.quote, 10), StoppedError);
  assert.deepEqual(world.letters, ["~listener hear: stopping"]);
});

Deno.test("a transient actor surveys within its turn", async () => {
  const Best = protocol("best", { find: ask(z.number(), z.array(z.number())) });
  const best = actor(Best, {
    transient: true,
    state: () => null,
    on: {
      async find(ctx, grams) {
        const quotes: number[] = [];
        for await (const quote of ctx.survey(Carrier.quote, grams, { max: 2 })) quotes.push(quote);
        return quotes;
      },
    },
  });
  await using world = new World([best, carrierActor()]);
  subscribeKeys(world, "1", "2", "silent");
  assert.deepEqual(await world.system.ref(Best, "a").ask(Best.find, 10), [10, 20]);
});

Deno.test("a thousand surveys leave nothing behind but the topic, however they end", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1", "2");
  for (let round = 0; round < 400; round++) {
    assert.equal((await collect(world.system.survey(Carrier.quote, 10, { max: 2 }))).end, "max");
    for await (const _ of world.system.survey(Carrier.quote, 10)) break;
  }
  for (let round = 0; round < 200; round++) void world.system.survey(Carrier.quote, 10);
  await world.clock.advance(120_000);
  assert.deepEqual([world.population, world.clock.waiting], [{ "~topic": 1 }, 0]);
});

Deno.test("a survey in a turn ends with the turn's own deadline, and says what caused it", async () => {
  const Buyer = protocol("buyer", { compare: ask(z.number(), unchecked<number[]>()) });
  const causes: (string | undefined)[] = [];
  const ends: number[] = [];
  const carrier = actor(Carrier, {
    state: () => null,
    on: {
      quote: (ctx, grams) => {
        causes.push(ctx.correlationId);
        return grams;
      },
      loose: () => undefined,
      date: () => undefined,
      any: () => undefined,
    },
  });
  let world: World;
  const buyer = actor(Buyer, {
    transient: true,
    state: () => null,
    on: {
      async compare(ctx, grams) {
        const quotes: number[] = [];
        for await (const cents of ctx.survey(Carrier.quote, grams, { timeoutMs: 60_000 })) quotes.push(cents);
        ends.push(world.clock.monotonicMs());
        return quotes;
      },
    },
  });
  await using own = world = new World([carrier, buyer]);
  own.system.subscribe(Carrier.quote, own.system.ref(Carrier, "dhl").at(Carrier.quote));
  subscribeHanging(own);
  const ref = own.system.ref(Buyer, "ada");
  const answer = watch(ref.ask(Buyer.compare, 7, { id: "question", timeoutMs: 100 }));
  await own.clock.advance(200);
  assert.equal((answer.error as { code: string }).code, "deadline");
  assert.deepEqual(ends, [100]);
  assert.deepEqual(causes, ["question"]);
  assert.equal(own.population["~collector"], undefined);
});

Deno.test("of two surveys with the same id, one can be left and the other continues", async () => {
  await using world = new World([carrierActor()]);
  subscribeHanging(world);
  const first = world.system.survey(Carrier.quote, 1, { id: "same", timeoutMs: 100 });
  const second = world.system.survey(Carrier.quote, 1, { id: "same", timeoutMs: 100 });
  await first.return!();
  assert.deepEqual(await first.next(), { done: true, value: "max" });
  const next = watch(second.next());
  await world.clock.advance(99);
  assert.equal(next.done, false);
  await world.clock.advance(1);
  assert.deepEqual(next.value, { done: true, value: "deadline" });
});

Deno.test("a survey with an id is collected to its end although its reader left: a repeat gets all of it", async () => {
  for (const breaks of ["at once", "after the first"]) {
    const handled: string[] = [];
    await using world = new World([carrierActor(handled)]);
    const { promise, resolve } = gate<number>();
    subscribeKeys(world, "1", "2");
    using _ = world.system.subscribe(Carrier.quote, () => promise);
    const ask = () => world.system.survey(Carrier.quote, 10, { id: "7", timeoutMs: 1_000, max: 3 });
    const first = ask();
    if (breaks !== "at once") {
      await world.clock.settle();
      await first.next();
    }
    await first.return!();
    await world.clock.settle();
    const repeat = watch(collect(ask()));
    resolve(5);
    await world.clock.settle();
    assert.deepEqual(repeat.value, { replies: [10, 20, 5], end: "max" });
    assert.deepEqual(await collect(ask()), { replies: [10, 20, 5], end: "max" });
    assert.equal(handled.length, 2);
    assert.deepEqual([world.letters, world.system.stats().lateReplies], [[], 0]);
    assert.equal(world.population["~collector"], undefined);
  }
});

Deno.test("a survey with an id whose reader left ends at its deadline, and a repeat is told so", async () => {
  await using world = new World([carrierActor()]);
  subscribeKeys(world, "1");
  using _ = world.system.subscribe(Carrier.quote, () => new Promise<number>(() => {}));
  const ask = () => world.system.survey(Carrier.quote, 10, { id: "7", timeoutMs: 1_000 });
  await ask().return!();
  await world.clock.advance(1_000);
  assert.deepEqual(await collect(ask()), { replies: [10], end: "deadline" });
  assert.equal(world.population["~collector"], undefined);
});

Deno.test("the replies of a survey with an id take their share of what is remembered", async () => {
  const text = "x".repeat(1_000);
  await using world = new World([], { limits: { answerBytes: 2_500 } });
  const Poll = protocol("poll", { ask: survey(z.number(), z.string()) });
  for (const _ of [1, 2]) world.system.subscribe(Poll.ask, () => text);
  await world.clock.settle();
  const ask = (id: string) => world.system.survey(Poll.ask, 1, { id, max: 2 });
  for (const id of ["1", "2"]) assert.equal((await Array.fromAsync(ask(id))).length, 2);
  assert.equal((await Array.fromAsync(ask("2"))).length, 2);
  assert.throws(() => ask("1"), { code: "expired-reply" });
});
