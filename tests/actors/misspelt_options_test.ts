// A misspelt option of a later, a ticket or a listener is refused, with the name that was meant: no compiler may have looked.

import assert from "node:assert/strict";
import { actor, event, protocol, submit, System, tell } from "@posthorn/posthorn";
import { turn, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Desk = protocol("desk", { decide: submit(z.string(), z.string()) });

Deno.test("a misspelt option of a later fails its turn with the name that was meant", async () => {
  const desk = actor(Desk, {
    state: () => null,
    on: { decide: (ctx) => ctx.later({ timeoutMS: 5 } as never) },
    retry: { attempts: 1 },
  });
  await using system = new System({ actors: [desk], log: false });
  const ticket = await system.ref(Desk, "a").submit(Desk.decide, "?");
  await assert.rejects(ticket.reply(), /Cannot use timeoutMS of ctx\.later.*Did you mean timeoutMs\?/);
});

Deno.test("a misspelt option of a ticket is refused, and takes nothing back", async () => {
  const desk = actor(Desk, { state: () => null, on: { decide: () => "yes" } });
  await using system = new System({ actors: [desk], log: false });
  const ticket = await system.ref(Desk, "a").submit(Desk.decide, "?");
  const cancelling = ticket.cancel({ timeout: 5 } as never);
  await assert.rejects(cancelling, /Cannot use timeout of ticket\.cancel.*Did you mean timeoutMs\?/);
  await assert.rejects(ticket.reply({ peak: true } as never), { name: "TypeError", message: /mean peek\?/ });
  assert.equal(await ticket.reply(), "yes");
});

Deno.test("a misspelt option of a listener is refused, and so is what is no listener", async () => {
  const desk = actor(Desk, { state: () => null, on: { decide: () => "yes" } });
  await using system = new System({ actors: [desk], log: false });
  const misspelt = { name: "TypeError", message: /Cannot use sample of inspect.*Did you mean sampled\?/ };
  assert.throws(() => system.inspect(() => {}, { sample: true } as never), misspelt);
  assert.throws(
    () => system.inspect(() => {}, null as never),
    /the options of inspect: they must be an object/,
  );
  const none = { name: "TypeError", message: /the listener is no function, but of type undefined/ };
  assert.throws(() => system.inspect(undefined as never), none);
});

const Bell = protocol("bell", { ring: tell(z.unknown()), heard: tell(), rang: event() });

Deno.test("a misspelt option of a subscription is refused, and so is a pattern that is no text: it would hear all", async () => {
  const bell = actor(Bell, { state: () => null, on: { ring: () => {}, heard: () => {} } });
  await using system = new System({ actors: [bell], log: false });
  const to = system.ref(Bell, "a").at(Bell.heard);
  const misspelt = {
    name: "TypeError",
    message: /Cannot use subjet of system\.subscribe.*Did you mean subject\?/,
  };
  assert.throws(() => system.subscribe(Bell.rang, to, { subjet: "de" } as never), misspelt);
  assert.throws(() => system.subscribe(Bell.rang, () => {}, "de" as never), /must be an object/);
  const noText = { name: "RangeError", message: /Cannot subscribe to the subject of type / };
  for (const subject of [5, null, ["de"], /de/, Symbol("de")]) {
    assert.throws(() => system.subscribe(Bell.rang, to, { subject } as never), noText);
  }
  assert.deepEqual(await Array.fromAsync(system.subscriptions(Bell.rang)), []);
});

Deno.test("a misspelt option of a subscription that a turn makes fails the turn", async () => {
  const clock = new VirtualClock();
  const bell = actor(Bell, {
    state: () => null,
    on: {
      ring: (ctx, options) => ctx.subscribe(Bell.rang, ctx.self.at(Bell.heard), options as never),
      heard: () => {},
    },
    retry: { attempts: 1 },
  });
  await using system = new System({ actors: [bell], clock, log: false });
  for (const options of [{ subjet: "de" }, { subject: 5 }, 5]) {
    await system.ref(Bell, "a").tell(Bell.ring, options);
  }
  await clock.settle();
  assert.equal(system.deadLetters.size, 3);
  assert.deepEqual(await Array.fromAsync(system.subscriptions(Bell.rang)), []);
});

Deno.test("a misspelt option of the turn of a test is refused, with a payload and without one", async () => {
  const Counter = protocol("counter", { add: tell(z.number()), clear: tell() });
  const counter = actor(Counter, { state: () => 0, on: { add: () => {}, clear: () => {} } });
  const refused = { name: "TypeError", message: /^Cannot use sate of turn: .*Did you mean state\?$/ };
  await assert.rejects(turn(counter, Counter.add, 1, { sate: 5 } as never), refused);
  await assert.rejects(
    turn(counter, Counter.clear, { sate: 5 } as never),
    /there is no sate\. Did you mean state\?/,
  );
});
