import assert from "node:assert/strict";
import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { SuperJSON } from "superjson";
import { actor, ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { assertProblem, Carrier, Desk, Order, PieceReader, superjsonType } from "./desk.ts";

const line = { sku: "tea", cents: 450 };
const receipt = { country: "de", cents: 1 };
const ada = "/actors/order/ada";

function key(id: string, authorization?: string): Record<string, string> {
  return authorization === undefined ? { "idempotency-key": id } : { "idempotency-key": id, authorization };
}

async function idOf(response: Response): Promise<string> {
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["id"]);
  return body.id;
}

function locationOf(response: Response): string {
  return response.headers.get("location")!;
}

// --- Tell

Deno.test("a tell is 202 with its id, and takes effect", async () => {
  await using desk = new Desk();
  const response = await desk.post(`${ada}/add`, line);
  assert.equal(response.status, 202);
  assert.match(await idOf(response), /^[0-9A-Z]{26}$/);
  assert.equal(await desk.total("ada"), 450);
});

Deno.test("a tell without a payload needs neither body nor content type", async () => {
  await using desk = new Desk();
  assert.equal((await desk.post(`${ada}/clear`)).status, 202);
  await desk.clock.settle();
  assert.deepEqual(desk.handled, ["clear"]);
});

Deno.test("a payload that the schema refuses is 400 with its issues, and nothing is accepted", async () => {
  await using desk = new Desk();
  const problem = await assertProblem(
    await desk.post(`${ada}/add`, { sku: "tea", cents: "450" }),
    400,
    "invalid-payload",
  );
  assert.deepEqual(problem.issues!.map(({ path }) => path), [["cents"]]);
  assert.equal(desk.system.stats().accepted, 0);
});

Deno.test("an unexpected payload is 400, and so is a missing one", async () => {
  await using desk = new Desk();
  await assertProblem(await desk.post(`${ada}/clear`, 1), 400, "invalid-payload");
  await assertProblem(await desk.post(`${ada}/add`), 400, "invalid-payload");
  assert.equal(desk.system.stats().accepted, 0);
});

Deno.test("the id of a tell is that of its dead letter", async () => {
  const Weak = protocol("weak", { fall: tell() });
  const weak = actor(Weak, {
    state: () => null,
    on: {
      fall() {
        throw new Error("fell");
      },
    },
    retry: { attempts: 1 },
  });
  const clock = new VirtualClock();
  await using system = new System({ actors: [weak], clock });
  const response = await ingress(system, { expose: [Weak] }).request("/actors/weak/a/fall", {
    method: "POST",
  });
  await clock.settle();
  assert.deepEqual(system.deadLetters.list().map(({ id }) => id), [await idOf(response)]);
});

Deno.test("a full mailbox is 429 with Retry-After, in every mode, and nothing is accepted", async () => {
  await using desk = new Desk();
  const hanging = desk.post(`${ada}/hang`);
  await desk.clock.settle();
  for (let place = 0; place < 8; place++) assert.equal((await desk.post(`${ada}/clear`)).status, 202);
  for (const [operation, payload] of [["clear"], ["count"], ["settle", { cents: 1 }]] as const) {
    const response = await desk.post(`${ada}/${operation}`, payload);
    assert.equal(response.headers.get("retry-after"), "1");
    const { detail } = await assertProblem(response, 429, "mailbox-full");
    assert.equal(detail, "Cannot deliver to order/ada: its mailbox holds 8 of 8 messages");
  }
  assert.equal(desk.system.stats().dead, 0);
  assert.equal(desk.system.stats().protocols.order.waiting, 8);
  await desk.open();
  assert.equal((await hanging).status, 200);
});

Deno.test("a key that was refused by a full mailbox may be tried again", async () => {
  await using desk = new Desk();
  const hanging = desk.post(`${ada}/hang`);
  await desk.clock.settle();
  for (let place = 0; place < 8; place++) await desk.post(`${ada}/clear`);
  await assertProblem(await desk.post(`${ada}/add`, line, key("1")), 429, "mailbox-full");
  await desk.open();
  await hanging;
  assert.equal((await desk.post(`${ada}/add`, line, key("1"))).status, 202);
  assert.equal(await desk.total("ada"), 450);
});

Deno.test("one actor more than the system holds is 429", async () => {
  await using desk = new Desk({ system: { limits: { actors: 1 } } });
  await desk.post(`${ada}/add`, line);
  await assertProblem(await desk.post("/actors/order/bob/add", line), 429, "too-many-actors");
});

// --- Ask

Deno.test("an ask is 200 with the reply", async () => {
  await using desk = new Desk();
  await desk.post(`${ada}/add`, line);
  const response = await desk.post(`${ada}/total`, "EUR");
  assert.deepEqual([response.status, response.headers.get("content-type")], [200, "application/json"]);
  assert.equal(await response.json(), 450);
});

Deno.test("an ask is answered in superjson if the client accepts it", async () => {
  await using desk = new Desk();
  const value = { at: new Date(1), of: new Map([[1n, new Set([undefined])]]) };
  const response = await desk.send("POST", `${ada}/echo`, {
    headers: { "content-type": superjsonType, accept: superjsonType },
    body: new SuperJSON().stringify(value),
  });
  assert.equal(response.headers.get("content-type"), superjsonType);
  assert.deepEqual(new SuperJSON().parse(await response.text()), value);
});

