// Two services, and a stranger, exchange all modes over a real NATS server.

import assert from "node:assert/strict";
import { System, type SystemOptions } from "@posthorn/posthorn";
import { nats, type NatsOptions } from "@posthorn/posthorn/nats";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Parcel, Refusal } from "@posthorn/posthorn/transport";
import { brokerTest } from "../../../brokers/given.ts";
import { Carrier, Ledger, ledger, Order, order } from "../../../runtime/remote/services.ts";
import { asAdministrator, deleteStreams } from "./admin.ts";
import { eventually, forwardClock, parcels, Stage, total } from "./stage.ts";

async function start(options: Omit<SystemOptions, "transport">, transport: NatsOptions): Promise<System> {
  const system = new System({ log: false, ...options, transport: nats(transport) });
  await system.ready();
  return system;
}

for (const stored of [true, false]) {
  const where = stored ? "with SQLite files" : "without stores";

  brokerTest(
    "nats",
    `NATS, ${where}: two services and a stranger exchange all five modes`,
    async ({ url, prefix }) => {
      const folder = await Deno.makeTempDir();
      const storeOf = (name: string) => stored ? { store: sqlite(`${folder}/${name}.db`) } : {};
      const namespace = prefix;
      try {
        const shopOptions = { name: "shop", actors: [order()], ...storeOf("shop"), remote: [Ledger.note] };
        const shopExpose = [Order.add, Order.lines, Order.settle, Order.settled, Carrier];
        await using shop = await start(shopOptions, { url, namespace, expose: shopExpose });
        await using books = await start(
          { name: "books", actors: [ledger()], ...storeOf("books"), remote: [Order, Carrier.quote] },
          { url, namespace, expose: [Ledger.note] },
        );
        await using twin = stored
          ? await start(shopOptions, { url, namespace, expose: shopExpose })
          : undefined;
        assert.equal(twin === undefined, !stored);
        const ada = books.ref(Order, "ada");
        // A system is ready although the broker may be away: its inbox comes a moment later.
        await eventually(() => ada.ask(Order.lines).then(() => true, () => false), "the inbox is there");
        for (const line of ["tea", "milk", "cake"]) await ada.tell(Order.add, line);
        await eventually(async () => (await ada.ask(Order.lines)).length === 3, "the tells arrive");
        assert.deepEqual(await ada.ask(Order.lines), ["tea", "milk", "cake"]);
        // Asks go to each process of a service in turn, and are no reason for one to keep the other out.
        for (let asked = 0; asked < 50; asked++) assert.equal((await ada.ask(Order.lines)).length, 3);

        const heard: string[] = [];
        using _heard = books.subscribe(Order.settled, (text) => void heard.push(text));
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
        await eventually(async () => {
          for await (const reply of shop.survey(Carrier.quote, 2, { max: 1, timeoutMs: 5_000 })) {
            quotes.push(reply);
          }
          return quotes.length > 0;
        }, "the survey is answered");
        assert.equal(quotes[0], 6);

        await asAdministrator(url, async (stranger) => {
          const order = `${namespace}.order.eve`;
          const stored = await stranger.request(`${order}.add`, '"salt"', { timeout: 5_000 });
          assert.match(stored.string(), /"seq":/);
          await eventually(
            async () => (await stranger.request(`${order}.lines`)).string() === '["salt"]',
            "it is told",
          );
          const problem = await stranger.request(`${order}.lines`, "{", { timeout: 5_000 });
          assert.equal(problem.headers?.get("content-type"), "application/problem+json");
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
        await deleteStreams(url, (name) => name.startsWith(namespace.toUpperCase()));
      }
    },
  );
}

/** How the users of two services are configured: what the one that answers may do, or where it is. */
const users: Readonly<Record<string, (names: { readonly namespace: string }) => string>> = {
  "that may not publish to the subject that replies share": () =>
    authorization(`{ publish: { deny: ["_INBOX.*.posthorn"] } }`),
  "that may only respond": () =>
    authorization(`{ publish: { allow: ["$JS.>", "*.posthorn.>"] }, allow_responses: true }`),
  "in another account, whose server writes subjects for replies anew": ({ namespace }) => {
    const asks = `${namespace}.order.*.lines`;
    return `accounts {
      shop: { jetstream: enabled, users: [ { user: some, password: s } ], exports: [ { service: "${asks}" } ] }
      books: { jetstream: enabled, users: [ { user: all, password: a } ],
        imports: [ { service: { account: shop, subject: "${asks}" } } ] }
    }`;
  },
};

function authorization(permissions: string): string {
  return `authorization { users: [ { user: all, password: a }, { user: some, password: s, permissions: ${permissions} } ] }`;
}

for (const [who, configuration] of Object.entries(users)) {
  brokerTest("nats", `a service ${who} answers where it was asked`, async ({ own, prefix }) => {
    const namespace = prefix;
    const { url } = await own({ configuration: [configuration({ namespace })] });
    const { host } = new URL(url);
    await using _shop = await start(
      { name: "shop", actors: [order()] },
      { url: `nats://some:s@${host}`, namespace, expose: [Order.add, Order.lines] },
    );
    const clock = forwardClock();
    await using books = await start(
      { name: "books", actors: [ledger()], remote: [Order], clock },
      { url: `nats://all:a@${host}`, namespace, expose: [Ledger.note] },
    );
    const ask = () => books.ref(Order, "ada").ask(Order.lines, { timeoutMs: 2_000 });
    const answered = () => ask().then(() => true, ({ code }) => code === "deadline");
    await eventually(answered, "the inbox is there");
    assert.deepEqual(await ask(), []);
    clock.forward(2_000); // from now on replies share a subject
    const replies = await Promise.all(Array.from({ length: 50 }, ask));
    assert.deepEqual(replies, Array(50).fill([]));
  });
}

brokerTest(
  "nats",
  "replies that may not be published there are sent again however large they are together",
  async ({ own, prefix }) => {
    const permissions = `{ publish: { deny: ["_INBOX.*.posthorn"] } }`;
    const { url } = await own({ configuration: [authorization(permissions)] });
    const { host } = new URL(url);
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a", [total]);
    const clock = forwardClock();
    const asker = await stage.connect("asker", { url: `nats://all:a@${host}` }, { clock });
    clock.forward(2_000);
    const answering = await stage.connect("answering", { url: `nats://some:s@${host}` });
    const asked = await stage.read(answering, inbox);
    const answered = await stage.read(asker, { kind: "process" });
    for (let index = 0; index < 15; index++) {
      const [ask] = parcels(inbox, index, 1, {
        to: { kind: "inbox", protocol: inbox.protocol, key: "ada", operation: total },
        replyTo: { kind: "process" },
        correlationId: `c${index}`,
      });
      assert(asker.sendNow!(ask, (refusal) => assert.fail(refusal?.message)));
    }
    await eventually(() => asked.deliveries.length === 15, "all are asked");
    const unknown: Parcel[] = [];
    for (const { replyTo } of asked.deliveries) {
      const [reply] = parcels(inbox, 0, 1, {
        to: { kind: "reply", address: replyTo! },
        body: new Uint8Array(900_000),
      });
      const failed = (refusal: Refusal | undefined) => {
        assert.equal(refusal, undefined);
        unknown.push(reply);
      };
      assert(answering.sendNow!(reply, failed));
    }
    await eventually(() => answered.deliveries.length + unknown.length === 15, "none is given up");
    assert(unknown.length > 0, "they have no room beside each other");
    for (const reply of unknown) assert.deepEqual(await answering.send([reply]), [undefined]);
    await eventually(() => answered.deliveries.length === 15, "all are answered");
    assert.equal(new Set(answered.deliveries.map(({ correlationId }) => correlationId)).size, 15);
  },
);
