// Who waits for a reply that the transport does not take is told that, and does not wait for a time-out.

import assert from "node:assert/strict";
import { actor, ask, Failure, protocol, submit, survey, tell } from "@posthorn/posthorn";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Services } from "./services.ts";

const Printer = protocol("printer", {
  show: ask(z.number(), z.string()),
  print: submit(z.number(), z.string()),
  sample: survey(z.number(), z.string()),
});
const Office = protocol("office", {
  order: tell(z.number()),
  printed: tell(z.string()),
  failed: tell(Failure),
  notes: ask(z.array(z.string())),
});
const paper = (_: unknown, units: number) => "x".repeat(units);

/** Two services; the one that replies says that its broker takes a body of a mebibyte, although it may take less. */
async function start(services: Services, stored: boolean, transient: boolean, messageBytes: number) {
  const broker = memoryBroker({ messageBytes });
  const store = () => stored ? { store: memoryStore() } : {};
  const printer = actor(Printer, {
    transient,
    state: () => 0,
    on: { show: paper, print: paper, sample: paper },
  });
  const transport = memoryTransport({ broker, expose: [Printer] });
  const traits = { ...transport.traits, messageBytes: 1_048_576 };
  const shop = await services.start("shop", [printer], { ...store(), transport: { ...transport, traits } });
  const office = actor(Office, {
    state: (): readonly string[] => [],
    on: {
      order(ctx, units) {
        const { self } = ctx;
        const addresses = { replyTo: self.at(Office.printed), failTo: self.at(Office.failed) };
        ctx.ref(Printer, "b").submit(Printer.print, units, { ...addresses, id: "order-1" });
      },
      printed: (ctx, text) => void (ctx.state = [...ctx.state, text]),
      failed: (ctx, { id, code }) => void (ctx.state = [...ctx.state, `${id} ${code}`]),
      notes: (ctx) => ctx.state,
    },
  });
  const books = await services.start("books", [office], {
    ...store(),
    transport: memoryTransport({ broker, expose: [] }),
    remote: [Printer],
  });
  return { shop, books };
}

for (const stored of [true, false]) {
  for (const transient of [true, false]) {
    for (const messageBytes of [1_048_576, 100_000]) {
      const where = `${stored ? "with stores" : "without stores"}, from ${transient ? "memory" : "an actor"}`;

      Deno.test(`${where}, a reply above ${messageBytes} bytes is told as too large`, async () => {
        await using services = new Services();
        const { shop, books } = await start(services, stored, transient, messageBytes);
        const units = messageBytes + 1;
        const tooLarge = { code: "too-large" };
        const printer = books.ref(Printer, "a");
        await assert.rejects(services.during(printer.ask(Printer.show, units)), tooLarge);
        const ticket = await services.during(printer.submit(Printer.print, units));
        await assert.rejects(services.during(ticket.reply({ timeoutMs: 10_000 })), tooLarge);
        await services.during(books.ref(Office, "o").tell(Office.order, units));
        await services.pass(1_000);
        assert.deepEqual(await services.during(books.ref(Office, "o").ask(Office.notes)), [
          "order-1 too-large",
        ]);

        using _sample = shop.subscribe(Printer.sample, (count) => paper(undefined, count));
        await services.settle();
        const beganMs = services.clock.now();
        const replies = books.survey(Printer.sample, units, { services: 1, timeoutMs: 60_000 });
        assert.deepEqual(await services.during(Array.fromAsync(replies)), []);
        assert.ok(services.clock.now() - beganMs < 10_000, "the survey does not last to its deadline");
        assert.equal(await services.during(printer.ask(Printer.show, 3)), "xxx");
      });
    }
  }
}
