// Delayed tells and submits to another service: the sender holds them until they are due, in its store if it has one.

import assert from "node:assert/strict";
import { actor } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { Ledger, Order, Services } from "./services.ts";

type Lines = readonly string[];

/** Books whose turns delay what they send. */
function patient() {
  return actor(Ledger, {
    state: (): Lines => [],
    on: {
      note: (ctx, line) => ctx.ref(Order, "ada").tell(Order.add, line, { afterMs: 5_000 }),
      lines: (ctx) => ctx.state,
      book: (ctx, cents) => {
        const replyTo = ctx.self.at(Ledger.booked);
        ctx.ref(Order, "ada").submit(Order.settle, cents, {
          replyTo,
          failTo: ctx.self.at(Ledger.failed),
          afterMs: 5_000,
        });
        return "booking";
      },
      booked: (ctx, line) => void (ctx.state = [...ctx.state, `booked ${line}`]),
      failed: (ctx, { code }) => void (ctx.state = [...ctx.state, `failed ${code}`]),
    },
  });
}

for (const stored of [true, false]) {
  const where = stored ? "with stores" : "without stores";
  const books = (services: Services, store = memoryStore()) =>
    services.start("books", [patient()], { ...stored && { store }, remote: [Order] });

  Deno.test(`${where}, a delayed tell and submit leave for another service when they are due`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const ada = (await books(services)).ref(Order, "ada");
    await services.during(ada.tell(Order.add, "later", { afterMs: 5_000 }));
    const ticket = await services.during(ada.submit(Order.settle, 7, { afterMs: 5_000 }));
    await services.during(ada.tell(Order.add, "now"));
    await services.pass(3_000, 500);
    const lines = () => services.during(shop.ref(Order, "ada").ask(Order.lines));
    assert.deepEqual(await lines(), ["now"]);
    assert.equal(await services.during(ticket.reply()), "ada 7");
    assert.deepEqual((await lines()).toSorted(), ["later", "now", "settled 7"]);
  });

  Deno.test(`${where}, what a turn delays leaves when it is due, and its reply comes back`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const main = (await books(services)).ref(Ledger, "main");
    await services.during(main.tell(Ledger.note, "from a turn"));
    await services.during(main.submit(Ledger.book, 7));
    await services.pass(3_000, 500);
    const lines = () => services.during(shop.ref(Order, "ada").ask(Order.lines));
    assert.deepEqual(await lines(), []);
    await services.pass(3_000, 500);
    assert.deepEqual((await lines()).toSorted(), ["from a turn", "settled 7"]);
    assert.deepEqual(await services.during(main.ask(Ledger.lines)), ["booked ada 7"]);
  });

  Deno.test(`${where}, what can never be sent there is refused now`, async () => {
    await using services = new Services();
    await services.shop(stored);
    const ada = (await books(services)).ref(Order, "ada");
    await assert.rejects(services.during(ada.tell(Order.add, 5 as never, { afterMs: 5_000 })), {
      code: "invalid-payload",
    });
  });
}

Deno.test("a delayed message to another service survives the end of its sender", async () => {
  await using services = new Services();
  const shop = await services.shop(true);
  const store = memoryStore();
  const start = () => services.start("books", [patient()], { store, remote: [Order] });
  const first = await start();
  await services.during(first.ref(Order, "ada").tell(Order.add, "kept", { afterMs: 5_000 }));
  await services.during(first.stop());
  await services.pass(10_000, 500);
  await start();
  await services.pass(3_000, 500);
  assert.deepEqual(await services.during(shop.ref(Order, "ada").ask(Order.lines)), ["kept"]);
});
