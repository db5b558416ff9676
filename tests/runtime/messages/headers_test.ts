// Headers travel with a message and with all that follows from it, and can be read in a turn and by a local function.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  event,
  protocol,
  type Published,
  RetryableError,
  submit,
  survey,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { inEach, type World } from "../durable/worlds.ts";
import { onEach } from "../durable/durable_stage.ts";
import { Services } from "../remote/services.ts";
import * as z from "zod";

type Headers = Readonly<Record<string, string>>;

const Desk = protocol("desk", {
  hear: tell(z.string()),
  read: ask(z.string(), z.record(z.string(), z.string())),
  work: submit(z.string(), z.string()),
  answered: tell(z.string()),
  refused: tell(unchecked<{ id: string; code: string; message: string }>()),
  pass: tell(z.string()),
  happened: event(z.string()),
});
const Poll = protocol("poll", { quote: survey(z.string(), z.string()) });

/** What turns and functions have read, by who did. */
class Seen {
  readonly #lines = new Map<string, Headers>();

  add(who: string, headers: Headers): void {
    assert.ok(Object.isFrozen(headers), who);
    this.#lines.set(who, headers);
  }

  /** All that was read since the last call. */
  take(): Record<string, Headers> {
    const all = Object.fromEntries(this.#lines);
    this.#lines.clear();
    return all;
  }
}

function desk(seen: Seen): Actor {
  return actor(Desk, {
    state: () => null,
    on: {
      hear: (ctx, text) => {
        seen.add(`${ctx.key} ${text}`, ctx.headers);
        if (text === "retry" && ctx.attempt === 1) throw new RetryableError("later", { afterMs: 10 });
      },
      read: (ctx) => ({ ...ctx.headers }),
      work: (ctx, text) => {
        seen.add(`${ctx.key} ${text}`, ctx.headers);
        if (text === "fail") throw new Error("boom");
        return text;
      },
      answered: (ctx, text) => seen.add(`${ctx.key} answered ${text}`, ctx.headers),
      refused: (ctx, { code }) => seen.add(`${ctx.key} refused ${code}`, ctx.headers),
      pass: (ctx, text) => {
        const to = ctx.ref(Desk, "b");
        to.tell(Desk.hear, `${text} 1`);
        to.tell(Desk.hear, `${text} 2`, { headers: { ...ctx.headers, step: "2" } });
        to.tell(Desk.hear, `${text} 3`);
        ctx.publish(Desk.happened, text);
        const replyTo = ctx.self.at(Desk.answered);
        const failTo = ctx.self.at(Desk.refused);
        to.submit(Desk.work, text, { replyTo, failTo });
        to.submit(Desk.work, "fail", { replyTo, failTo });
      },
    },
    retry: { attempts: 2, baseMs: 10 },
  });
}

const poll = (seen: Seen): Actor =>
  actor(Poll, {
    state: () => null,
    on: {
      quote: (ctx, text) => {
        seen.add(`poll ${text}`, ctx.headers);
        return text;
      },
    },
  });

/** Lets time pass until a promise settles. */
async function during<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  let settled = false;
  const over = () => void (settled = true);
  promise.then(over, over);
  for (let step = 0; step < 60 && !settled; step++) await world.pass(100, 100);
  return await promise;
}

async function all<Reply>(replies: AsyncIterable<Reply>): Promise<Reply[]> {
  const collected: Reply[] = [];
  for await (const reply of replies) collected.push(reply);
  return collected;
}

inEach(
  "headers of a send are read in the turn, in each mode, and without them there are none",
  async (world) => {
    const seen = new Seen();
    const system = await world.start([desk(seen), poll(seen)]);
    const a = system.ref(Desk, "a");
    system.subscribe(Desk.happened, a.at(Desk.hear));
    system.subscribe(Poll.quote, system.ref(Poll, "p").at(Poll.quote));
    await world.settle();
    for (const headers of [undefined, { tenant: "acme", name: "Zoë" }]) {
      const options = headers && { headers };
      const read = headers ?? {};
      await during(world, a.tell(Desk.hear, "told", options));
      assert.deepEqual(await during(world, a.ask(Desk.read, "", options)), read);
      await during(world, a.submit(Desk.work, "submitted", options));
      await during(world, system.publish(Desk.happened, "published", options));
      await during(world, all(system.survey(Poll.quote, "asked", { ...options, max: 1, timeoutMs: 500 })));
      await world.pass(1_000, 100);
      assert.deepEqual(seen.take(), {
        "a told": read,
        "a submitted": read,
        "a published": read,
        "poll asked": read,
      });
    }
  },
);

inEach(
  "headers go with all that a turn sends, unless a send has its own, and with what answers that",
  async (world) => {
    const seen = new Seen();
    const system = await world.start([desk(seen)]);
    system.subscribe(Desk.happened, system.ref(Desk, "c").at(Desk.hear));
    await world.settle();
    await during(world, system.ref(Desk, "a").tell(Desk.pass, "x", { headers: { tenant: "acme" } }));
    await world.pass(3_000, 100);
    const acme = { tenant: "acme" };
    assert.deepEqual(seen.take(), {
      "b x 1": acme,
      "b x 2": { tenant: "acme", step: "2" },
      "b x 3": acme,
      "c x": acme,
      "b x": acme,
      "b fail": acme,
      "a answered x": acme,
      "a refused failed": acme,
    });
  },
);

