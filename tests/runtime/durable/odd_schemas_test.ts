// Whatever a schema does with a message, and however that message arrived: it becomes one dead letter, and no
// other message is affected.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  type Address,
  ask,
  type Context,
  event,
  Failure,
  protocol,
  type Schema,
  submit,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import { oddThings } from "../odd_things.ts";
import { deadOf, kinds, missedMs, onEach } from "./durable_stage.ts";
import { inEach, type World } from "./worlds.ts";

/** A handwritten schema that throws for certain values. */
function throwing(thrown: () => unknown): Schema<string> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate(value) {
        if (value === "bad") throw thrown();
        return { value: value as string };
      },
    },
  };
}

const boom = () => new Error("boom");
const schemas: Readonly<Record<string, Schema<string>>> = {
  "that throws": throwing(boom),
  "of zod whose transform throws": z.string().transform((text) => text === "bad" ? new URL(text).href : text),
  "that answers with a promise": {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => value === "bad" ? Promise.reject(boom()) : { value: value as string },
    },
  },
};

/** Sends a payload in every mode to an actor that validates it with one schema. */
function stageOf(schema: Schema<string>) {
  const Page = protocol("page", {
    open: tell(schema),
    save: submit(schema, unchecked<string>()),
    titles: ask(unchecked<readonly string[]>()),
  });
  const Crawler = protocol("crawler", {
    go: tell(unchecked<{ way: string; text: string }>()),
    give: submit(unchecked<string>(), unchecked<string>()),
    refused: tell(Failure),
    codes: ask(unchecked<readonly string[]>()),
    found: event(unchecked<string>()),
    checked: event(schema),
    named: event(unchecked<string>(), {
      subject(): string {
        throw null;
      },
    }),
  });
  type Pages = { state: readonly string[] };
  const add = (ctx: Pages, text: string) => void (ctx.state = [...ctx.state, text]);
  const page = actor(Page, {
    state: (): readonly string[] => [],
    on: { open: add, save: (ctx, text) => (add(ctx, text), text), titles: (ctx) => ctx.state },
  });
  const ways: Record<
    string,
    (ctx: Context<"crawler", readonly string[]>, to: Address<string>, text: string) => void
  > = {
    tell: (ctx, _, text) => ctx.ref(Page, "a").tell(Page.open, text),
    submit: (ctx, _, text) => {
      ctx.ref(Page, "a").submit(Page.save, text, {
        failTo: ctx.self.at(Crawler.refused),
        replyTo: ctx.ref(Page, "b").at(Page.open),
      });
    },
    reply: (ctx, to, text) => void ctx.self.submit(Crawler.give, text, { replyTo: to }),
    schedule: (ctx, to, text) => ctx.schedule(`to open ${text}`, { afterMs: 10 }, to, text),
    subscription: (ctx, _, text) => ctx.publish(Crawler.found, text),
  };
  const crawler = actor(Crawler, {
    state: (): readonly string[] => [],
    on: {
      go: (ctx, { way, text }) => ways[way](ctx, ctx.ref(Page, "a").at(Page.open), text),
      give: (_, text) => text,
      refused: (ctx, { code }) => add(ctx, code),
      codes: (ctx) => ctx.state,
    },
  });
  const actors = [page, crawler] as readonly Actor[];
  return { Page, Crawler, actors, ways: Object.keys(ways) };
}

type Cast = ReturnType<typeof stageOf>;

async function titlesOf(system: System, { Page }: Cast): Promise<readonly string[]> {
  return await system.ref(Page, "a").ask(Page.titles);
}

/** Waits for an outcome in a world whose calls take time. */
async function soon<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {});
  await world.settle();
  return await promise;
}

for (const [which, schema] of Object.entries(schemas)) {
  const cast = stageOf(schema);
  const { Crawler, Page, actors } = cast;
  for (const way of cast.ways) {
    inEach(`a schema ${which} makes a dead letter of a message that came by a ${way}`, async (world) => {
      const system = await world.start(actors);
      if (way === "subscription") {
        system.subscribe(Crawler.found, system.ref(Page, "a").at(Page.open));
        await world.settle();
      }
      for (const text of ["bad", "good"]) {
        await soon(world, system.ref(Crawler, "x").tell(Crawler.go, { way, text }));
        await world.pass(1_000, 100);
      }
      assert.deepEqual(await soon(world, titlesOf(system, cast)), ["good"]);
      const operation = way === "submit" ? "save" : "open";
      assert.deepEqual(deadOf(system), [`a ${operation}: failed`]);
      assert.match(
        system.deadLetters.list()[0].message,
        /^(page\/a (open|save): )?Cannot accept page\/a (open|save): its schema failed: /,
      );
      assert.equal(system.deadLetters.list()[0].payload, "bad");
      assert.equal(system.deadLetters.list()[0].attempts, 0, "its handler never began");
      const codes = await soon(world, system.ref(Crawler, "x").ask(Crawler.codes));
      assert.deepEqual(codes, way === "submit" ? ["failed"] : []);
      assert.equal(system.health.status, "running");
    });
  }
}

