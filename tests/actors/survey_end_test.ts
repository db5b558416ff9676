// A survey ends when each respondent of that moment has replied, abstained or failed. The clock stands still in these
// tests unless they move it: a survey that waits for its deadline never ends.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  type MailboxOptions,
  protocol,
  RetryableError,
  submit,
  survey,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import * as fc from "fast-check";
import * as z from "zod";
import { gate, untyped, watch, World } from "./memory_world.ts";

const Poll = protocol("poll", {
  ask: survey(z.number(), z.number()),
  wrong: survey(z.number(), z.string()),
  note: tell(z.number()),
  work: submit(z.number(), z.number()),
  hold: tell(unchecked<Promise<void>>()),
});
const Broken = protocol("broken", { ask: survey(z.number(), z.number()) });
const Sender = protocol("sender", { fill: tell(z.number()) });

type Options = Pick<Partial<Actor>, "onFailure"> & { readonly mailbox?: MailboxOptions };

/** A respondent whose key says what it does. */
function respondent(options: Options = {}): Actor {
  return actor(Poll, {
    state: () => null,
    on: {
      ask: (ctx, number) => does[ctx.key]?.() ?? (ctx.key in does ? undefined : number),
      wrong: () => untyped(7),
      note() {},
      work: (ctx, number) => ctx.key in does ? does.fails() as never : number,
      hold: (_ctx, promise) => promise,
    },
    onFailure: "resume",
    retry: { attempts: 1 },
    ...options,
  });
}

/** What respondents do that give no reply. */
const does: Readonly<Record<string, () => undefined | Promise<undefined>>> = {
  abstains: () => undefined,
  "abstains later": () => Promise.resolve(undefined),
  fails: () => {
    throw new Error("failed");
  },
  "fails later": () => Promise.reject(new Error("failed later")),
  refuses: () => {
    throw new TerminalError("no");
  },
  "wants another try": () => {
    throw new RetryableError("later", { afterMs: 1 });
  },
  "gives nonsense": () => untyped("no number"),
};

const broken = actor(Broken, {
  state: () => {
    throw new Error("no state");
  },
  on: { ask: (_ctx, number) => number },
  onFailure: "resume",
});

const sender = actor(Sender, {
  state: () => null,
  on: {
    fill(ctx, times) {
      for (let time = 0; time < times; time++) ctx.ref(Poll, "full").tell(Poll.note, time);
    },
  },
});

async function subscribed(world: World, ...keys: string[]): Promise<void> {
  for (const key of keys) world.system.subscribe(Poll.ask, world.system.ref(Poll, key).at(Poll.ask));
  await world.clock.settle();
}

/** The replies of a survey, and why it ended. */
async function outcomeOf(world: World, options = {}): Promise<[number[], string | undefined]> {
  const replies = world.system.survey(Poll.ask, 7, { timeoutMs: 60_000, ...options });
  assert.equal(replies.end, undefined);
  return [await Array.fromAsync(replies), replies.end];
}

for (const what of Object.keys(does)) {
  Deno.test(`a survey does not wait for a respondent that ${what}`, async () => {
    await using world = new World([respondent()]);
    await subscribed(world, "replies", what);
    assert.deepEqual(await outcomeOf(world), [[7], "all"]);
    assert.equal(world.population["~collector"], undefined);
  });
}

for (const onFailure of ["restart", "stop"] as const) {
  Deno.test(`a survey does not wait for a respondent that fails, if that means ${onFailure}`, async () => {
    await using world = new World([respondent({ onFailure })]);
    await subscribed(world, "fails", "replies");
    assert.deepEqual(await outcomeOf(world), [[7], "all"]);
  });
}

Deno.test("a survey of nobody ends at once", async () => {
  await using world = new World([respondent()]);
  assert.deepEqual(await outcomeOf(world), [[], "all"]);
  assert.equal(world.clock.monotonicMs(), 0);
});

