import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { ask, event, protocol, submit, survey, tell, unchecked } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";
import { assertProblem, Carrier, Desk, Order, PieceReader, problemOf, superjsonType, Vault } from "./desk.ts";

const line = { sku: "tea", cents: 450 };

// --- What can be reached

for (
  const path of [
    "/actors/order/ada/secret",
    "/actors/order/ada/nothing",
    "/actors/order/ada/settled",
    "/actors/order/ada/constructor",
    "/actors/carrier/dhl/quote",
    "/events/order/hidden",
    "/events/order/add",
    "/surveys/order/add",
    "/surveys/carrier/nothing",
  ]
) {
  Deno.test(`POST ${path} is 404: there is no such operation for HTTP`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(path, { country: "de", cents: 1 }), 404, "unknown-operation");
    await desk.clock.settle();
    assert.deepEqual([desk.handled, desk.system.stats().accepted], [[], 0]);
  });
}

for (
  const path of [
    "/actors/vault/main/open",
    "/events/vault/opened",
    "/surveys/vault/open",
    "/actors/__proto__/a/b",
  ]
) {
  Deno.test(`POST ${path} is 404: there is no such protocol for HTTP`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(path), 404, "unknown-protocol");
    await desk.clock.settle();
    assert.deepEqual([desk.handled, desk.system.stats().accepted], [[], 0]);
  });
}

for (
  const [path, code] of [
    ["/events/order/hidden", "unknown-operation"],
    ["/events/order/add", "unknown-operation"],
    ["/events/order?event=settled,hidden", "unknown-operation"],
    ["/events/vault/opened", "unknown-protocol"],
    ["/events/vault", "unknown-protocol"],
    ["/events/carrier", "unknown-protocol"],
    ["/actors/vault/main/open", "unknown-protocol"],
    ["/actors/order/ada/secret", "unknown-operation"],
    ["/surveys/vault/open", "unknown-protocol"],
  ]
) {
  Deno.test(`GET ${path} is 404`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.get(path), 404, code);
  });
}

Deno.test("what is exposed and nobody handles is refused at start, with the name that was meant", async () => {
  await using desk = new Desk();
  const Ordr = protocol("ordr", { note: tell(), count: ask(z.number()), file: submit(z.number()) });
  for (const exposed of [Ordr, Ordr.note, Ordr.count, Ordr.file]) {
    assert.throws(() => ingress(desk.system, { expose: [exposed] }), {
      name: "TypeError",
      message: /^Cannot expose ordr\.\w+: this system hosts no actor of ordr, .+\. Did you mean order\?$/,
    });
  }
  const Copy = protocol("order", { add: tell(z.number()), unknown: tell() });
  for (const exposed of [Copy.add, Copy.unknown]) {
    assert.throws(() => ingress(desk.system, { expose: [exposed] }), {
      name: "TypeError",
      message: /^Cannot expose/,
    });
  }
});

Deno.test("an event or a survey may be exposed where no actor of it is hosted", async () => {
  await using desk = new Desk();
  const Absent = protocol("absent", {
    said: event(z.string()),
    heard: event(z.string()),
    asked: survey(z.number()),
  });
  ingress(desk.system, { expose: [Absent.said, Absent.asked], accept: [Absent.heard] });
});

Deno.test("expose and accept are lists of protocols and operations, whatever else they contain", async () => {
  await using desk = new Desk();
  const lists: unknown[] = [undefined, "order", ["order"], [undefined], [null], [{}], [
    desk.system.ref(Order, "a"),
  ]];
  for (const list of lists) {
    const message = /^Cannot use expose: /;
    assert.throws(() => ingress(desk.system, { expose: list } as never), { name: "TypeError", message });
  }
  const message = /^Cannot use accept: its entry 0 is neither/;
  assert.throws(() => ingress(desk.system, { expose: [], accept: [undefined] } as never), {
    name: "TypeError",
    message,
  });
});

Deno.test("only events can be accepted for publication", async () => {
  await using desk = new Desk();
  for (const accepted of [Order.add, Order]) {
    assert.throws(() => ingress(desk.system, { expose: [], accept: [accepted] } as never), {
      name: "TypeError",
      message: /^Cannot accept order\.add: it is no event/,
    });
  }
});