/** Replies whose schema transforms a text to a date. */
const When = z.string().transform((text) => new Date(text));
const Clocked = protocol("clocked", { when: ask(When), dates: survey(When), book: submit(When) });
const clocked = actor(Clocked, {
  state: () => null,
  on: { when: () => "2030-01-01", dates: () => "2030-01-01", book: () => "2030-01-01" },
});

for (const [mode, path] of [["ask", "/actors/clocked/a/when"], ["submit", "/actors/clocked/a/book"]]) {
  Deno.test(`a reply to an ${mode} comes as it travels, before its schema transforms it`, async () => {
    await using desk = new Desk({ expose: [Clocked], system: { actors: [clocked] }, accept: [] });
    assert.equal(await (await desk.post(path, undefined, { prefer: "wait=1" })).json(), "2030-01-01");
  });
}

Deno.test("a reply to a survey comes as it travels, before its schema transforms it", async () => {
  await using desk = new Desk({ expose: [Clocked], system: { actors: [clocked] }, accept: [] });
  desk.system.subscribe(Clocked.dates, desk.system.ref(Clocked, "a").at(Clocked.dates));
  const text = await (await desk.post("/surveys/clocked/dates?max=1")).text();
  assert.equal(text.split("\n")[0], '{"reply":"2030-01-01"}');
});

Deno.test("an ask that is not answered in time is 504", async () => {
  await using desk = new Desk();
  const asking = desk.post(`${ada}/hang?timeoutMs=700`);
  await desk.clock.advance(699);
  assert.equal(await Promise.race([asking, "pending"]), "pending");
  await desk.clock.advance(1);
  await assertProblem(await asking, 504, "deadline");
});

Deno.test("an ask waits no longer than the ingress allows", async () => {
  await using desk = new Desk({ timeoutMsMax: 1_000 });
  const asking = desk.post(`${ada}/hang?timeoutMs=60000`);
  await desk.clock.advance(1_000);
  await assertProblem(await asking, 504, "deadline");
});

for (const query of ["timeoutMs=0", "timeoutMs=", "timeoutMs=soon", "timeoutMs=-5"]) {
  Deno.test(`an ask with ${query} is 400, and nothing is accepted`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(`${ada}/count?${query}`), 400, "invalid-parameter");
    assert.equal(desk.system.stats().accepted, 0);
  });
}

Deno.test("a TerminalError of a handler is 422 with its code and message", async () => {
  await using desk = new Desk();
  const { detail } = await assertProblem(await desk.post(`${ada}/refuse`, "No tea left"), 422, "sold-out");
  assert.equal(detail, "No tea left");
});

Deno.test("an error of a handler is 500 without details", async () => {
  await using desk = new Desk();
  const response = await desk.post(`${ada}/crash`, "secret at db:5432");
  assert.deepEqual(await response.clone().json(), {
    type: "urn:posthorn:problem:failed",
    title: "Internal Server Error",
    status: 500,
    code: "failed",
  });
  await assertProblem(response, 500, "failed");
});

Deno.test("a reply that JSON cannot carry is 406, and can be asked for again by its key in superjson", async () => {
  await using desk = new Desk();
  const body = new SuperJSON().stringify(1n);
  const send = (headers: Record<string, string>) =>
    desk.send("POST", `${ada}/echo`, {
      headers: { "content-type": superjsonType, ...key("1"), ...headers },
      body,
    });
  await assertProblem(await send({}), 406, "not-representable");
  const response = await send({ accept: superjsonType });
  assert.equal(new SuperJSON().parse(await response.text()), 1n);
});

// --- Submit

Deno.test("a submit is 202 with its id and the Location of its reply", async () => {
  await using desk = new Desk();
  const response = await desk.post(`${ada}/settle`, { cents: 5 });
  assert.equal(response.status, 202);
  assert.match(await idOf(response), /^[0-9A-Z]{26}$/);
  assert.match(locationOf(response), /^\/replies\/R[0-9A-Z]{26}$/);
  assert.equal(response.headers.get("retry-after"), "1");
  // Caches do not store responses to a POST, so no cache header is needed.
  assert.deepEqual([response.headers.get("vary"), response.headers.get("cache-control")], [null, null]);
});

for (
  const [what, mount, prefix] of [
    ["a mount", "/api", "/api"],
    ["a deep mount", "/api/v1", "/api/v1"],
    ["a mount with a parameter", "/tenants/:tenant", "/tenants/a%2Fb"],
  ]
) {
  Deno.test(`Location has the prefix of ${what}, also if the key has a slash`, async () => {
    await using desk = new Desk();
    const app = new Hono().route(mount, desk.app);
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: '{"cents":5}' };
    const response = await app.request(`${prefix}/actors/order/eu%2Fada/settle`, init);
    const location = response.headers.get("location")!;
    assert.match(location, /\/replies\/R[0-9A-Z]{26}$/);
    assert.equal(location.slice(0, -36), prefix);
    assert.equal((await app.request(location)).status, 202);
    await desk.open();
    assert.deepEqual(await (await app.request(location)).json(), { country: "de", cents: 5 });
  });
}

for (const [where, system] of [["in memory", {}], ["with a store", { store: memoryStore() }]] as const) {
  Deno.test(`the key of a submit is its id, and its reply is found only by Location, ${where}`, async () => {
    await using desk = new Desk({ system });
    const sent = [];
    for (const _ of [1, 2]) sent.push(await desk.post(`${ada}/settle`, { cents: 5 }, key("a/b?c#d%")));
    assert.deepEqual(await Promise.all(sent.map(idOf)), ["a/b?c#d%", "a/b?c#d%"]);
    const [location, again] = sent.map(locationOf);
    assert.equal(again, location);
    await desk.open();
    assert.equal((await desk.get(location)).status, 200);
    const bare = await desk.post(`${ada}/settle`, { cents: 5 });
    for (const id of ["a/b?c#d%", await idOf(bare)]) {
      await assertProblem(await desk.get(`/replies/${encodeURIComponent(id)}`), 404, "unknown-reply");
    }
  });
}

