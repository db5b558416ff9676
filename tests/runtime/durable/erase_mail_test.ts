// What waits for actors that no living instance hosts is counted, and can be erased.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  type Failure,
  protocol,
  submit,
  survey,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { VirtualClock } from "@posthorn/posthorn/testing";
import {
  deadOf,
  inMemory,
  kinds,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const Legacy = protocol("legacy", {
  hear: tell(unchecked<string>()),
  work: submit(unchecked<string>(), unchecked<string>()),
  quote: survey(unchecked<string>(), unchecked<string>()),
});
const Told = protocol("told", { failed: tell(unchecked<Failure>()), done: tell(unchecked<string>()) });

function legacy(heard: string[] = []): Actor {
  return actor(Legacy, {
    state: () => null,
    on: { hear: (_ctx, text) => void heard.push(text), work: () => "done", quote: () => "from legacy" },
  });
}

/** A program that sends to actors that it does not have. */
async function released(stage: Stage, told: Failure[] = []): Promise<System> {
  const tells = actor(Told, {
    state: () => null,
    on: { failed: (_ctx, failure) => void told.push(failure), done() {} },
  });
  return await stage.start([
    worker({
      tell: (ctx: WorkerContext, text) => ctx.ref(Legacy, text[0]).tell(Legacy.hear, text),
      many(ctx: WorkerContext, count) {
        for (let index = 0; index < Number(count); index++) {
          ctx.ref(Legacy, `${index % 7}`).tell(Legacy.hear, `${index}`);
        }
      },
      submit: (ctx: WorkerContext) => ctx.ref(Legacy, "x").submit(Legacy.work, "work"),
      submitTo(ctx: WorkerContext) {
        const to = ctx.ref(Told, "t");
        const addresses = { replyTo: to.at(Told.done), failTo: to.at(Told.failed) };
        ctx.ref(Legacy, "x").submit(Legacy.work, "work", addresses);
      },
    }),
    tells,
  ]);
}

async function runs(stage: Stage, system: System, ...scripts: string[]): Promise<void> {
  for (const script of scripts) {
    await ref(system, "ada").tell(Worker.run, script);
    await stage.settle();
  }
}

onEach(kinds, "mail that nobody hosts is counted everywhere, until it is erased", async (stage) => {
  const system = await released(stage);
  await runs(stage, system, "tell x1", "tell x2", "tell y3");
  const counts = { legacy: { actors: 2, waiting: 3 } };
  assert.deepEqual([system.stats().unhosted, system.health.unhosted], [counts, counts]);
  const open = ingress(system, { expose: [], metrics: true, healthReasons: true });
  assert.deepEqual((await (await open.request("/healthz")).json()).unhosted, counts);
  assert.match(await (await open.request("/metrics")).text(), /waiting_unhosted\{protocol="legacy"\} 3\n/);
  const closed = ingress(system, { expose: [] });
  assert.equal((await (await closed.request("/healthz")).json()).unhosted, undefined);

  const erasing = system.eraseMail(system.ref(Legacy, "x"));
  await stage.settle();
  assert.equal(await erasing, 2);
  assert.deepEqual(system.stats().unhosted, { legacy: { actors: 1, waiting: 1 } });
  assert.equal(await system.eraseMail({ protocol: "legacy" }), 1);
  assert.equal(await system.eraseMail({ protocol: "legacy" }), 0);
  assert.deepEqual([system.stats().unhosted, system.health.unhosted], [{}, undefined]);
  const left = await stage.keys("mail", "index");
  assert.deepEqual(left.filter((key) => key.includes("legacy")), []);
  assert.deepEqual(deadOf(system), []);
});

inMemory("a protocol may have the name of something that every object has", async (stage) => {
  const Odd = protocol("constructor", { hear: tell(unchecked<string>()) });
  const system = await stage.start([
    worker({ tell: (ctx: WorkerContext) => ctx.ref(Odd, "x").tell(Odd.hear, "x") }),
  ]);
  await runs(stage, system, "tell", "tell");
  // Not compared as an object: older versions of Deno take its member for that of its class.
  assert.deepEqual(Object.entries(system.stats().unhosted ?? {}), [["constructor", {
    actors: 1,
    waiting: 2,
  }]]);
  assert.equal(Object.hasOwn(Object, "waiting"), false);
});

inMemory("more mail than one page is erased, and what is sent afterwards waits", async (stage) => {
  const system = await released(stage);
  await runs(stage, system, "many 450");
  assert.equal(await system.eraseMail({ protocol: "legacy" }), 450);
  await runs(stage, system, "tell x1");
  const heard: string[] = [];
  await stage.start([legacy(heard)]);
  await stage.pass(30_000);
  assert.deepEqual(heard, ["x1"]);
});

inMemory("who waits for a reply to erased mail is told", async (stage) => {
  const told: Failure[] = [];
  const system = await released(stage, told);
  const ticket = await ref(system, "ada").ask(Worker.call, "submit") as string;
  await runs(stage, system, "submitTo");
  await system.subscribe(Worker.quote, system.ref(Legacy, "x").at(Legacy.quote)).ready;
  const replies = system.survey(Worker.quote, "quote", { timeoutMs: 3_600_000 });
  const collecting = Array.fromAsync(replies);
  await stage.settle();
  assert.equal(await system.eraseMail({ protocol: "legacy" }), 3);
  await stage.settle();
  await assert.rejects(system.ticket(ticket).reply(), { code: "mail-erased" });
  assert.deepEqual(told.map(({ code, message }) => [code, message]), [
    ["mail-erased", "legacy/x work was erased"],
  ]);
  assert.deepEqual([await collecting, replies.end], [[], "all"]);
});

onEach(
  sharedKinds,
  "mail of a protocol that a living instance hosts is neither counted nor erased",
  async (stage) => {
    const system = await released(stage);
    await assert.rejects(system.eraseMail({ protocol: "worker" }), {
      code: "protocol-hosted",
      message: "Cannot erase the mail of worker: this system hosts its actors",
    });
    const other = await stage.start([legacy()]);
    await stage.pass(5_000);
    await assert.rejects(system.eraseMail({ protocol: "legacy" }), {
      code: "protocol-hosted",
      message: "Cannot erase the mail of legacy: another instance hosts its actors",
    });
    await stage.kill(other);
    await runs(stage, system, "tell x1");
    assert.deepEqual(system.stats().unhosted, {}); // as far as it knows
    await stage.pass(30_000);
    assert.deepEqual(system.stats().unhosted, { legacy: { actors: 1, waiting: 1 } });
    assert.equal(await system.eraseMail({ protocol: "legacy" }), 1);
  },
);

inMemory(
  "a message that somebody begins to host meanwhile is handled or erased, and never both",
  async (stage) => {
    for (const round of [1, 2, 3, 4]) {
      const system = await released(stage);
      await stage.pass(20_000); // the process of the round before is known to have ended
      await runs(stage, system, "many 300");
      const heard: string[] = [];
      const erasing = system.eraseMail({ protocol: "legacy" });
      for (let turn = 0; turn < round * 2; turn++) await Promise.resolve();
      const host = await stage.start([legacy(heard)]);
      await stage.pass(30_000);
      const erased = await erasing;
      assert.equal(erased + heard.length, 300);
      assert.deepEqual((await stage.keys("mail")).filter((key) => key.includes("legacy")), []);
      await stage.kill(host);
      await stage.kill(system);
      await stage.pass(30_000);
    }
  },
);

inMemory("only a protocol and a key can be named", async (stage) => {
  await using alone = new System({ actors: [], clock: new VirtualClock(), drainMs: 0 });
  for (const system of [await released(stage), alone]) {
    for (const name of ["~topic", "", "Legacy", "a.b"]) {
      await assert.rejects(system.eraseMail({ protocol: name }), RangeError);
    }
    await assert.rejects(system.eraseMail({ protocol: "legacy", key: "" }), { code: "invalid-key" });
  }
});

Deno.test("without a store there is no mail that nobody hosts", async () => {
  await using system = new System({ actors: [legacy()], clock: new VirtualClock(), drainMs: 0 });
  assert.equal(await system.eraseMail({ protocol: "other" }), 0);
  await assert.rejects(system.eraseMail({ protocol: "legacy" }), { code: "protocol-hosted" });
});