Deno.test("a misspelt option of an ingress is refused at start", async () => {
  await using desk = new Desk();
  const spread = { metric: true };
  assert.throws(() => ingress(desk.system, { expose: [], ...spread }), {
    name: "TypeError",
    message: "Cannot use metric of ingress: there is no such option. Did you mean metrics?",
  });
});

Deno.test("exposing a payload that is unchecked throws at start", async () => {
  await using desk = new Desk();
  const Loose = protocol("loose", { note: tell(unchecked<string>()), said: event(unchecked<string>()) });
  assert.throws(() => ingress(desk.system, { expose: [Loose.note] }), TypeError);
  assert.throws(() => ingress(desk.system, { expose: [Loose] }), TypeError);
  assert.throws(() => ingress(desk.system, { expose: [], accept: [Loose.said] }), TypeError);
});

Deno.test("an option out of its bounds throws at start", async () => {
  await using desk = new Desk();
  assert.throws(() => ingress(desk.system, { expose: [], depthMax: 0 }), RangeError);
});

// --- Methods

const methods: readonly (readonly [path: string, allow: string])[] = [
  ["/actors/order/ada/add", "POST"],
  ["/surveys/carrier/quote", "POST"],
  ["/replies/1", "GET, HEAD, DELETE"],
  ["/healthz", "GET, HEAD"],
  ["/metrics", "GET, HEAD"],
  ["/events/order/settled", "GET, HEAD"],
  ["/events/order/raised", "POST"],
  ["/events/order", "GET, HEAD"],
];

for (const [path, allow] of methods) {
  Deno.test(`${path} answers ${allow}, and 405 to every other method`, async () => {
    await using desk = new Desk({ metrics: true });
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      const response = await desk.send(method, path);
      await response.body?.cancel();
      if (allow.split(", ").includes(method)) {
        assert.notEqual(response.status, 405, method);
        continue;
      }
      assert.deepEqual([method, response.status, response.headers.get("allow")], [method, 405, allow]);
    }
    assert.deepEqual(desk.handled, []);
  });
}

Deno.test("an event that is exposed and accepted answers GET, HEAD and POST", async () => {
  await using desk = new Desk({ expose: [Order.raised], accept: [Order.raised] });
  const response = await desk.send("DELETE", "/events/order/raised");
  await assertProblem(response, 405, "method-not-allowed");
  assert.equal(response.headers.get("allow"), "GET, HEAD, POST");
});

for (
  const path of ["/actors/order/ada/secret", "/surveys/order/add", "/events/order/hidden", "/events/vault"]
) {
  Deno.test(`DELETE ${path} is 404: a method cannot be wrong if there is no route`, async () => {
    await using desk = new Desk();
    await problemOf(await desk.send("DELETE", path)).then(({ status }) => assert.equal(status, 404));
  });
}

// --- Paths

for (
  const path of [
    "/",
    "/actors",
    "/actors/order",
    "/actors/order/ada",
    "/actors/order/ada/add/more",
    "/replies",
  ]
) {
  Deno.test(`${path} is 404: there is no such route`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(path), 404, "unknown-route");
    await assertProblem(await desk.get(path), 404, "unknown-route");
  });
}

for (const key of ["eu%2Fada", "%C3%A9", "a%20b", "100%25", "a.b", "~ada", "ada%3Fx=1"]) {
  Deno.test(`the key ${key} reaches its actor decoded`, async () => {
    await using desk = new Desk();
    assert.equal((await desk.post(`/actors/order/${key}/add`, line)).status, 202);
    assert.equal(await desk.total(decodeURIComponent(key)), 450);
  });
}

for (const key of ["a%00b", "%7F", "%0A", "a".repeat(513)]) {
  Deno.test(`the key ${key.slice(0, 9)} is 400`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(`/actors/order/${key}/add`, line), 400, "invalid-key");
  });
}

// --- The limit of a body

