// Three services over one broker: one asks, the second answers "later", and the third gives the answer.

import assert from "node:assert/strict";
import {
  actor,
  Failure,
  type Later,
  later,
  protocol,
  submit,
  type System,
  type SystemOptions,
  tell,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Services } from "./services.ts";

const Parcel = z.object({ parcel: z.string() });
type Parcel = z.infer<typeof Parcel>;

const Order = protocol("order", {
  place: submit(z.string(), Parcel),
  ship: tell(z.string()),
  refuse: tell(z.string()),
  send: tell(),
  sendTwice: tell(),
  sendWrong: tell(),
  submitOn: tell(),
});
const Depot = protocol("depot", {
  pack: tell(later(Parcel)),
  packTwice: tell(later(Parcel)),
  misjudge: tell(later(Parcel)),
  fetch: submit(z.string(), Parcel),
});
const Books = protocol("books", {
  buy: tell(z.string()),
  bought: tell(Parcel),
  failed: tell(Failure),
});

const order = actor(Order, {
  state: (): { answer?: Later<Parcel> } => ({}),
  on: {
    place(ctx) {
      const answer = ctx.later({ timeoutMs: 60_000 });
      ctx.state = { answer };
      return answer;
    },
    ship: (ctx, parcel) => ctx.reply(ctx.state.answer!, { parcel }),
    refuse: (ctx, message) => ctx.fail(ctx.state.answer!, { code: "refused", message }),
    send: (ctx) => ctx.ref(Depot, "main").tell(Depot.pack, ctx.state.answer!),
    sendTwice: (ctx) => ctx.ref(Depot, "main").tell(Depot.packTwice, ctx.state.answer!),
    sendWrong: (ctx) => ctx.ref(Depot, "main").tell(Depot.misjudge, ctx.state.answer!),
    submitOn(ctx) {
      ctx.ref(Depot, "main").submit(Depot.fetch, ctx.key, { replyTo: ctx.state.answer! });
    },
  },
});
const depot = actor(Depot, {
  state: () => null,
  on: {
    pack: (ctx, answer) => ctx.reply(answer, { parcel: "from the depot" }),
    packTwice(ctx, answer) {
      ctx.reply(answer, { parcel: "first" });
      ctx.self.tell(Depot.pack, answer);
    },
    misjudge: (ctx, answer) => ctx.reply(answer, { parcel: 5 } as unknown as Parcel),
    fetch: (_, order) => ({ parcel: `fetched ${order}` }),
  },
});

function books(heard: unknown[]) {
  return actor(Books, {
    state: () => null,
    on: {
      buy(ctx, key) {
        const replyTo = ctx.self.at(Books.bought);
        ctx.ref(Order, key).submit(Order.place, "tea", { replyTo, failTo: ctx.self.at(Books.failed) });
      },
      bought: (_, parcel) => void heard.push(parcel),
      failed: (_, { code }) => void heard.push(code),
    },
  });
}

interface Town {
  readonly services: Services;
  readonly shop: System;
  readonly asker: System;
  readonly carrier: System;
  readonly heard: unknown[];
}

async function town(services: Services, stored: boolean, times: Partial<SystemOptions> = {}): Promise<Town> {
  const store = () => stored ? { ...times, store: memoryStore() } : times;
  const heard: unknown[] = [];
  const carrier = await services.start("carrier", [depot], {
    ...store(),
    expose: [Depot.pack, Depot.packTwice, Depot.misjudge, Depot.fetch],
  });
  const shop = await services.start("shop", [order], {
    ...store(),
    expose: [Order.place, Order.send],
    remote: [Depot],
  });
  const asker = await services.start("books", [books(heard)], { ...store(), remote: [Order.place] });
  return { services, shop, asker, carrier, heard };
}

async function placed({ services, asker }: Town) {
  const ticket = await services.during(asker.ref(Order, "1").submit(Order.place, "tea"));
  await services.pass(500);
  return ticket;
}