Deno.test("a survey does not wait for who has unsubscribed, or wants another subject", async () => {
  await using world = new World([respondent()]);
  await subscribed(world, "replies", "gone");
  const gone = world.system.ref(Poll, "gone").at(Poll.ask);
  assert.equal(await world.system.unsubscribe(Poll.ask, gone), true);
  using _ = world.system.subscribe(Poll.ask, () => 1, { subject: "another.subject" });
  assert.deepEqual(await outcomeOf(world), [[7], "all"]);
});

Deno.test("a survey does not wait for a respondent whose mailbox is full", async () => {
  await using world = new World([respondent({ mailbox: { capacity: 1 } }), sender]);
  await subscribed(world, "replies", "full");
  const { promise, resolve } = gate();
  await world.system.ref(Poll, "full").tell(Poll.hold, promise);
  await world.clock.settle(); // it awaits, so further messages wait
  await world.system.ref(Sender, "a").tell(Sender.fill, 100);
  await world.clock.settle();
  assert.deepEqual(await outcomeOf(world), [[7], "all"]);
  assert.ok(world.letters.includes("poll ask: mailbox-full"));
  resolve();
});

Deno.test("a survey does not wait for a respondent whose state cannot be made", async () => {
  await using world = new World([respondent(), broken]);
  await subscribed(world, "replies");
  world.system.subscribe(Poll.ask, world.system.ref(Broken, "a").at(Broken.ask));
  assert.deepEqual(await outcomeOf(world), [[7], "all"]);
});

Deno.test("a survey does not wait for a respondent that nothing hosts, or has no room to begin", async () => {
  await using world = new World([respondent()], { limits: { actors: 3 } });
  await subscribed(world, "replies");
  for (const to of [{ protocol: "nobody", key: "a", operation: "ask" }, { protocol: "poll", key: "b" }]) {
    world.system.subscribe(Poll.ask, { operation: "ask", ...to } as never);
  }
  assert.deepEqual(await outcomeOf(world), [[7], "all"]);
  assert.deepEqual(world.letters.toSorted(), ["nobody ask: unknown-protocol", "poll ask: too-many-actors"]);
});

Deno.test("functions that abstain, throw or reject are not waited for", async () => {
  await using world = new World([respondent()]);
  world.system.subscribe(Poll.ask, () => undefined);
  world.system.subscribe(Poll.ask, () => Promise.resolve(undefined));
  world.system.subscribe(Poll.ask, () => {
    throw new Error("thrown");
  });
  world.system.subscribe(Poll.ask, () => Promise.reject(new Error("rejected")));
  world.system.subscribe(Poll.ask, () => 8);
  assert.deepEqual(await outcomeOf(world), [[8], "all"]);
});

Deno.test("a tell that is a respondent abstains, and a submit replies, or fails", async () => {
  await using world = new World([respondent()]);
  const { system } = world;
  system.subscribe(Poll.ask, untyped(system.ref(Poll, "replies").at(Poll.note)));
  system.subscribe(Poll.ask, system.ref(Poll, "replies").at(Poll.work));
  system.subscribe(Poll.ask, system.ref(Poll, "fails").at(Poll.work));
  assert.deepEqual(await outcomeOf(world), [[7], "all"]);
});

Deno.test("a reply that does not fit counts as a failure, and the survey ends", async () => {
  await using world = new World([respondent()]);
  world.system.subscribe(Poll.ask, untyped(world.system.ref(Poll, "a").at(Poll.wrong)));
  world.system.subscribe(Poll.ask, () => untyped("no number"));
  assert.deepEqual(await outcomeOf(world), [[], "all"]);
  assert.equal(world.population["~collector"], undefined);
});

Deno.test("a survey waits for the last of its respondents, and not for one that subscribed later", async () => {
  await using world = new World([respondent()]);
  const { promise, resolve } = gate<number>();
  using _slow = world.system.subscribe(Poll.ask, () => promise);
  await subscribed(world, "replies", "abstains");
  const outcome = watch(outcomeOf(world));
  await world.clock.advance(59_000);
  world.system.subscribe(Poll.ask, () => new Promise<number>(() => {}));
  await world.clock.settle();
  assert.equal(outcome.done, false);
  resolve(8);
  await world.clock.settle();
  assert.deepEqual(outcome.value, [[7, 8], "all"]);
});

