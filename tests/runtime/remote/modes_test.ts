// Two services over one broker in memory exchange all five modes, with a store and without one.

import assert from "node:assert/strict";
import { Carrier, Ledger, Order, Services } from "./services.ts";

for (const stored of [true, false]) {
  const where = stored ? "with stores" : "without stores";

  Deno.test(`${where}, a tell comes to an actor of another service, in order`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const books = await services.books(stored);
    const ada = books.ref(Order, "ada");
    const told = ["tea", "milk", "cake"].map((line) => ada.tell(Order.add, line));
    await services.during(Promise.all(told));
    await services.pass(200);
    const lines = await services.during(shop.ref(Order, "ada").ask(Order.lines));
    assert.deepEqual(lines, ["tea", "milk", "cake"]);
  });

  Deno.test(`${where}, an ask is answered by another service`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const books = await services.books(stored);
    await services.during(shop.ref(Order, "ada").tell(Order.add, "tea"));
    assert.deepEqual(await services.during(books.ref(Order, "ada").ask(Order.lines)), ["tea"]);
  });

  Deno.test(`${where}, a ticket gets the reply of another service, and its failure`, async () => {
    await using services = new Services();
    await services.shop(stored);
    const books = await services.books(stored);
    const ticket = await services.during(books.ref(Order, "ada").submit(Order.settle, 5));
    assert.equal(await services.during(ticket.reply()), "ada 5");
    const failing = await services.during(books.ref(Order, "ada").submit(Order.settle, -1));
    await assert.rejects(services.during(failing.reply()), { code: "failed" });
  });

  Deno.test(`${where}, an actor gets the reply of another service, and its failure`, async () => {
    await using services = new Services();
    await services.shop(stored);
    const books = await services.books(stored);
    const ada = books.ref(Ledger, "ada");
    for (const cents of [5, -1]) {
      const ticket = await services.during(ada.submit(Ledger.book, cents));
      assert.equal(await services.during(ticket.reply()), "booking");
      await services.pass(500);
    }
    assert.deepEqual(await services.during(ada.ask(Ledger.lines)), ["booked ada 5", "failed failed"]);
  });

  Deno.test(`${where}, an event comes to the subscribers of another service that want its subject`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const books = await services.books(stored);
    const main = books.ref(Ledger, "main");
    const german = books.subscribe(Order.settled, main.at(Ledger.note), { subject: "de" });
    const french = books.subscribe(Order.settled, books.ref(Ledger, "other").at(Ledger.note), {
      subject: "fr",
    });
    await services.during(Promise.all([german.ready, french.ready]));
    const heard: string[] = [];
    using _listening = books.subscribe(Order.settled, (text) => void heard.push(text));
    await services.pass(200);
    await services.during(shop.publish(Order.settled, "de ada"));
    const ticket = await services.during(shop.ref(Order, "bob").submit(Order.settle, 1)); // publishes in its turn
    await services.during(ticket.reply());
    await services.pass(500);
    assert.deepEqual(await services.during(main.ask(Ledger.lines)), ["de ada", "de bob"]);
    assert.deepEqual(await services.during(books.ref(Ledger, "other").ask(Ledger.lines)), []);
    assert.deepEqual(heard, ["de ada", "de bob"]);
  });

  Deno.test(`${where}, a survey is answered by the respondents of another service`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const books = await services.books(stored);
    using _cheap = shop.subscribe(Carrier.quote, (grams) => grams * 2);
    using _dear = books.subscribe(Carrier.quote, (grams) => grams * 3);
    await services.pass(200);
    const quotes: number[] = [];
    const collecting = (async () => {
      for await (const quote of books.survey(Carrier.quote, 10, { timeoutMs: 2_000 })) quotes.push(quote);
    })();
    await services.during(collecting);
    assert.deepEqual(quotes.toSorted(), [20, 30]);
  });

  Deno.test(`${where}, what a turn sends comes to another service`, async () => {
    await using services = new Services();
    const shop = await services.shop(stored);
    const books = await services.books(stored);
    await services.during(shop.ref(Order, "ada").tell(Order.buy, "tea"));
    await services.pass(200);
    assert.deepEqual(await services.during(books.ref(Ledger, "main").ask(Ledger.lines)), ["bought tea"]);
  });
}