/** A body of unknown length. */
function chunked(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      const size = Math.min(left, 65_536);
      left -= size;
      controller.enqueue(new Uint8Array(size).fill(0x20));
    },
  });
}

const paths = ["/actors/order/ada/add", "/events/order/raised", "/surveys/carrier/quote"];

for (const path of paths) {
  Deno.test(`POST ${path} refuses a body whose length is over 1 MiB`, async () => {
    await using desk = new Desk();
    const headers = { "content-type": "application/json", "content-length": "1048577" };
    await assertProblem(await desk.send("POST", path, { headers, body: "{}" }), 413, "too-large");
  });

  Deno.test(`POST ${path} refuses a body that turns out to be over 1 MiB`, async () => {
    await using desk = new Desk();
    const headers = { "content-type": "application/json" };
    const response = await desk.send("POST", path, { headers, body: chunked(1_048_577) });
    await assertProblem(response, 413, "too-large");
    await assertProblem(
      await desk.send("POST", path, { headers, body: chunked(1_048_576) }),
      400,
      "malformed-body",
    );
  });
}

Deno.test("the largest body and the deepest nesting are options", async () => {
  await using desk = new Desk({ bodyBytesMax: 10, depthMax: 2 });
  const echo = (payload: unknown) => desk.post("/actors/order/ada/echo", payload);
  assert.equal((await echo("12345678")).status, 200);
  const { detail } = await assertProblem(await echo("123456789"), 413, "too-large");
  assert.equal(detail, "The body is larger than 10 bytes");
  assert.equal((await echo([[]])).status, 200);
  await assertProblem(await echo([[[]]]), 400, "too-deep");
});

// --- Mounted in another app

Deno.test("an ingress is mounted in an app that has routes of its own", async () => {
  await using desk = new Desk();
  const app = new Hono().route("/api", desk.app);
  app.get("/api/own", (context) => context.text("own"));
  app.notFound((context) => context.text("nothing here", 404));
  assert.equal(await (await app.request("/api/own")).text(), "own");
  assert.equal(await (await app.request("/api/other")).text(), "nothing here");
  assert.equal((await app.request("/api/healthz")).status, 200);
});

Deno.test("a mounted ingress answers its failures itself", async () => {
  await using desk = new Desk();
  const app = new Hono().route("/api", desk.app);
  app.onError((_error, context) => context.text("the app's", 500));
  await assertProblem(
    await app.request("/api/actors/vault/main/open", { method: "POST" }),
    404,
    "unknown-protocol",
  );
  await assertProblem(await app.request("/api/actors/order/ada/add"), 405, "method-not-allowed");
  await assertProblem(await app.request("/api/actors/order"), 404, "unknown-route");
});