inEach("headers are the same in each attempt, and when a dead letter is sent again", async (world) => {
  const seen = new Seen();
  const system = await world.start([desk(seen)]);
  const a = system.ref(Desk, "a");
  await during(world, a.tell(Desk.hear, "retry", { headers: { tenant: "acme" } }));
  await world.pass(2_000, 100);
  assert.deepEqual(seen.take(), { "a retry": { tenant: "acme" } });
  await during(world, a.submit(Desk.work, "fail", { headers: { tenant: "acme" } }));
  await world.pass(2_000, 100);
  seen.take();
  const [letter] = system.deadLetters.list();
  await during(world, Promise.resolve(system.deadLetters.resend(letter.id)));
  await world.pass(2_000, 100);
  assert.deepEqual(seen.take(), { "a fail": { tenant: "acme" } });
});

inEach("a local function reads the headers of an event and of a survey", async (world) => {
  const system = await world.start([desk(new Seen())]);
  const heard: [string, Headers][] = [];
  const hear = (text: string, { headers, id }: Published) => {
    assert.ok(Object.isFrozen(headers));
    assert.ok(typeof id === "string" && id !== "", `${id}`);
    heard.push([text, headers]);
    return text;
  };
  await during(world, system.subscribe(Desk.happened, (text, published) => void hear(text, published)).ready);
  system.subscribe(Poll.quote, hear);
  await world.settle();
  for (const headers of [undefined, { tenant: "acme" }]) {
    const options = headers && { headers };
    await during(world, system.publish(Desk.happened, "event", options));
    await world.pass(500, 100);
    await during(world, all(system.survey(Poll.quote, "survey", { ...options, max: 1, timeoutMs: 500 })));
    assert.deepEqual(heard.splice(0), [["event", headers ?? {}], ["survey", headers ?? {}]]);
  }
});

inEach(
  "a local function that does not settle within its turnMs does not block its subscription",
  async (world) => {
    const system = await world.start([desk(new Seen())]);
    const heard: string[] = [];
    const listener = (text: string) => {
      heard.push(text);
      return text === "hang" ? new Promise<never>(() => {}) : undefined;
    };
    await during(world, system.subscribe(Desk.happened, listener, { turnMs: 200 }).ready);
    system.subscribe(Poll.quote, (text) => text === "hang" ? new Promise<never>(() => {}) : text, {
      turnMs: 200,
    });
    await world.settle();
    for (const text of ["hang", "next"]) {
      await during(world, system.publish(Desk.happened, text));
      const replies = during(world, all(system.survey(Poll.quote, text, { timeoutMs: 500 })));
      assert.deepEqual(await replies, text === "hang" ? [] : ["next"]);
    }
    await world.pass(1_000, 100);
    assert.deepEqual(heard, ["hang", "next"]);
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["turn-timeout", "turn-timeout"]);
    assert.throws(() => system.subscribe(Poll.quote, (text) => text, { turnMs: 0 }), RangeError);
    const address = system.ref(Desk, "a").at(Desk.hear);
    assert.throws(() => system.subscribe(Desk.happened, address, { turnMs: 5 }), TypeError);
  },
);

for (const there of [false, true]) {
  for (const here of [false, true]) {
    const stores = `${there ? "a" : "no"} store there, ${here ? "a" : "no"} store here`;

    /** A service that hosts desks, and one that speaks to it. */
    const both = async (services: Services, seen: Seen): Promise<System[]> => {
      const { memoryStore } = await import("@posthorn/posthorn/memory");
      const remote = await services.start("desks", [desk(seen), poll(seen)], {
        ...there && { store: memoryStore() },
        expose: [Desk.hear, Desk.read, Desk.work, Desk.happened],
        remote: [Poll.quote],
      });
      const local = await services.start("front", [], {
        ...here && { store: memoryStore() },
        remote: [Desk],
        expose: [Poll],
      });
      return [remote, local];
    };

    Deno.test(`headers travel to another service in each mode: ${stores}`, async () => {
      await using services = new Services();
      const seen = new Seen();
      const [remote, local] = await both(services, seen);
      local.subscribe(Desk.happened, (text, { headers }) => seen.add(`local ${text}`, headers));
      remote.subscribe(Poll.quote, remote.ref(Poll, "p").at(Poll.quote));
      remote.subscribe(Poll.quote, (text, { headers }) => {
        seen.add(`function ${text}`, headers);
        return text;
      });
      await services.settle();
      const headers = { tenant: "acme", name: "Zoë", id: "7" };
      const a = local.ref(Desk, "a");
      await services.during(a.tell(Desk.hear, "told", { headers }));
      assert.deepEqual(await services.during(a.ask(Desk.read, "", { headers })), headers);
      await services.during(a.submit(Desk.work, "submitted", { headers }));
      await services.during(remote.publish(Desk.happened, "published", { headers }));
      await services.during(all(local.survey(Poll.quote, "asked", { headers, max: 2, timeoutMs: 2_000 })));
      await services.pass(2_000);
      assert.deepEqual(seen.take(), {
        "poll asked": headers,
        "function asked": headers,
        "a told": headers,
        "a submitted": headers,
        "local published": headers,
      });
    });
  }
}

onEach(
  ["denoKv"],
  "an event with large headers reaches all subscribers, in several commits",
  async (stage) => {
    const seen = new Seen();
    const system = await stage.start([desk(seen)]);
    const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
    for (const key of keys) system.subscribe(Desk.happened, system.ref(Desk, key).at(Desk.hear));
    await stage.settle();
    const headers = { large: "x".repeat(8_000) };
    await system.publish(Desk.happened, "all", { headers });
    await stage.pass(3_000);
    const read = seen.take();
    assert.deepEqual(Object.keys(read).toSorted(), keys.map((key) => `${key} all`).toSorted());
    assert.deepEqual(system.deadLetters.list(), []);
  },
);
