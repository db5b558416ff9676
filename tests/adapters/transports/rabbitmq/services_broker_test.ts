// Two services, and a stranger, exchange all modes over a real RabbitMQ.

import assert from "node:assert/strict";
import { System, type SystemOptions } from "@posthorn/posthorn";
import { rabbitmq, type RabbitmqOptions } from "@posthorn/posthorn/rabbitmq";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { brokerTest } from "../../../brokers/given.ts";
import { Carrier, Ledger, ledger, Order, order } from "../../../runtime/remote/services.ts";
import { stranger, until } from "./bench.ts";

async function start(options: Omit<SystemOptions, "transport">, transport: RabbitmqOptions): Promise<System> {
  const system = new System({ log: false, ...options, transport: rabbitmq(transport) });
  await system.ready();
  return system;
}

for (const stored of [true, false]) {
  const where = stored ? "with SQLite files" : "without stores";

  brokerTest(
    "rabbitmq",
    `RabbitMQ, ${where}: two services and a stranger exchange all five modes`,
    async ({ url, prefix }) => {
      const folder = await Deno.makeTempDir();
      const namespace = prefix.slice(0, 32);
      const storeOf = (name: string) => stored ? { store: sqlite(`${folder}/${name}.db`) } : {};
      try {
        await using shop = await start(
          { name: "shop", actors: [order()], ...storeOf("shop"), remote: [Ledger.note] },
          { url, namespace, expose: [Order.add, Order.lines, Order.settle, Order.settled, Carrier] },
        );
        await using books = await start(
          { name: "books", actors: [ledger()], ...storeOf("books"), remote: [Order, Carrier.quote] },
          { url, namespace, expose: [Ledger.note] },
        );
        const ada = books.ref(Order, "ada");
        // A system is ready although the broker may be away: its inbox comes a moment later.
        await until(() => ada.ask(Order.lines).then(() => true, () => false), "the inbox is there");
        for (const line of ["tea", "milk", "cake"]) await ada.tell(Order.add, line);
        await until(async () => (await ada.ask(Order.lines)).length === 3, "the tells arrive");
        assert.deepEqual(await ada.ask(Order.lines), ["tea", "milk", "cake"]);

        const heard: string[] = [];
        using _heard = books.subscribe(Order.settled, (text) => void heard.push(text));
        const ticket = await ada.submit(Order.settle, 5);
        assert.equal(await ticket.reply(), "ada 5");
        await assert.rejects((await ada.submit(Order.settle, -1)).reply(), { code: "failed" });
        await until(() => heard.length === 1, "the event is heard");
        assert.deepEqual(heard, ["de ada"]);

        await (await books.ref(Ledger, "ada").submit(Ledger.book, 7)).reply();
        await until(
          async () => (await books.ref(Ledger, "ada").ask(Ledger.lines)).length === 1,
          "an actor gets the reply",
        );
        assert.deepEqual(await books.ref(Ledger, "ada").ask(Ledger.lines), ["booked ada 7"]);

        using _quote = books.subscribe(Carrier.quote, (grams) => grams * 3);
        const quotes: number[] = [];
        await until(async () => {
          for await (const reply of shop.survey(Carrier.quote, 2, { max: 1, timeoutMs: 5_000 })) {
            quotes.push(reply);
          }
          return quotes.length > 0;
        }, "the survey is answered");
        assert.equal(quotes[0], 6);

        await using other = await stranger(url);
        const answers: unknown[] = [];
        await other.channel.basicConsume(
          { queue: "amq.rabbitmq.reply-to", noAck: true },
          ({ body, correlationId }) => {
            answers.push([correlationId, body]);
          },
        );
        const question = {
          exchange: `${namespace}.order`,
          mandatory: true,
          durable: true,
          replyTo: "amq.rabbitmq.reply-to",
        };
        const ask = { ...question, routingKey: "eve", type: "lines", contentType: "application/json" };
        await other.channel.basicPublish({ ...ask, type: "add", replyTo: undefined }, other.bytes('"salt"'));
        await other.channel.basicPublish({ ...ask, correlationId: "c1" }, other.bytes("null"));
        await until(() => answers.length === 1, "the stranger's ask is answered");
        await other.channel.basicPublish({ ...ask, type: "settle", correlationId: "c2" }, other.bytes("9"));
        await until(() => answers.length === 2, "the stranger's submit is answered");
        await other.channel.basicPublish({ ...ask, type: "nonsense", correlationId: "c3" }, other.bytes(""));
        await until(() => answers.length === 3, "the stranger is told what it does wrong");
        const [one, two, three] = answers as [string, unknown][];
        assert.deepEqual([one[0], two], ["c1", ["c2", "eve 9"]]);
        assert.match(new TextDecoder().decode(three[1] as Uint8Array), /"code":"unknown-operation"/);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}
