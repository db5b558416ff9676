// What a sender makes of the answers of servers that are not what it expects.

import assert from "node:assert/strict";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { keys } from "./network.ts";
import { codeOf, orders, Stage, Taker } from "./stage.ts";

/** Books that send to a shop, which takes what comes. */
async function books() {
  const stage = new Stage();
  const taker = new Taker();
  const shop = await stage.open("shop", stage.transport(["books"]));
  shop.receive(orders, taker);
  const connection = await stage.open("books", stage.transport(["shop"]));
  const [first] = await stage.settled(connection.send([stage.parcel()]));
  assert.equal(first, undefined);
  return {
    stage,
    taker,
    connection,
    network: stage.network,
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

const frames = { "content-type": "application/vnd.posthorn.frames" };

const strange: Readonly<Record<string, readonly [response: (nonce: string) => Response, code: string]>> = {
  "a page that answers everything": [
    () => new Response("<html>welcome</html>", { headers: { "content-type": "text/html" } }),
    "transport-unavailable",
  ],
  "a redirect": [
    () => new Response(null, { status: 307, headers: { location: "https://evil.test/posthorn" } }),
    "transport-unavailable",
  ],
  "another service": [
    () => new Response("{}\n", { headers: frames }),
    "transport-unavailable",
  ],
  "an answer to another request": [
    () => new Response('{"nonce":"another","taken":1}\n', { headers: frames }),
    "transport-unavailable",
  ],
  "an answer about another number of messages": [
    (nonce) => new Response(JSON.stringify({ nonce, taken: 2 }) + "\n", { headers: frames }),
    "transport-unavailable",
  ],
  "an answer that refuses a message that was not sent": [
    (nonce) =>
      new Response(JSON.stringify({ nonce, taken: 1, refused: { 1: { code: "refused" } } }) + "\n", {
        headers: frames,
      }),
    "transport-unavailable",
  ],
  "an answer that refuses without a reason that is known": [
    (nonce) =>
      new Response(JSON.stringify({ nonce, taken: 1, refused: { 0: { code: "because" } } }) + "\n", {
        headers: frames,
      }),
    "transport-unavailable",
  ],
  "an answer that ends early": [
    () => new Response('{"nonce":', { headers: frames }),
    "unreadable-body",
  ],
  "a server that fails": [() => new Response("oops", { status: 500 }), "transport-unavailable"],
  "a proxy whose server is away": [() => new Response("", { status: 502 }), "transport-unavailable"],
  "a server that does not know the key": [
    () =>
      new Response('{"code":"bad-signature","detail":"no"}', {
        status: 401,
        headers: { "content-type": "application/problem+json" },
      }),
    "transport-refused",
  ],
};

for (const [what, [response, code]] of Object.entries(strange)) {
  Deno.test(`${what} has accepted nothing, and the same message is accepted later`, async () => {
    await using world = await books();
    const { stage, connection, network, taker } = world;
    network.way = (request) => {
      assert.equal(request.redirect, "manual", "no platform follows a redirect by itself");
      return response(/nonce="([^"]*)"/.exec(request.headers.get("signature-input")!)![1]);
    };
    const parcel = stage.parcel();
    const error = await stage.settled(connection.send([parcel])).then(() => undefined, (error) => error);
    assert.equal(error?.code, code, String(error));
    assert.ok(!String(error.stack).includes(keys[0].secret));
    assert.ok(network.requests.every((line) => line.includes("//shop.test/")), "nobody else was asked");
    network.way = (request, next) => next(request);
    assert.deepEqual(await stage.settled(connection.send([parcel])), [undefined]);
    assert.deepEqual(taker.ids, ["m-1", parcel.id]);
  });
}

Deno.test("a request has 25 seconds for its answer, and is then sent again", async () => {
  await using world = await books();
  const { stage, connection, network, taker } = world;
  network.way = () => new Promise<Response>(() => {});
  const parcel = stage.parcel();
  const sending = codeOf(connection.send([parcel]));
  await stage.pass(24_000);
  await stage.pass(2_000);
  assert.equal(await stage.settled(sending), "transport-unavailable");
  network.way = (request, next) => next(request);
  await stage.settled(connection.send([parcel]));
  assert.deepEqual(taker.ids, ["m-1", parcel.id]);
});

Deno.test("a service that asks to be left alone is left alone for as long", async () => {
  await using world = await books();
  const { stage, connection, network } = world;
  network.way = () => new Response(null, { status: 429, headers: { "retry-after": "3" } });
  assert.equal(await stage.settled(codeOf(connection.send([stage.parcel()]))), "transport-full");
  const before = network.requests.length;
  assert.equal(await stage.settled(codeOf(connection.send([stage.parcel()]))), "transport-full");
  assert.equal(network.requests.length, before, "nothing is sent meanwhile");
  assert.equal(connection.state.status, "connected");
  await stage.pass(3_000);
  network.way = (request, next) => next(request);
  assert.deepEqual(await stage.settled(connection.send([stage.parcel()])), [undefined]);
});

Deno.test("a server in front that takes less gets less at once, in order", async () => {
  await using world = await books();
  const { stage, connection, network, taker } = world;
  const bodies: number[] = [];
  network.way = async (request, next) => {
    const { byteLength } = await request.clone().arrayBuffer();
    bodies.push(byteLength);
    return byteLength > 300_000 ? new Response("nginx", { status: 413 }) : await next(request);
  };
  const parcels = Array.from(
    { length: 20 },
    () => stage.parcel(stage.to(), { body: new Uint8Array(50_000) }),
  );
  assert.deepEqual(await stage.settled(connection.send(parcels)), parcels.map(() => undefined));
  assert.deepEqual(taker.ids.slice(1), parcels.map(({ id }) => id));
  assert.ok(bodies.length < 10, `it has sent ${bodies.length} requests`);
  const [refusal] = await stage.settled(
    connection.send([stage.parcel(stage.to(), { body: new Uint8Array(400_000) })]),
  );
  assert.equal(refusal?.code, "too-large");
});

Deno.test("a server in front that takes nothing at all ends in refusals, and not in a loop", async () => {
  await using world = await books();
  const { stage, connection, network } = world;
  network.way = () => new Response("nginx", { status: 413 });
  const parcels = Array.from({ length: 9 }, () => stage.parcel(stage.to(), { body: new Uint8Array() }));
  const answers = await stage.settled(connection.send(parcels));
  assert.deepEqual(new Set(answers.map((answer) => answer?.code)), new Set(["too-large"]));
});

Deno.test("what is behind messages that nobody reads just now is not sent before them", async () => {
  await using world = await books();
  const { stage, connection, network, taker } = world;
  let posts = 0;
  network.way = async (request, next) => {
    if (request.method === "POST" && ++posts === 2) { // a process of another version answers
      return new Response('{"code":"no-receiver"}', {
        status: 404,
        headers: { "content-type": "application/problem+json" },
      });
    }
    return await next(request);
  };
  const parcels = Array.from(
    { length: 3 },
    () => stage.parcel(stage.to(), { body: new Uint8Array(1_000_000) }),
  );
  const more = [
    ...parcels,
    ...Array.from({ length: 9 }, () => stage.parcel(stage.to(), { body: new Uint8Array(900_000) })),
  ];
  const answers = await stage.settled(connection.send(more));
  const taken = answers.filter((answer) => answer === undefined).length;
  assert.ok(taken > 0 && taken < more.length);
  assert.deepEqual(
    answers.slice(taken).map((answer) => answer?.code),
    Array(more.length - taken).fill("no-receiver"),
  );
  assert.deepEqual(taker.ids.slice(1), more.slice(0, taken).map(({ id }) => id));
});

Deno.test("an error says neither a secret nor the query of a url", async () => {
  await using world = await books();
  const { stage, connection, network } = world;
  network.way = () => {
    throw new TypeError("cannot connect to https://user:hunter2@shop.test/posthorn?token=hunter2");
  };
  const error = await stage.settled(connection.send([stage.parcel()])).then(
    () => undefined,
    (error) => error,
  );
  assert.ok(!error.message.includes("hunter2"), error.message);
  assert.ok(!connection.state.reason?.includes("hunter2"));
});

Deno.test("a payload goes only to the service that has said that it reads the inbox or the event", async () => {
  await using stage = new Stage();
  const services = ["shop", "mail", "books"];
  const shop = await stage.open("shop", stage.transport(services));
  shop.receive(orders, new Taker());
  const mail = await stage.open("mail", stage.transport(services));
  mail.receive({ kind: "process" }, new Taker());
  const books = await stage.open("books", stage.transport(services));
  const event = {
    kind: "event",
    protocol: "ledger",
    event: "closed",
    mode: "event",
    subject: "",
    key: "k",
  } as const;
  for (let sent = 0; sent < 3; sent++) {
    await stage.settled(books.send([stage.parcel()]));
    await stage.settled(books.send([stage.parcel({ ...event, service: "mail" })]));
  }
  const posts = stage.network.requests.filter((line) => line.startsWith("POST"));
  assert.deepEqual(new Set(posts), new Set(["POST https://shop.test/posthorn/inbox/order"]));
});

Deno.test("a reply goes to a service that is named, and to no other", async () => {
  await using stage = new Stage();
  const books = await stage.open("books", stage.transport(["shop"]));
  for (
    const address of [
      "evil/replies",
      "evil/process/x",
      "https://evil.test/",
      "shop/../../x",
      "shop/inbox/order",
    ]
  ) {
    const [refusal] = await stage.settled(books.send([stage.parcel({ kind: "reply", address })]));
    assert.match(refusal?.code ?? "none", /refused|no-receiver/, address);
  }
  assert.deepEqual(stage.network.requests, []);
});

Deno.test("nobody reads an inbox only if all services have said so", async () => {
  await using stage = new Stage();
  const mail = await stage.open("mail", stage.transport(["books"]));
  mail.receive({ kind: "process" }, new Taker());
  const books = await stage.open("books", stage.transport(["mail", "shop"]));
  assert.equal(await stage.settled(codeOf(books.send([stage.parcel()]))), "transport-unavailable");
  const shop = await stage.open("shop", stage.transport(["books"]));
  shop.receive({ kind: "process" }, new Taker());
  const [refusal] = await stage.settled(books.send([stage.parcel()]));
  assert.equal(refusal?.code, "no-receiver");
});

Deno.test("an inbox that is about to be read is waited for", async () => {
  await using stage = new Stage();
  const taker = new Taker();
  stage.network.way = (request, next) =>
    // the greeting of the shop, which is slow
    request.url.includes("//mail.test") ? new Promise<Response>(() => {}) : next(request);
  const shop = await stage.open("shop", stage.transport(["books", "mail"], { greets: true }));
  shop.receive(orders, taker);
  const books = await stage.open("books", stage.transport(["shop"]));
  const parcel = stage.parcel();
  assert.deepEqual(await stage.settled(books.send([parcel])), [undefined]);
  assert.deepEqual(taker.ids, [parcel.id]);
});

Deno.test("an inbox that another service has is not read, and nobody waits for it", async () => {
  await using stage = new Stage();
  const mail = await stage.open("mail", stage.transport(["shop"]));
  mail.receive(orders, new Taker());
  const shop = await stage.open("shop", stage.transport(["books", "mail"], { greets: true }));
  const taker = new Taker();
  assert.equal(await stage.settled(codeOf(shop.receive(orders, taker).ready)), "another-service");
  const books = await stage.open("books", stage.transport(["shop"]));
  const [refusal] = await stage.settled(books.send([stage.parcel()]));
  assert.equal(refusal?.code, "no-receiver");
  assert.deepEqual(taker.ids, []);
});

Deno.test("a service without a url is sent nothing: a reply that does not come with a response is refused", async () => {
  await using stage = new Stage();
  const transport = httpTransport({ services: { books: {} }, keys, greets: false });
  const shop = await stage.open("shop", transport);
  for (const [address, code] of [["books/replies", "refused"], ["books/process/p-1", "no-receiver"]]) {
    const [refusal] = await stage.settled(shop.send([stage.parcel({ kind: "reply", address })]));
    assert.equal(refusal?.code, code);
  }
  assert.deepEqual(transport.recipients, []);
});

Deno.test("two services with one inbox are told, and one of them gets all", async () => {
  await using stage = new Stage();
  const takers = [new Taker(), new Taker()];
  for (const [index, name] of ["mail", "shop"].entries()) {
    const connection = await stage.open(name, stage.transport(["books"]));
    connection.receive(orders, takers[index]);
  }
  const books = await stage.open("books", stage.transport(["shop", "mail"]));
  for (let sent = 0; sent < 3; sent++) await stage.settled(books.send([stage.parcel()]));
  assert.deepEqual(takers.map(({ ids }) => ids.length), [0, 3], "the first one that is named");
  assert.deepEqual(stage.reported.map((error) => (error as { code: string }).code), ["another-service"]);
});

Deno.test("an answer that comes after its time is not left unread", async () => {
  await using world = await books();
  const { stage, connection, network } = world;
  const { promise: late, resolve } = Promise.withResolvers<Response>();
  let cancelled = false;
  const transport = httpTransport({
    services: { shop: { url: "https://shop.test/posthorn", fetch: () => late } }, // and takes no notice of its signal
    keys,
    greets: false,
  });
  await connection.close();
  network.way = (request, next) => next(request);
  const impatient = await stage.open("books", transport);
  const sending = codeOf(impatient.send([stage.parcel()]));
  for (let passed = 0; passed < 60; passed++) await stage.pass(500);
  assert.equal(await stage.settled(sending), "transport-unavailable");
  resolve(new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), { headers: frames }));
  await stage.pass(0);
  assert.ok(cancelled);
});
