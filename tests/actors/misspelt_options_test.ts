// A misspelt option of a later, a ticket or a listener is refused, with the name that was meant: no compiler may have looked.

import assert from "node:assert/strict";
import { actor, protocol, submit, System } from "@posthorn/posthorn";
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