Deno.test("a submit that is done in the time that it prefers to wait is 200 with the reply", async () => {
  await using desk = new Desk();
  const waiting = desk.post(`${ada}/settle`, { cents: 5 }, { prefer: "wait=10" });
  await desk.clock.advance(9_000);
  await desk.open();
  const response = await waiting;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("preference-applied"), "wait=10");
  assert.match(response.headers.get("vary")!, /prefer/);
  assert.deepEqual(await response.json(), { country: "de", cents: 5 });
});

Deno.test("a submit that is not done in the time that it prefers to wait is 202", async () => {
  await using desk = new Desk();
  const waiting = desk.post(`${ada}/settle`, { cents: 5 }, { prefer: "wait=10" });
  await desk.clock.advance(10_000);
  const response = await waiting;
  assert.deepEqual([response.status, response.headers.get("preference-applied")], [202, null]);
  assert.equal((await desk.get(locationOf(response))).status, 202);
});

Deno.test("a submit that fails in the time that it prefers to wait is answered as an ask", async () => {
  await using desk = new Desk();
  const response = await desk.post(`${ada}/reject`, "No money", { prefer: "wait=10" });
  const { detail } = await assertProblem(response, 422, "card-refused");
  assert.match(detail!, /No money/);
});

Deno.test("one reply more than the system keeps is 429", async () => {
  await using desk = new Desk({ system: { limits: { replies: 1 } } });
  await desk.post(`${ada}/settle`, { cents: 1 });
  const response = await desk.post(`${ada}/settle`, { cents: 2 });
  assert.equal(response.headers.get("retry-after"), "1");
  await assertProblem(response, 429, "too-many-replies");
});

// --- Replies

Deno.test("GET /replies is 202 with Retry-After while the reply is pending", async () => {
  await using desk = new Desk();
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  const response = await desk.get(location);
  assert.deepEqual([response.status, response.headers.get("retry-after")], [202, "1"]);
  assert.match(response.headers.get("vary")!, /prefer/);
  assert.equal(location, `/replies/${await idOf(response)}`);
});

Deno.test("GET /replies is 200 with the reply, again and again", async () => {
  await using desk = new Desk();
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  await desk.open();
  for (const _ of [1, 2]) {
    const response = await desk.get(location);
    assert.deepEqual([response.status, await response.json()], [200, { country: "de", cents: 5 }]);
    assert.deepEqual([response.headers.get("vary"), response.headers.get("preference-applied")], [
      "accept, prefer",
      null,
    ]);
  }
});

Deno.test("GET /replies waits as long as it is preferred to", async () => {
  await using desk = new Desk();
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  const waiting = desk.get(location, { prefer: "wait=10" });
  await desk.clock.advance(9_999);
  await desk.open();
  const response = await waiting;
  assert.deepEqual([response.status, response.headers.get("preference-applied")], [200, "wait=10"]);
});

Deno.test("GET /replies waits no longer than the ingress allows", async () => {
  await using desk = new Desk({ timeoutMsMax: 2_000 });
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  const waiting = desk.get(location, { prefer: "wait=999999" });
  await desk.clock.advance(2_000);
  assert.equal((await waiting).status, 202);
});

Deno.test("GET /replies is answered in superjson if the client accepts it", async () => {
  await using desk = new Desk();
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  await desk.open();
  const response = await desk.get(location, { accept: superjsonType });
  assert.equal(response.headers.get("content-type"), superjsonType);
});

Deno.test("GET /replies of a request that failed is what an ask would have got", async () => {
  await using desk = new Desk();
  const location = locationOf(await desk.post(`${ada}/reject`, "No money"));
  await desk.clock.settle();
  const { detail } = await assertProblem(await desk.get(location), 422, "card-refused");
  assert.match(detail!, /No money/);
});