for (const stored of [true, false]) {
  const where = stored ? "with stores" : "without stores";

  Deno.test(`${where}, a ticket in another service gets the later answer`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    const ticket = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.ship, "p1"));
    await services.pass(500);
    assert.deepEqual(await services.during(ticket.reply()), { parcel: "p1" });
    assert.equal(all.shop.deadLetters.total + all.asker.deadLetters.total, 0);
  });

  Deno.test(`${where}, a ticket in another service gets the failure, and the end of the time`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    const refused = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.refuse, "no tea"));
    await services.pass(500);
    await assert.rejects(services.during(refused.reply()), { code: "refused", message: "no tea" });
    const late = await placed(all);
    await services.pass(70_000);
    await assert.rejects(services.during(late.reply()), { code: "deadline" });
  });

  Deno.test(`${where}, a third service answers what was sent to it, or what it is asked`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    const sent = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.send));
    await services.pass(500);
    assert.deepEqual(await services.during(sent.reply()), { parcel: "from the depot" });
    const asked = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.submitOn));
    await services.pass(500);
    assert.deepEqual(await services.during(asked.reply()), { parcel: "fetched 1" });
  });

  Deno.test(`${where}, a second answer of another service is a dead letter where the request was`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    const ticket = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.sendTwice));
    await services.pass(500);
    assert.deepEqual(await services.during(ticket.reply()), { parcel: "first" });
    assert.deepEqual(all.shop.deadLetters.list().map(({ reason }) => reason), ["already-answered"]);
  });

  Deno.test(`${where}, an answer that does not fit is refused at home, and the later stays open`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    const ticket = await placed(all);
    await services.during(all.shop.ref(Order, "1").tell(Order.sendWrong));
    await services.pass(500);
    assert.deepEqual(all.shop.deadLetters.list().map(({ reason }) => reason), ["invalid-reply"]);
    await services.during(all.shop.ref(Order, "1").tell(Order.send));
    await services.pass(500);
    assert.deepEqual(await services.during(ticket.reply()), { parcel: "from the depot" });
  });

  Deno.test(`${where}, an id is known in the service of the caller for as long as the answer may take`, async () => {
    await using services = new Services();
    const all = await town(services, stored, { deduplicationWindowMs: 10_000 });
    for (const options of [{ id: "order-1" }, { id: "order-2", afterMs: 100 }]) {
      const request = () => services.during(all.asker.ref(Order, "1").submit(Order.place, "tea", options));
      const first = await request();
      await services.pass(30_000, 1_000);
      assert.equal((await request()).id, first.id);
      await services.during(all.shop.ref(Order, "1").tell(Order.ship, "p1"));
      await services.pass(500);
      assert.deepEqual(await services.during(first.reply()), { parcel: "p1" });
    }
  });

  Deno.test(`${where}, the id of a delayed request is known although it waits for longer than an answer may take`, async () => {
    await using services = new Services();
    const all = await town(services, stored, { deduplicationWindowMs: 10_000, laterMs: 5_000 });
    const request = () =>
      services.during(
        all.asker.ref(Order, "1").submit(Order.place, "tea", { id: "order-1", afterMs: 60_000 }),
      );
    const first = await request();
    await services.pass(30_000, 1_000);
    assert.equal((await request()).id, first.id);
  });

  Deno.test(`${where}, an actor of another service gets the later answer`, async () => {
    await using services = new Services();
    const all = await town(services, stored);
    await services.during(all.asker.ref(Books, "b").tell(Books.buy, "1"));
    await services.pass(500);
    await services.during(all.shop.ref(Order, "1").tell(Order.ship, "p1"));
    await services.pass(500);
    assert.deepEqual(all.heard, [{ parcel: "p1" }]);
  });
}

Deno.test("without stores, a ticket in another service is told that the service has stopped", async () => {
  await using services = new Services();
  const all = await town(services, false);
  const ticket = await placed(all);
  await services.during(all.shop.stop());
  await services.pass(500);
  await assert.rejects(services.during(ticket.reply()), { code: "stopping" });
});