for (const [name, make] of oddThings) {
  inEach(`a schema that throws ${name} makes a dead letter of what a turn told`, async (world) => {
    const cast = stageOf(throwing(make));
    const system = await world.start(cast.actors);
    for (const text of ["bad", "good"]) {
      await soon(world, system.ref(cast.Crawler, "x").tell(cast.Crawler.go, { way: "tell", text }));
    }
    await world.settle();
    assert.deepEqual(await soon(world, titlesOf(system, cast)), ["good"]);
    assert.equal(system.deadLetters.size, 1);
  });
}

inEach("a sender outside gets the error that a schema throws, and nothing is accepted", async (world) => {
  const cast = stageOf(throwing(() => null));
  const { Page, Crawler } = cast;
  const system = await world.start(cast.actors);
  const page = system.ref(Page, "a");
  for (
    const send of [
      () => page.tell(Page.open, "bad"),
      () => page.submit(Page.save, "bad"),
      () => system.publish(Crawler.checked, "bad"),
      () => system.publish(Crawler.named, "bad"),
    ]
  ) {
    await assert.rejects(soon(world, send() as Promise<unknown>), TypeError);
  }
  assert.deepEqual(deadOf(system), []);
  assert.deepEqual(await soon(world, titlesOf(system, cast)), []);
});

inEach(
  "what a turn publishes and a schema or a subject throws at is a dead letter, and the turn stands",
  async (world) => {
    const Log = protocol("log", {
      go: tell(unchecked<string>()),
      lines: ask(unchecked<readonly string[]>()),
      checked: event(throwing(boom)),
      named: event(unchecked<string>(), {
        subject(text): string {
          if (text === "bad") throw null;
          return "named";
        },
      }),
    });
    const log = actor(Log, {
      state: (): readonly string[] => [],
      on: {
        go(ctx, text) {
          ctx.publish(Log.checked, text);
          ctx.publish(Log.named, text);
          ctx.state = [...ctx.state, text];
        },
        lines: (ctx) => ctx.state,
      },
    });
    const system = await world.start([log]);
    const heard: string[] = [];
    system.subscribe(Log.checked, (text) => void heard.push(text));
    system.subscribe(Log.named, (text) => void heard.push(text));
    await world.settle();
    for (const text of ["bad", "good"]) await soon(world, system.ref(Log, "a").tell(Log.go, text));
    await world.pass(100, 100);
    assert.deepEqual(heard, ["good", "good"]);
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["failed", "failed"]);
    assert.deepEqual(await soon(world, system.ref(Log, "a").ask(Log.lines)), ["bad", "good"]);
  },
);

onEach(
  kinds,
  "a message at which a newer schema throws is a dead letter, and the others are handled",
  async (stage) => {
    const older = stageOf(unchecked<string>());
    const gate = Promise.withResolvers<void>();
    const slow = actor(older.Page, {
      state: (): readonly string[] => [],
      on: { open: () => gate.promise, save: (_, text) => text, titles: (ctx) => ctx.state },
    });
    const first = await stage.start([slow]);
    for (const text of ["bad", "good"]) await first.ref(older.Page, "a").tell(older.Page.open, text);
    const { id } = await first.ref(older.Page, "b").submit(older.Page.save, "good");
    await stage.settle();
    await stage.kill(first);
    const newer = stageOf(throwing(boom));
    const second = await stage.start(newer.actors);
    await stage.pass(missedMs);
    assert.deepEqual(deadOf(second), ["a open: failed"]);
    assert.deepEqual(await titlesOf(second, newer), ["good"]);
    assert.equal(await second.ticket(id).reply({ timeoutMs: 0 }), "good");
    gate.resolve();
  },
);
