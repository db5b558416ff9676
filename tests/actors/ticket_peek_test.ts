import assert from "node:assert/strict";
import { actor, NotFoundError, protocol, ReplyPendingError, submit, System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Job = protocol("job", { run: submit(z.number(), z.number()) });

for (const [where, options] of [["in memory", {}], ["in a store", { store: memoryStore() }]] as const) {
  Deno.test(`a ticket whose reply is only looked at ${where} does not wait, and keeps it as long as before`, async () => {
    const clock = new VirtualClock();
    const open = Promise.withResolvers<void>();
    const job = actor(Job, { state: () => null, on: { run: (_ctx, n) => open.promise.then(() => n) } });
    await using system = new System({ clock, actors: [job], ...options });
    await system.ready();
    const ticket = await system.ref(Job, "a").submit(Job.run, 7);
    await clock.settle();
    // The clock is not advanced, so a wait would never end.
    await assert.rejects(ticket.reply({ peek: true, timeoutMs: 5_000 }), ReplyPendingError);
    open.resolve();
    await clock.settle();
    assert.equal(await ticket.reply({ peek: true }), 7);
    await clock.advance(120_000); // a collected one would be gone from memory
    assert.equal(await ticket.reply({ peek: true }), 7);
    await clock.advance(3_600_000);
    await assert.rejects(ticket.reply({ peek: true }), NotFoundError);
  });
}