Deno.test("a survey says that it has enough replies, even if they are all of them", async () => {
  await using world = new World([respondent()]);
  await subscribed(world, "1", "2");
  assert.deepEqual(await outcomeOf(world, { max: 2 }), [[7, 7], "max"]);
});

Deno.test("a survey that its reader left, or that a system stopped, has no end of its own", async () => {
  await using world = new World([respondent()]);
  await subscribed(world, "replies");
  using _ = world.system.subscribe(Poll.ask, () => new Promise<number>(() => {}));
  const left = world.system.survey(Poll.ask, 7);
  for await (const _reply of left) break;
  assert.equal(left.end, undefined);
  const stopped = world.system.survey(Poll.ask, 7);
  const read = watch(Array.fromAsync(stopped));
  await world.stop();
  await world.clock.settle();
  assert.deepEqual([(read.error as { code: string }).code, stopped.end], ["stopping", undefined]);
});

Deno.test("a resent respondent is not counted twice", async () => {
  let failing = true;
  const flaky = actor(Poll, {
    state: () => null,
    on: {
      ask: (_ctx, number) => failing ? does.fails() : number,
      wrong: () => untyped(7),
      note() {},
      work: () => 1,
      hold() {},
    },
    onFailure: "resume",
  });
  await using world = new World([flaky]);
  const { promise, resolve } = gate<number>();
  using _slow = world.system.subscribe(Poll.ask, () => promise);
  await subscribed(world, "flaky");
  const outcome = watch(outcomeOf(world));
  await world.clock.settle();
  failing = false;
  await world.system.deadLetters.resend(world.system.deadLetters.list()[0].id);
  await world.clock.settle();
  assert.equal(outcome.done, false);
  resolve(8);
  await world.clock.settle();
  assert.deepEqual(outcome.value, [[7, 8], "all"]);
});

Deno.test("a transient actor that surveys within its turn is told when all are through", async () => {
  const Best = protocol("best", { find: ask(unchecked<{ all: number[]; end: string | undefined }>()) });
  const best = actor(Best, {
    transient: true,
    state: () => null,
    on: {
      async find(ctx) {
        const replies = ctx.survey(Poll.ask, 7, { timeoutMs: 60_000 });
        return { all: await Array.fromAsync(replies), end: replies.end };
      },
    },
  });
  await using world = new World([best, respondent()]);
  await subscribed(world, "replies", "abstains", "fails");
  assert.deepEqual(await world.system.ref(Best, "a").ask(Best.find), { all: [7], end: "all" });
});

Deno.test("the number of services has no effect where a survey goes to no other one, and has bounds", async () => {
  await using world = new World([respondent()]);
  await subscribed(world, "replies");
  assert.deepEqual(await outcomeOf(world, { services: 2 }), [[7], "all"]);
  for (const services of [0, -1, 1.5, NaN, 1_001]) {
    assert.throws(() => world.system.survey(Poll.ask, 7, { services }), RangeError);
  }
});

Deno.test("whatever respondents do, a survey ends by itself with each reply once", async () => {
  const kinds = [...Object.keys(does), "replies"];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...kinds), { maxLength: 12 }), async (doing) => {
      await using world = new World([respondent()]);
      const { system } = world;
      for (const [index, what] of doing.entries()) {
        if (index % 2 === 0) system.subscribe(Poll.ask, () => what in does ? does[what]() : index);
        else system.subscribe(Poll.ask, system.ref(Poll, what in does ? what : `${index}`).at(Poll.ask));
      }
      const replying = doing.flatMap((what, index) => what in does ? [] : [index % 2 === 0 ? index : 7]);
      const [replies, end] = await outcomeOf(world);
      assert.deepEqual([replies.toSorted(), end], [replying.toSorted(), "all"]);
      await world.clock.settle();
      const { accepted, done, dead, waiting, running } = system.stats();
      assert.equal(accepted, done + dead + waiting + running);
      assert.equal(world.population["~collector"], undefined);
    }),
    { numRuns: 60 },
  );
});