Deno.test("a mount may have parameters with any names: they are not those of the routes below it", async () => {
  await using desk = new Desk();
  const app = new Hono().route("/of/:protocol/:key/:operation/:id/:reply", desk.app);
  const request = (method: string, path: string, body?: unknown) =>
    app.request(`/of/carrier/eve/clear/1/2${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...body !== undefined && { body: JSON.stringify(body) },
    });
  assert.equal((await request("POST", "/actors/order/ada/add", line)).status, 202);
  await desk.clock.settle();
  assert.deepEqual([await desk.total("ada"), await desk.total("eve")], [450, 0]);
  const { headers } = await request("POST", "/actors/order/ada/settle", { cents: 1 });
  await desk.open();
  const collected = await app.request(headers.get("location")!);
  assert.equal(collected.status, 200);
  assert.equal((await collected.json()).cents, 1);
  const stream = await request("GET", "/events/order?event=paused");
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  await stream.body!.cancel();
  assert.equal((await request("POST", "/events/order/raised", { country: "de", cents: 1 })).status, 202);
});

Deno.test("middleware before it sees the decoded key, so each key can have an owner", async () => {
  await using desk = new Desk();
  const app = new Hono();
  const owner = bearerAuth({
    verifyToken: (token, context) => token === `${context.req.param("key")}-token`,
  });
  app.use("/api/actors/order/:key/*", owner);
  app.route("/api", desk.app);
  const clear = (key: string, token: string) =>
    app.request(`/api/actors/order/${key}/clear`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
  assert.equal((await clear("eu%2Fada", "eu/ada-token")).status, 202);
  assert.equal((await clear("bob", "eu/ada-token")).status, 401);
  await desk.clock.settle();
  assert.deepEqual(desk.handled, ["clear"]);
});

Deno.test("middleware before it may read the body, whether its length is known or not", async () => {
  await using desk = new Desk();
  const app = new Hono();
  const seen: unknown[] = [];
  app.use(async (context, next) => {
    seen.push(await context.req.json());
    await next();
  });
  app.route("/", desk.app);
  const body = JSON.stringify(line);
  for (const length of [[], [["content-length", String(body.length)]]]) {
    const headers = Object.fromEntries([["content-type", "application/json"], ...length]);
    assert.equal((await app.request("/actors/order/ada/add", { method: "POST", headers, body })).status, 202);
  }
  assert.deepEqual(seen, [line, line]);
  assert.equal(await desk.total("ada"), 900);
});

Deno.test("headers that middleware sets on the context are in the response", async () => {
  await using desk = new Desk();
  const app = new Hono();
  app.use(async (context, next) => {
    context.header("x-trace", "7");
    await next();
  });
  app.route("/", desk.app);
  for (const accept of ["*/*", superjsonType]) {
    const init = { method: "POST", headers: { accept } };
    assert.equal((await app.request("/actors/order/ada/count", init)).headers.get("x-trace"), "7");
  }
});

Deno.test("a body that middleware has read is refused if it is over the limit", async () => {
  await using desk = new Desk({ bodyBytesMax: 10 });
  const app = new Hono();
  app.use(async (context, next) => {
    await context.req.text();
    await next();
  });
  app.route("/", desk.app);
  const post = (body: string) =>
    app.request("/actors/order/ada/echo", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  assert.equal((await post('"12345678"')).status, 200);
  await assertProblem(await post('"123456789"'), 413, "too-large");
  await assertProblem(await post('"☕☕☕"'), 413, "too-large");
});

Deno.test("two ingresses of one system expose each its own", async () => {
  await using desk = new Desk();
  const inner = ingress(desk.system, { expose: [Vault] });
  const app = new Hono().route("/public", desk.app).route("/internal", inner);
  assert.equal((await app.request("/internal/actors/vault/main/open", { method: "POST" })).status, 200);
  assert.equal((await app.request("/public/actors/vault/main/open", { method: "POST" })).status, 404);
});

// --- Health and metrics

Deno.test("GET /healthz says that it runs", async () => {
  await using desk = new Desk();
  const response = await desk.get("/healthz");
  assert.deepEqual([response.status, await response.json()], [200, { status: "running" }]);
});

Deno.test("GET /healthz is 503 while it stops and when it has", async () => {
  await using desk = new Desk();
  await desk.post("/actors/order/ada/settle", { cents: 1 });
  await desk.clock.settle();
  const stopped = desk.system.stop();
  const stopping = await desk.get("/healthz");
  assert.deepEqual([stopping.status, await stopping.json()], [503, { status: "stopping" }]);
  await desk.open();
  await stopped;
  const after = await desk.get("/healthz");
  assert.deepEqual([after.status, await after.json()], [503, { status: "stopped" }]);
});

Deno.test("GET /healthz says why the system stopped by itself only with healthReasons", async () => {
  await using desk = new Desk();
  const health = { status: "stopped", reason: "order/ada lost its disk" } as const;
  const system = new Proxy(desk.system, {
    get: (target, name) => name === "health" ? health : Reflect.get(target, name, target),
  });
  const response = await ingress(system, { expose: [], healthReasons: true }).request("/healthz");
  assert.deepEqual([response.status, await response.json()], [503, health]);
  const silent = await ingress(system, { expose: [] }).request("/healthz");
  assert.deepEqual([silent.status, await silent.json()], [503, { status: "stopped" }]);
});

Deno.test("GET /metrics exists if the option metrics is set", async () => {
  await using desk = new Desk({ metrics: true });
  await desk.post("/actors/order/ada/add", line);
  await desk.clock.settle();
  const response = await desk.get("/metrics");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(await response.text(), /^posthorn_done_total\{protocol="order"\} 1$/m);
});

Deno.test("GET /metrics does not exist without the option", async () => {
  await using desk = new Desk();
  await assertProblem(await desk.get("/metrics"), 404, "unknown-route");
});

// --- The end

Deno.test("every POST is 503 with Retry-After while the system stops", async () => {
  await using desk = new Desk();
  await desk.system.stop();
  for (
    const [path, payload] of [
      ["/actors/order/ada/add", line],
      ["/actors/order/ada/count", undefined],
      ["/actors/order/ada/settle", { cents: 1 }],
      ["/events/order/raised", { country: "de", cents: 1 }],
      ["/surveys/carrier/quote", { grams: 1 }],
    ] as const
  ) {
    const response = await desk.post(path, payload);
    assert.equal(response.headers.get("retry-after"), "1");
    await assertProblem(response, 503, "stopping");
  }
});

// --- On a real server

/** A server of one desk that records every cancelled timer. */
async function serve(desk: Desk, use: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, desk.app.fetch);
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** Waits for the event loop until a condition holds, without advancing the clock. */
async function until(done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    assert.ok(turns < 100_000, "it never came");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

Deno.test("a client that disconnects frees its stream and its timer", async () => {
  await using desk = new Desk({ streamsMax: 1 });
  await serve(desk, async (url) => {
    for (let round = 0; round < 3; round++) {
      const before = desk.clock.waiting;
      const controller = new AbortController();
      const response = await fetch(`${url}/events/order/paused`, { signal: controller.signal });
      const reader = new PieceReader(response);
      assert.equal(await reader.next(), "retry: 2000");
      await until(() => desk.clock.waiting === before + 1);
      const refused = await fetch(`${url}/events/order/paused`);
      assert.equal(await refused.text(), "retry: 2000\n\n");
      controller.abort();
      await until(() => desk.clock.waiting === before);
    }
  });
});

Deno.test("events reach a client of a real server as they come", async () => {
  await using desk = new Desk();
  await serve(desk, async (url) => {
    const controller = new AbortController();
    const response = await fetch(`${url}/events/order/paused`, { signal: controller.signal });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = new PieceReader(response);
    await reader.next();
    for (const text of ["a", "b"]) {
      await desk.system.publish(Order.paused, text);
      assert.match((await reader.next())!, new RegExp(`data: "${text}"`));
    }
    controller.abort();
  });
});

Deno.test("a client that disconnects closes the survey that it read", async () => {
  await using desk = new Desk();
  desk.system.subscribe(Carrier.quote, desk.system.ref(Carrier, "dhl").at(Carrier.quote));
  using _ = desk.system.subscribe(Carrier.quote, () => new Promise<never>(() => {}));
  const collectors = () => desk.system.stats().protocols["~collector"].actors;
  await serve(desk, async (url) => {
    const controller = new AbortController();
    const response = await fetch(`${url}/surveys/carrier/quote?timeoutMs=9000`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"grams":1}',
      signal: controller.signal,
    });
    assert.equal(await new PieceReader(response, "\n").next(), '{"reply":{"cents":4}}');
    assert.equal(collectors(), 1);
    controller.abort();
    await until(() => collectors() === 0);
  });
});

Deno.test("a body over the limit is 413 on a real server, with a length and without", async () => {
  await using desk = new Desk();
  await serve(desk, async (url) => {
    for (const body of [new Uint8Array(1_048_577), chunked(1_048_577)]) {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}/actors/order/ada/add`, { method: "POST", headers, body });
      await assertProblem(response, 413, "too-large");
    }
  });
});

Deno.test("a body for an operation that takes none is refused, and is not taken for options", async () => {
  await using desk = new Desk();
  for (const body of [5, null, [], { sku: "tea" }, { id: "1" }, { timeoutMs: 5 }]) {
    for (const path of ["/actors/order/ada/clear", "/actors/order/ada/count"]) {
      await assertProblem(await desk.post(path, body), 400, "invalid-payload");
    }
  }
  assert.equal(desk.system.stats().accepted, 0);
});