Deno.test("GET /replies of an id that was never given is 404", async () => {
  await using desk = new Desk();
  for (const id of ["nothing", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", desk.system.newId(), "a%0Ab", "%20", "%C3%A9"]) {
    await assertProblem(await desk.get(`/replies/${id}`), 404, "unknown-reply");
  }
});

Deno.test("GET /replies of a reply that is no longer kept is 410", async () => {
  await using desk = new Desk({ system: { replyRetentionMs: 5_000 } });
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  await desk.open();
  await desk.clock.advance(4_999);
  assert.equal((await desk.get(location)).status, 200);
  await desk.clock.advance(60_001);
  await assertProblem(await desk.get(location), 410, "expired-reply");
});

Deno.test("GET /replies of a reply that expires while it is waited for is 410", async () => {
  await using desk = new Desk({ system: { replyRetentionMs: 5_000, laterMs: 5_000 } });
  const location = locationOf(await desk.post(`${ada}/settle`, { cents: 5 }));
  const waiting = desk.get(location, { prefer: "wait=20" });
  await desk.clock.advance(5_000);
  await assertProblem(await waiting, 410, "expired-reply");
});

// --- The same key again

Deno.test("a repeated tell has one effect and the same answer", async () => {
  await using desk = new Desk();
  for (const header of ["k-1", '"k-1"', " k-1 "]) {
    const response = await desk.post(`${ada}/add`, line, key(header));
    assert.deepEqual([response.status, await idOf(response)], [202, "k-1"]);
  }
  assert.equal(await desk.total("ada"), 450);
});

Deno.test("a repeated ask runs once and has the same answer", async () => {
  await using desk = new Desk();
  assert.equal(await (await desk.post(`${ada}/count`, undefined, key("1"))).json(), 0);
  await desk.post(`${ada}/add`, line);
  assert.equal(await (await desk.post(`${ada}/count`, undefined, key("1"))).json(), 0);
  assert.deepEqual(desk.handled, ["count", "add tea"]);
});

Deno.test("a repeated ask that failed fails again, and runs once", async () => {
  await using desk = new Desk();
  for (const _ of [1, 2]) {
    await assertProblem(await desk.post(`${ada}/refuse`, "No", key("1")), 422, "sold-out");
  }
  assert.equal(desk.system.stats().dead, 1);
});

Deno.test("a repeated submit runs once and has one reply", async () => {
  await using desk = new Desk();
  const first = await desk.post(`${ada}/settle`, { cents: 5 }, key("1"));
  const second = await desk.post(`${ada}/settle`, { cents: 5 }, key("1"));
  assert.equal(second.headers.get("location"), first.headers.get("location"));
  await desk.open();
  const third = await desk.post(`${ada}/settle`, { cents: 5 }, { ...key("1"), prefer: "wait=1" });
  assert.deepEqual([third.status, await third.json()], [200, { country: "de", cents: 5 }]);
  assert.deepEqual(desk.handled, ["settle 5"]);
});

Deno.test("a repeated publish is published once", async () => {
  await using desk = new Desk();
  const heard: number[] = [];
  desk.system.subscribe(Order.raised, ({ cents }) => void heard.push(cents));
  for (const _ of [1, 2]) {
    const response = await desk.post("/events/order/raised", receipt, key("1"));
    assert.deepEqual([response.status, await idOf(response)], [202, "1"]);
  }
  await desk.clock.settle();
  assert.deepEqual(heard, [1]);
});

Deno.test("a repeated survey asks once and has the same answer", async () => {
  await using desk = new Desk();
  let asked = 0;
  desk.system.subscribe(Carrier.quote, () => ({ cents: ++asked }));
  const texts: string[] = [];
  for (const _ of [1, 2]) {
    texts.push(await (await desk.post("/surveys/carrier/quote?max=1", { grams: 5 }, key("1"))).text());
  }
  assert.equal(asked, 1);
  assert.equal(texts[0], '{"reply":{"cents":1}}\n{"done":"max","replies":1}\n');
  assert.equal(texts[1], texts[0]);
});

for (
  const [path, one, other] of [
    [`${ada}/add`, line, { ...line, cents: 451 }],
    [`${ada}/total`, "EUR", "USD"],
    [`${ada}/settle`, { cents: 1 }, { cents: 2 }],
    ["/events/order/raised", receipt, { ...receipt, cents: 2 }],
    ["/surveys/carrier/quote?timeoutMs=1", { grams: 1 }, { grams: 2 }],
  ] as const
) {
  Deno.test(`POST ${path} with a key that came with another payload is 422, and nothing is accepted`, async () => {
    await using desk = new Desk();
    const first = await desk.post(path, one, key("1"));
    await first.body?.cancel();
    await desk.clock.settle();
    const { accepted } = desk.system.stats();
    await assertProblem(await desk.post(path, other, key("1")), 422, "id-reused");
    await desk.clock.settle();
    assert.equal(desk.system.stats().accepted, accepted);
  });
}

Deno.test("the same key is another message for another actor and another operation", async () => {
  await using desk = new Desk();
  await desk.post(`${ada}/add`, line, key("1"));
  assert.equal((await desk.post("/actors/order/bob/add", { ...line, cents: 1 }, key("1"))).status, 202);
  assert.equal((await desk.post(`${ada}/clear`, undefined, key("1"))).status, 202);
  assert.deepEqual([await desk.total("ada"), await desk.total("bob")], [0, 1]);
});

Deno.test("the same key to two receivers is two requests, each with a Location of its own", async () => {
  await using desk = new Desk();
  const first = await desk.post(`${ada}/settle`, { cents: 1 }, key("1"));
  const second = await desk.post("/actors/order/bob/settle", { cents: 2 }, key("1"));
  assert.equal(second.status, 202);
  assert.notEqual(second.headers.get("location"), first.headers.get("location"));
  const again = await desk.post("/actors/order/bob/settle", { cents: 2 }, key("1"));
  assert.equal(again.headers.get("location"), second.headers.get("location"));
});

Deno.test("an operation on the wrong route is refused with its route", async () => {
  await using desk = new Desk();
  for (
    const [wrong, right] of [["/surveys/order/add", "/actors/order/{key}/add"], [
      `${ada}/paused`,
      "/events/order/paused",
    ]]
  ) {
    const { detail } = await assertProblem(await desk.post(wrong, undefined), 404, "unknown-operation");
    assert.ok(String(detail).endsWith(`its route is ${right}`), String(detail));
  }
});

Deno.test("the error of a handler goes to onError, and not to the caller", async () => {
  const heard: unknown[] = [];
  await using desk = new Desk({ onError: (error) => heard.push(error) });
  await assertProblem(await desk.post(`${ada}/crash`, "db:5432"), 500, "failed");
  assert.equal(heard.length, 1);
  assert.ok(heard[0] instanceof Error && heard[0].name === "Error");
});

for (const id of ["", '""', "a b", "é", "a".repeat(256)]) {
  Deno.test(`the key ${JSON.stringify(id.slice(0, 5))} is 400, and nothing is accepted`, async () => {
    await using desk = new Desk();
    await assertProblem(await desk.post(`${ada}/add`, line, key(id)), 400, "invalid-id");
    assert.equal(desk.system.stats().accepted, 0);
  });
}

Deno.test("a key is forgotten after its window", async () => {
  await using desk = new Desk({ system: { deduplicationWindowMs: 1_000 } });
  await desk.post(`${ada}/add`, line, key("1"));
  await desk.clock.advance(999);
  await desk.post(`${ada}/add`, line, key("1"));
  assert.equal(await desk.total("ada"), 450);
  await desk.clock.advance(1);
  await desk.post(`${ada}/add`, line, key("1"));
  assert.equal(await desk.total("ada"), 900);
});

Deno.test("requests without a key take no place among the keys that are known", async () => {
  await using desk = new Desk({ system: { limits: { ids: 1 } } });
  await desk.post(`${ada}/add`, line, key("1"));
  for (const path of ["clear", "count"]) await desk.post(`${ada}/${path}`);
  await desk.post("/actors/order/bob/settle", { cents: 1 });
  await desk.post("/events/order/raised", receipt);
  await desk.post(`${ada}/add`, line, key("1"));
  await desk.clock.settle();
  assert.equal(desk.handled.filter((handled) => handled === "add tea").length, 1);
});

// --- Two callers

Deno.test("two callers with the same key never share an effect or an answer", async () => {
  await using desk = new Desk();
  await desk.post(`${ada}/add`, line, key("1", "Bearer a"));
  await desk.post(`${ada}/add`, { ...line, cents: 1 }, key("1", "Bearer b"));
  assert.equal(await desk.total("ada"), 451);
  const echo = async (value: string, authorization: string) =>
    await (await desk.post(`${ada}/echo`, value, key("2", authorization))).json();
  assert.deepEqual([await echo("a's", "Bearer a"), await echo("b's", "Bearer b")], ["a's", "b's"]);
});

Deno.test("two callers with the same key never share a reply", async () => {
  await using desk = new Desk();
  const a = locationOf(await desk.post(`${ada}/settle`, { cents: 1 }, key("1", "Bearer a")));
  const b = locationOf(await desk.post("/actors/order/bob/settle", { cents: 2 }, key("1", "Bearer b")));
  await desk.open();
  const centsOf = async (location: string, authorization: string) =>
    (await (await desk.get(location, { authorization })).json()).cents;
  assert.deepEqual([await centsOf(a, "Bearer a"), await centsOf(b, "Bearer b")], [1, 2]);
  await assertProblem(await desk.get(a, { authorization: "Bearer b" }), 404, "unknown-reply");
});

Deno.test("a reply whose request had no key is there for its caller alone", async () => {
  await using desk = new Desk();
  const response = await desk.post(`${ada}/settle`, { cents: 1 }, { authorization: "Bearer a" });
  const location = response.headers.get("location")!;
  await desk.open();
  assert.equal((await desk.get(location, { authorization: "Bearer a" })).status, 200);
  for (const headers of [undefined, { authorization: "Bearer b" }]) {
    await assertProblem(await desk.get(location, headers), 404, "unknown-reply");
  }
});

for (const [where, store] of [["in memory", undefined], ["with a store", memoryStore]] as const) {
  Deno.test(`a reply is not there for another caller, whatever name is tried, ${where}`, async () => {
    const caller = (context: Context) => decodeURIComponent(context.req.header("x-user") ?? "");
    await using desk = new Desk({ caller, system: { ...(store && { store: store() }) } });
    await desk.open();
    const callers = ["a", "a\nb", "a%0Ab", "b", "é"];
    const names: [caller: string, name: string][] = [];
    for (const user of callers) {
      const headers = { "x-user": encodeURIComponent(user), ...key("1") };
      const location = locationOf(await desk.post(`${ada}/settle`, { cents: 1 }, headers));
      await desk.clock.settle();
      assert.equal((await desk.get(location, headers)).status, 200);
      names.push([user, location.slice("/replies/".length)]);
    }
    for (const [owner, name] of names) {
      for (const user of ["", ...callers].filter((user) => user !== owner)) {
        const forged = [
          name,
          `${owner}\n${name}`,
          `${encodeURIComponent(owner)}\n${name}`,
          `\n${name}`,
          "1",
          `${owner}\n1`,
        ];
        for (const id of forged) {
          const response = await desk.get(`/replies/${encodeURIComponent(id)}`, {
            "x-user": encodeURIComponent(user),
          });
          await assertProblem(response, 404, "unknown-reply");
        }
      }
    }
  });

  Deno.test(`what cannot name a reply is 404, however long it is, ${where}`, async () => {
    await using desk = new Desk({ system: { ...(store && { store: store() }) } });
    for (
      const id of [
        "nothing",
        "%20",
        "%00",
        "a%0Ab",
        "%C3%A9".repeat(9),
        "x".repeat(256),
        "x".repeat(5_000),
        "0".repeat(37),
      ]
    ) {
      const { detail } = await assertProblem(await desk.get(`/replies/${id}`), 404, "unknown-reply");
      assert.ok(detail!.length < 200);
    }
  });

  Deno.test(`a caller of a name that is too long or no text is refused, and nothing is accepted, ${where}`, async () => {
    let name = "";
    await using desk = new Desk({ caller: () => name, system: { ...(store && { store: store() }) } });
    const wrong = [["x".repeat(513), 413, "too-large"], ["é".repeat(257), 413, "too-large"], [
      "\ud800",
      400,
      "invalid-caller",
    ]] as const;
    for (const [caller, status, code] of wrong) {
      name = caller;
      await assertProblem(await desk.post(`${ada}/add`, line, key("1")), status, code);
      await assertProblem(await desk.post(`${ada}/settle`, { cents: 5 }), status, code);
      await assertProblem(await desk.get(`/replies/${"0".repeat(36)}`), 404, "unknown-reply");
    }
    assert.equal(desk.system.stats().accepted, 0);
    for (name of ["x".repeat(512), "é".repeat(256)]) {
      assert.equal((await desk.post(`${ada}/settle`, { cents: 5 }, key("k".repeat(255)))).status, 202);
    }
  });
}

Deno.test("the caller option is called for every request, and may refuse it", async () => {
  await using desk = new Desk({
    caller() {
      throw new HTTPException(401);
    },
  });
  for (const path of [`${ada}/clear`, `${ada}/count`, "/surveys/carrier/quote"]) {
    assert.equal((await desk.post(path, path.endsWith("quote") ? { grams: 1 } : undefined)).status, 401);
  }
  assert.equal((await desk.post("/events/order/raised", receipt)).status, 401);
  assert.equal((await desk.get("/replies/1")).status, 401);
  assert.equal(desk.system.stats().accepted, 0);
});

// --- Publish

Deno.test("an accepted event is published under its id, input and subject", async () => {
  await using desk = new Desk();
  const heard: unknown[] = [];
  desk.system.subscribe(Order.raised, (_payload, published) => void heard.push(published), { subject: "de" });
  const ids: string[] = [];
  for (const country of ["fr", "de"]) {
    const response = await desk.post("/events/order/raised", { country, cents: 1 });
    assert.equal(response.status, 202);
    ids.push(await idOf(response));
  }
  await desk.clock.settle();
  assert.deepEqual(heard, [{ id: ids[1], subject: "de", input: receipt, headers: {} }]);
});

Deno.test("an event that is exposed only cannot be published", async () => {
  await using desk = new Desk();
  const response = await desk.post("/events/order/settled", receipt);
  assert.equal(response.headers.get("allow"), "GET, HEAD");
  await assertProblem(response, 405, "method-not-allowed");
  assert.equal(desk.system.stats().accepted, 0);
});

Deno.test("an event of a payload that its schema refuses is 400 with the issues", async () => {
  await using desk = new Desk();
  const { issues } = await assertProblem(await desk.post("/events/order/raised", {}), 400, "invalid-payload");
  assert.equal(issues!.length, 2);
});

Deno.test("an event whose subject is too long is 400, and nothing is accepted", async () => {
  await using desk = new Desk();
  const payload = { country: "d".repeat(513), cents: 1 };
  await assertProblem(await desk.post("/events/order/raised", payload), 400, "invalid-subject");
  assert.equal(desk.system.stats().accepted, 0);
});

// --- Subscribe

/** A reader of a stream of events that has read the first frame. */
async function reading(desk: Desk, path: string, headers?: Record<string, string>): Promise<PieceReader> {
  const reader = new PieceReader(await desk.get(path, headers));
  assert.equal(await reader.next(), "retry: 2000");
  await desk.clock.settle();
  return reader;
}

function dataOf(frame: string | undefined): unknown {
  return JSON.parse(/^data: (.*)$/m.exec(frame ?? "")?.[1] ?? "null");
}

Deno.test("an event stream says what it is, and must not be kept", async () => {
  await using desk = new Desk();
  const response = await desk.get("/events/order/settled");
  assert.deepEqual(
    ["content-type", "cache-control", "x-accel-buffering"].map((name) => response.headers.get(name)),
    ["text/event-stream", "no-store", "no"],
  );
  await response.body!.cancel();
});

Deno.test("HEAD of an event stream opens none", async () => {
  await using desk = new Desk({ streamsMax: 1 });
  for (const _ of [1, 2]) {
    const response = await desk.send("HEAD", "/events/order/paused");
    assert.deepEqual([response.status, response.headers.get("content-type")], [200, "text/event-stream"]);
  }
  const reader = await reading(desk, "/events/order/paused");
  await desk.system.publish(Order.paused, "a");
  assert.equal(dataOf(await reader.next()), "a");
  await reader.leave();
});

Deno.test("a stream of one event has unnamed frames with an id and the payload alone", async () => {
  await using desk = new Desk();
  const reader = await reading(desk, "/events/order/settled");
  await desk.system.publish(Order.paused, "not this");
  await desk.system.publish(Order.settled, receipt);
  assert.match((await reader.next())!, /^id: \S+\ndata: \{"country":"de","cents":1\}$/);
  await reader.leave();
});

Deno.test("a stream of several events has frames named by their event", async () => {
  await using desk = new Desk();
  for (const query of ["?event=settled,paused", ""]) {
    const reader = await reading(desk, `/events/order${query}`);
    await desk.system.publish(Order.settled, receipt);
    await desk.system.publish(Order.paused, "lunch");
    await desk.system.publish(Order.hidden, receipt);
    await desk.system.publish(Order.settled, receipt);
    const names = (await reader.take(3)).map((frame) => frame!.split("\n")[0]);
    assert.deepEqual(names, ["event: settled", "event: paused", "event: settled"]);
    await reader.leave();
  }
});

Deno.test("a stream carries only the events that were asked for, and the subjects", async () => {
  await using desk = new Desk();
  const reader = await reading(desk, "/events/order?event=settled&subject=de.*");
  await desk.system.publish(Order.paused, "lunch");
  for (const country of ["fr", "de"]) await desk.system.publish(Order.settled, { country, cents: 2 });
  assert.deepEqual(dataOf(await reader.next()), { country: "de", cents: 2 });
  await reader.leave();
});

for (const subject of ["", "a..b", "a.>.b", "a b", "a".repeat(513)]) {
  Deno.test(`the subject ${JSON.stringify(subject.slice(0, 9))} is 400`, async () => {
    await using desk = new Desk();
    const path = `/events/order/settled?subject=${encodeURIComponent(subject)}`;
    await assertProblem(await desk.get(path), 400, "invalid-subject");
  });
}

Deno.test("an event that is accepted only cannot be subscribed to", async () => {
  await using desk = new Desk();
  for (const path of ["/events/order/raised", "/events/order?event=settled,raised"]) {
    const response = await desk.get(path);
    assert.equal(response.headers.get("allow"), "POST");
    await assertProblem(response, 405, "method-not-allowed");
  }
});

for (const how of ["header", "query"] as const) {
  Deno.test(`a reader that says by ${how} what it had last gets what came since`, async () => {
    await using desk = new Desk();
    const first = await reading(desk, "/events/order/paused");
    for (const text of ["a", "b"]) await desk.system.publish(Order.paused, text);
    const id = /^id: (.*)$/m.exec((await first.next())!)![1];
    await first.leave();
    await desk.system.publish(Order.paused, "c");
    await desk.clock.settle();
    const second = how === "header"
      ? await reading(desk, "/events/order/paused", { "last-event-id": id })
      : await reading(desk, `/events/order/paused?lastEventId=${id}`);
    assert.deepEqual((await second.take(2)).map(dataOf), ["b", "c"]);
    await second.leave();
  });
}

Deno.test("a reader that had last what is no longer kept is told of the gap first", async () => {
  await using desk = new Desk({ replayEventsMax: 2 });
  const first = await reading(desk, "/events/order/paused");
  await desk.system.publish(Order.paused, "a");
  const id = /^id: (.*)$/m.exec((await first.next())!)![1];
  await first.leave();
  for (const text of ["b", "c", "d"]) await desk.system.publish(Order.paused, text);
  await desk.clock.settle();
  const second = await reading(desk, "/events/order/paused", { "last-event-id": id });
  const [event, gapId, data] = (await second.next())!.split("\n");
  assert.deepEqual([event, data], ["event: gap", `data: {"lastEventId":"${id}"}`]);
  await second.leave();
  // It has a position now: there is no gap after it.
  const third = await reading(desk, "/events/order/paused", { "last-event-id": gapId.slice("id: ".length) });
  await desk.system.publish(Order.paused, "e");
  assert.equal(dataOf(await third.next()), "e");
  await third.leave();
});

Deno.test("a reader with an empty last event id gets no gap", async () => {
  await using desk = new Desk();
  const reader = await reading(desk, "/events/order/paused?lastEventId=", { "last-event-id": "" });
  await desk.system.publish(Order.paused, "a");
  assert.equal(dataOf(await reader.next()), "a");
  await reader.leave();
});

Deno.test("an idle event stream sends a keep-alive after keepAliveMs", async () => {
  await using desk = new Desk({ keepAliveMs: 40 });
  const reader = await reading(desk, "/events/order/paused");
  const next = reader.next();
  await desk.clock.advance(40);
  assert.equal(await next, ": keep-alive");
  await reader.leave();
});

Deno.test("one stream too many is told to come back, and has a place when another leaves", async () => {
  await using desk = new Desk({ streamsMax: 1, retryMs: 70 });
  const first = await desk.get("/events/order/paused");
  const second = await desk.get("/events/order/settled");
  assert.deepEqual([second.status, second.headers.get("content-type")], [200, "text/event-stream"]);
  assert.equal(await second.text(), "retry: 70\n\n");
  await first.body!.cancel();
  const third = new PieceReader(await desk.get("/events/order/paused"));
  await third.next();
  await desk.system.publish(Order.paused, "a");
  assert.equal(dataOf(await third.next()), "a");
  await third.leave();
});

Deno.test("a reader is told to come back while the system stops and when it has", async () => {
  await using desk = new Desk();
  const early = await reading(desk, "/events/order/settled");
  await desk.post(`${ada}/settle`, { cents: 1 });
  await desk.clock.settle();
  const stopped = desk.system.stop();
  assert.equal(await (await desk.get("/events/order/settled")).text(), "retry: 2000\n\n");
  await desk.open();
  await stopped;
  assert.equal(await early.next(), undefined);
  assert.equal(await (await desk.get("/events/order/settled")).text(), "retry: 2000\n\n");
});

Deno.test("a reader is told to come back while the system has no room for its subscription", async () => {
  await using desk = new Desk({ streamsMax: 1, system: { limits: { actors: 1 } } });
  await desk.post(`${ada}/add`, line);
  for (const _ of [1, 2]) {
    assert.equal(await (await desk.get("/events/order/settled")).text(), "retry: 2000\n\n");
  }
});

Deno.test("a reader that does not read is cut off, and frees its place", async () => {
  await using desk = new Desk({ streamsMax: 1, replayEventsMax: 5 });
  const slow = new PieceReader(await desk.get("/events/order/paused"));
  for (let i = 0; i < 20; i++) await desk.system.publish(Order.paused, String(i));
  await desk.clock.settle();
  assert.deepEqual(await slow.take(2), ["retry: 2000", undefined]);
  await desk.clock.settle();
  const next = new PieceReader(await desk.get("/events/order/paused"));
  await next.next();
  await desk.system.publish(Order.paused, "a");
  assert.equal(dataOf(await next.next()), "a");
  await next.leave();
});

Deno.test("many readers of a protocol are one subscription", async () => {
  await using desk = new Desk();
  const readers = await Promise.all([1, 2, 3].map(() => reading(desk, "/events/order/paused")));
  const { actors } = desk.system.stats().protocols["~listener"];
  assert.equal(actors, 2); // one for each of the two events that are exposed
  await desk.system.publish(Order.paused, "a");
  for (const reader of readers) assert.equal(dataOf(await reader.next()), "a");
  for (const reader of readers) await reader.leave();
});

Deno.test("an event without a payload is null", async () => {
  const Bell = protocol("bell", { rang: event() });
  await using desk = new Desk({ expose: [Bell] });
  const reader = await reading(desk, "/events/bell/rang");
  await desk.system.publish(Bell.rang);
  assert.match((await reader.next())!, /\ndata: null$/);
  await reader.leave();
});

// --- Survey

function respondents(desk: Desk, ...keys: string[]): void {
  for (const name of keys) {
    desk.system.subscribe(Carrier.quote, desk.system.ref(Carrier, name).at(Carrier.quote));
  }
}

Deno.test("a survey is lines of JSON as replies come, and at the end why and how many", async () => {
  await using desk = new Desk();
  respondents(desk, "dhl", "silent", "post");
  const response = await desk.post("/surveys/carrier/quote?timeoutMs=200", { grams: 5 });
  assert.deepEqual([response.status, response.headers.get("content-type")], [200, "application/x-ndjson"]);
  const reader = new PieceReader(response, "\n");
  assert.deepEqual(await reader.take(2), ['{"reply":{"cents":8}}', '{"reply":{"cents":9}}']);
  assert.equal(await reader.next(), '{"done":"all","replies":2}'); // one has abstained, and no time has passed
  assert.equal(await reader.next(), undefined);
});

Deno.test("a survey over HTTP ends at once where nobody is asked, and the number of services may be said", async () => {
  await using desk = new Desk();
  for (const query of ["", "?services=2"]) {
    const text = await (await desk.post(`/surveys/carrier/quote${query}`, { grams: 5 })).text();
    assert.equal(text, '{"done":"all","replies":0}\n');
  }
});

Deno.test("a survey ends at as many replies as were wanted", async () => {
  await using desk = new Desk();
  respondents(desk, "dhl", "post", "ups");
  const text = await (await desk.post("/surveys/carrier/quote?max=2", { grams: 5 })).text();
  assert.equal(text.split("\n").at(-2), '{"done":"max","replies":2}');
});

Deno.test("a survey gets no more replies than the ingress allows", async () => {
  await using desk = new Desk({ surveyRepliesMax: 2 });
  respondents(desk, "dhl", "post", "ups");
  for (const query of ["", "?max=99"]) {
    const text = await (await desk.post(`/surveys/carrier/quote${query}`, { grams: 5 })).text();
    assert.equal(text.split("\n").at(-2), '{"done":"max","replies":2}');
  }
});

Deno.test("a survey takes no more time than the ingress allows", async () => {
  await using desk = new Desk({ timeoutMsMax: 500 });
  using _ = desk.system.subscribe(Carrier.quote, () => new Promise<never>(() => {}));
  const text = desk.post("/surveys/carrier/quote?timeoutMs=9999", { grams: 5 }).then((response) =>
    response.text()
  );
  await desk.clock.advance(500);
  assert.equal(await text, '{"done":"deadline","replies":0}\n');
});

Deno.test("a survey is answered in superjson if the client accepts it", async () => {
  await using desk = new Desk();
  respondents(desk, "dhl");
  const headers = { accept: superjsonType };
  const text = await (await desk.post("/surveys/carrier/quote?max=1", { grams: 5 }, headers)).text();
  const { reply } = JSON.parse(text.split("\n")[0]);
  assert.deepEqual(new SuperJSON().deserialize(reply), { cents: 8 });
});

Deno.test("a survey of a payload that its schema refuses is 400, and no respondent is asked", async () => {
  await using desk = new Desk();
  await assertProblem(await desk.post("/surveys/carrier/quote", { grams: "5" }), 400, "invalid-payload");
  assert.equal(desk.system.stats().accepted, 0);
});

for (const query of ["max=0", "max=many", "timeoutMs=0", "services=0"]) {
  Deno.test(`a survey with ${query} is 400, and nobody is asked`, async () => {
    await using desk = new Desk();
    const response = await desk.post(`/surveys/carrier/quote?${query}`, { grams: 5 });
    await assertProblem(response, 400, "invalid-parameter");
    assert.equal(desk.system.stats().accepted, 0);
  });
}

Deno.test("a reader that leaves a survey closes its collector", async () => {
  await using desk = new Desk();
  respondents(desk, "dhl");
  using _ = desk.system.subscribe(Carrier.quote, () => new Promise<never>(() => {}));
  const response = await desk.post("/surveys/carrier/quote?timeoutMs=9000", { grams: 5 });
  const reader = new PieceReader(response, "\n");
  await reader.next();
  const collectors = () => desk.system.stats().protocols["~collector"].actors;
  assert.equal(collectors(), 1);
  await reader.leave();
  await desk.clock.settle();
  assert.equal(collectors(), 0);
});
