// Two services exchange all modes over real sockets. With a store, one of them has two processes behind one url.

import assert from "node:assert/strict";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { Carrier, Ledger, ledger, Order, order } from "../../../runtime/remote/services.ts";
import { startAt, Url } from "./sockets.ts";

/** Waits for a fact, which needs turns of the event loop for sockets. */
async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const untilMs = performance.now() + 30_000;
  while (!await holds()) {
    assert.ok(performance.now() < untilMs, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const stored of [true, false]) {
  const where = stored ? "with SQLite files" : "without stores";

  Deno.test(`HTTP, ${where}: two services exchange all five modes`, async () => {
    const folder = await Deno.makeTempDir();
    const storeOf = (name: string) => stored ? { store: sqlite(`${folder}/${name}.db`) } : {};
    try {
      await using shopUrl = new Url();
      await using booksUrl = new Url();
      const services = { shop: shopUrl.href, books: booksUrl.href };
      const shopOptions = { name: "shop", actors: [order()], ...storeOf("shop"), remote: [Ledger.note] };
      const expose = [Order.add, Order.lines, Order.settle, Order.settled, Carrier];
      await using shop = await startAt(shopUrl, shopOptions, { services, expose });
      await using books = await startAt(
        booksUrl,
        { name: "books", actors: [ledger()], ...storeOf("books"), remote: [Order, Carrier.quote] },
        { services, expose: [Ledger.note] },
      );
      await using twin = stored ? await startAt(shopUrl, shopOptions, { services, expose }) : undefined;
      assert.equal(twin === undefined, !stored);
      await eventually(() => books.health.transport?.status === "connected", "the shop is reached");
      const ada = books.ref(Order, "ada");
      for (const line of ["tea", "milk", "cake"]) await ada.tell(Order.add, line);
      await eventually(async () => (await ada.ask(Order.lines)).length === 3, "the tells arrive");
      assert.deepEqual(await ada.ask(Order.lines), ["tea", "milk", "cake"]);
      for (let asked = 0; asked < 20; asked++) assert.equal((await ada.ask(Order.lines)).length, 3);

      const heard: string[] = [];
      using subscription = books.subscribe(Order.settled, (text) => void heard.push(text));
      await subscription.ready;
      const ticket = await ada.submit(Order.settle, 5);
      assert.equal(await ticket.reply(), "ada 5");
      await assert.rejects((await ada.submit(Order.settle, -1)).reply(), { code: "failed" });
      await eventually(() => heard.length === 1, "the event is heard");
      assert.deepEqual(heard, ["de ada"]);

      const book = books.ref(Ledger, "ada");
      await (await book.submit(Ledger.book, 7)).reply();
      await eventually(async () => (await book.ask(Ledger.lines)).length === 1, "an actor gets the reply");
      assert.deepEqual(await book.ask(Ledger.lines), ["booked ada 7"]);

      using _quote = books.subscribe(Carrier.quote, (grams) => grams * 3);
      const quotes: number[] = [];
      for await (const reply of shop.survey(Carrier.quote, 2, { max: 1, timeoutMs: 10_000 })) {
        quotes.push(reply);
      }
      assert.deepEqual(quotes, [6]);

      await shop.ref(Order, "eve").tell(Order.buy, "salt");
      await eventually(
        async () => (await books.ref(Ledger, "main").ask(Ledger.lines)).length === 1,
        "it is told",
      );
      const letters = [shop, books, twin].flatMap((system) => system?.deadLetters.list() ?? []);
      assert.deepEqual(letters.filter(({ reason }) => reason !== "failed"), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("HTTP: a service without a url tells, asks, submits and surveys, and gets its replies", async () => {
  await using shopUrl = new Url();
  await using shop = await startAt(
    shopUrl,
    { name: "shop", actors: [order()], remote: [Ledger.note] },
    { services: { books: {} }, expose: [Order.add, Order.lines, Order.settle] },
  );
  await using books = await startAt(
    undefined,
    { name: "books", actors: [], remote: [Order] },
    { services: { shop: shopUrl.href } },
  );
  const ada = books.ref(Order, "ada");
  await ada.tell(Order.add, "tea");
  assert.deepEqual(await ada.ask(Order.lines), ["tea"]);
  assert.equal(await (await ada.submit(Order.settle, 5)).reply(), "ada 5");
  await assert.rejects((await ada.submit(Order.settle, -5)).reply(), { code: "failed" });
  assert.deepEqual(shop.deadLetters.list().map(({ reason }) => reason), ["failed"]);
});
