// Requests whose turns have answered "later" are withdrawn: that turn stands, and no answer comes any more.

import assert from "node:assert/strict";
import {
  actor,
  CancelledError,
  Failure,
  type Later,
  protocol,
  submit,
  System,
  tell,
  TerminalError,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { Services } from "../remote/services.ts";
import { kinds, onEach } from "./durable_stage.ts";

const Desk = protocol("desk", {
  ask: submit(z.string(), z.string()),
  decide: tell(z.string()),
  abandoned: tell(Failure),
});
const Client = protocol("client", { failed: tell(Failure) });

function office(heard: Failure[]) {
  return actor(Desk, {
    state: (): { readonly answer?: Later<string> } => ({}),
    on: {
      ask(ctx) {
        const answer = ctx.later({ failTo: ctx.self.at(Desk.abandoned) });
        ctx.state = { answer };
        return answer;
      },
      decide(ctx, verdict) {
        if (verdict === "no") {
          ctx.fail(ctx.state.answer!, { code: "cancelled", message: "the shop is closed" });
        } else ctx.reply(ctx.state.answer!, verdict);
      },
      abandoned: (_ctx, failure) => void heard.push(failure),
    },
  });
}

function client(failed: Failure[]) {
  return actor(Client, { state: () => null, on: { failed: (_ctx, failure) => void failed.push(failure) } });
}

/** Withdraws requests of a system, and answers one before and one after that. */
async function withdrawIn(
  asks: System,
  answers: System,
  settle: () => Promise<void>,
  heard: Failure[],
  failed: Failure[],
) {
  const during = async <Result>(promise: Promise<Result>) => {
    promise.catch(() => {});
    await settle();
    return await promise;
  };
  const desk = (key: string) => asks.ref(Desk, key);
  const failTo = asks.ref(Client, "one").at(Client.failed);
  const plain = await during(desk("a").submit(Desk.ask, "?", { id: "plain" }));
  const told = await during(desk("b").submit(Desk.ask, "?", { id: "told", failTo }));
  const answered = await during(desk("c").submit(Desk.ask, "?"));
  await during(answers.ref(Desk, "c").tell(Desk.decide, "yes"));
  for (const ticket of [plain, told]) {
    assert.equal(await during(ticket.cancel()), "withdrawn");
    assert.equal(await during(asks.ticket(ticket.id, Desk.ask).cancel()), "withdrawn");
    const error = await during(ticket.reply({ timeoutMs: 0 }).catch((error: unknown) => error));
    assert(error instanceof CancelledError && error.outcome === "withdrawn");
  }
  assert.equal(await during(answered.cancel()), "done");
  assert.equal(await during(answered.reply()), "yes");
  assert.deepEqual(failed.map(({ id, code }) => [id, code]), [["told", "cancelled"]]);
  assert.deepEqual(Object.keys(failed[0]), ["id", "code", "message"]);
  assert.deepEqual(heard.map(({ id, code }) => [id, code]), [["plain", "cancelled"], ["told", "cancelled"]]);
  await during(answers.ref(Desk, "a").tell(Desk.decide, "too late"));
  assert.deepEqual(answers.deadLetters.list().map(({ reason }) => reason), ["late-reply"]);
  assert.equal(await during(plain.cancel()), "withdrawn");
  const again = await during(desk("a").submit(Desk.ask, "?", { id: "plain" }));
  assert.equal(again.id, plain.id);
}

onEach(kinds, "a request that was answered later is withdrawn, once", async (stage) => {
  const [heard, failed]: Failure[][] = [[], []];
  const system = await stage.start([office(heard), client(failed)]);
  await withdrawIn(system, system, () => stage.settle(), heard, failed);
  assert.equal(system.stats().cancelled, 0, "its message is done");
});

/** Lets a system fail a request with the code that a request has which was taken back. */
async function failIn(asks: System, answers: System, settle: () => Promise<void>) {
  const during = async <Result>(promise: Promise<Result>) => {
    promise.catch(() => {});
    await settle();
    return await promise;
  };
  const ticket = await during(asks.ref(Desk, "a").submit(Desk.ask, "?"));
  await during(answers.ref(Desk, "a").tell(Desk.decide, "no"));
  assert.equal(await during(ticket.cancel()), "failed");
  const error = await during(ticket.reply({ timeoutMs: 0 }).catch((error: unknown) => error));
  assert(error instanceof TerminalError && error.code === "cancelled", "its turn has had an effect");
}

onEach(kinds, "a request that its actor fails with the code cancelled was not taken back", async (stage) => {
  const system = await stage.start([office([])]);
  await failIn(system, system, () => stage.settle());
});

Deno.test("without a store: a request that its actor fails with the code cancelled was not taken back", async () => {
  const clock = new VirtualClock();
  await using system = new System({ actors: [office([])], clock, random: seededRandom(1) });
  await failIn(system, system, () => clock.advance(1));
});

for (const stored of [true, false]) {
  const where = stored ? "from a store" : "from memory";
  Deno.test(`over a broker a request that its actor fails with the code cancelled was not taken back, ${where}`, async () => {
    await using services = new Services();
    const desks = await services.start("office", [office([])], { store: memoryStore(), expose: [Desk] });
    const boss = await services.start("boss", [], { ...stored && { store: memoryStore() }, remote: [Desk] });
    await failIn(boss, desks, () => services.pass(500));
  });
}

onEach(kinds, "a request that was answered later is withdrawn after a restart", async (stage) => {
  const heard: Failure[] = [];
  const first = await stage.start([office(heard)]);
  const { id } = await first.ref(Desk, "a").submit(Desk.ask, "?");
  await stage.settle();
  await stage.kill(first);
  const second = await stage.start([office(heard)]);
  await stage.pass(15_000, 5_000);
  assert.equal(await second.ticket(id, Desk.ask).cancel(), "withdrawn");
  await stage.settle();
  assert.equal(heard.length, 1);
});

Deno.test("without a store: a request that was answered later is withdrawn, once", async () => {
  const [heard, failed]: Failure[][] = [[], []];
  const clock = new VirtualClock();
  await using system = new System({
    actors: [office(heard), client(failed)],
    clock,
    random: seededRandom(1),
    log: false,
    drainMs: 0,
  });
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await clock.settle();
  };
  await withdrawIn(system, system, settle, heard, failed);
});

for (const stored of [true, false]) {
  Deno.test(`over a broker a request that was answered later is withdrawn, ${stored ? "from a store" : "from memory"}`, async () => {
    const [heard, failed]: Failure[][] = [[], []];
    await using services = new Services();
    const home = await services.start("desk", [office(heard)], { store: memoryStore(), expose: [Desk] });
    const options = { ...stored && { store: memoryStore() }, remote: [Desk] };
    const caller = await services.start("caller", [client(failed)], options);
    await withdrawIn(caller, home, () => services.pass(1_000), heard, failed);
  });
}
