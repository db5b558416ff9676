// Refused requests, and what is reported of them, without a socket.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, StoreError, submit, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Hono } from "hono";
import { cors } from "hono/cors";
import * as z from "zod";
import { assertProblem, Desk, PieceReader, problemOf } from "./desk.ts";

const clear = "/actors/order/ada/clear";
const json = { "content-type": "application/json" };

// --- From another site

for (
  const headers of [
    { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
    { "sec-fetch-site": "same-site", origin: "https://other.desk.example" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "something new" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:8000", host: "localhost:9000" },
  ] as readonly Record<string, string>[]
) {
  Deno.test(`a POST without a preflight from ${JSON.stringify(headers)} is 403, in every mode, and nothing is accepted`, async () => {
    await using desk = new Desk({ accept: [] });
    const { accepted } = desk.system.stats();
    for (
      const path of [clear, "/actors/order/ada/count", "/surveys/carrier/quote", "/actors/order/ada/settle"]
    ) {
      await assertProblem(await desk.post(path, undefined, headers), 403, "cross-site");
      // The headers that a form, a text, a Blob without a type or a beacon causes.
      for (
        const type of [
          "text/plain",
          "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=a",
          "",
        ]
      ) {
        for (const body of ["", "1"]) {
          const form = { method: "POST", headers: { ...headers, "content-type": type }, body };
          await assertProblem(await desk.app.request(path, form), 403, "cross-site");
        }
      }
    }
    assert.equal(desk.system.stats().accepted, accepted);
    assert.deepEqual(desk.handled, []);
  });
}

for (
  const headers of [
    {},
    { "sec-fetch-site": "same-origin", origin: "https://desk.example" },
    { "sec-fetch-site": "none" },
    { origin: "https://DESK.example", host: "desk.example" },
    { origin: "http://localhost" }, // as the URL of the request
    // the browser sent a preflight
    { ...json, "sec-fetch-site": "cross-site", origin: "https://evil.example" },
  ] as readonly Record<string, string>[]
) {
  Deno.test(`a POST from ${JSON.stringify(headers)} is taken`, async () => {
    await using desk = new Desk();
    assert.equal((await desk.post(clear, undefined, headers)).status, 202);
  });
}

Deno.test("another site that the CORS middleware lets in has its preflight, and reads what an answer says", async () => {
  await using desk = new Desk();
  const origin = "https://shop.example";
  const app = new Hono();
  app.use(cors({ origin, exposeHeaders: ["location", "posthorn-after", "retry-after"] }));
  app.route("/", desk.app);
  const asking = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
  };
  const preflight = await app.request("/actors/order/ada/settle", { method: "OPTIONS", headers: asking });
  assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, origin]);
  const headers = { ...json, origin, "sec-fetch-site": "cross-site" };
  const response = await app.request("/actors/order/ada/settle", {
    method: "POST",
    headers,
    body: '{"cents":1}',
  });
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("access-control-allow-origin"), origin);
  assert.match(response.headers.get("access-control-expose-headers")!, /location/);
});

// --- Paths

Deno.test("a path that is no UTF-8 is 400, and what is written with %25 is another actor's", async () => {
  await using desk = new Desk();
  for (const key of ["%ff", "%C0%AF", "%ED%A0%80", "%E0%A4%A", "%zz", "%"]) {
    for (const path of [`/actors/order/${key}/clear`, `/events/order/${key}`, `/surveys/${key}/quote`]) {
      await assertProblem(await desk.post(path), 400, "malformed-path");
    }
    await assertProblem(await desk.get(`/replies/${key}`), 400, "malformed-path");
  }
  assert.deepEqual(desk.handled, []);
  assert.equal((await desk.post("/actors/order/%25ff/clear")).status, 202);
});

/** A request with a URL that `Request` would refuse, as servers pass it on. */
function odd(url: string, init: RequestInit): Request {
  const request = new Request("http://desk/", init);
  return new Proxy(request, {
    get(target, name) {
      if (name === "url") return url;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

for (const host of ["[", "a:99999", "a b", "%", ":80", "xn--"]) {
  Deno.test(`a submit to the host ${JSON.stringify(host)} is accepted once, with its Location`, async () => {
    await using desk = new Desk();
    const init = { method: "POST", headers: json, body: '{"cents":1}' };
    const response = await desk.app.request(odd(`http://${host}/actors/order/ada/settle`, init));
    assert.equal(response.status, 202);
    assert.match(response.headers.get("location")!, /^\/replies\/R[0-9A-Z]{26}$/);
  });
}

for (
  const [raw, prefix] of [["a\\\\b", ""], ["x y", "/x%20y"], ["é", "/%C3%A9"], ["100%25", "/100%25"]] as const
) {
  Deno.test(`the Location of a submit behind ${JSON.stringify(raw)} leads to its reply`, async () => {
    await using desk = new Desk();
    await desk.open();
    const app = new Hono().route("/:tenant", desk.app).route("/", desk.app);
    const path = prefix === "" ? `/actors/order/${raw}/settle` : `/${raw}/actors/order/ada/settle`;
    const init = { method: "POST", headers: json, body: '{"cents":1}' };
    const response = await app.request(odd(`http://desk${path}`, init));
    const location = response.headers.get("location")!;
    assert.match(location, new RegExp(`^${prefix}/replies/[0-9A-Z-]+$`));
    assert.equal((await app.request(new URL(location, "http://desk/x/y/z"))).status, 200);
  });
}

Deno.test("the Location of a submit leads to its reply if an app accepts a slash at the end of a path", async () => {
  await using desk = new Desk();
  await desk.open();
  const app = new Hono({ strict: false }).route("/api", desk.app);
  const init = { method: "POST", headers: json, body: '{"cents":1}' };
  const response = await app.request("/api/actors/order/ada/settle/", init);
  const location = response.headers.get("location")!;
  assert.match(location, /^\/api\/replies\/R[0-9A-Z]{26}$/);
  assert.equal((await app.request(location)).status, 200);
});

for (
  const [what, caller] of [["undefined", undefined], ["null", null], ["number", 7], ["object", {}]] as const
) {
  for (const found of [caller, Promise.resolve(caller)]) {
    Deno.test(`a caller that is ${found instanceof Promise ? "in the end " : ""}${what} is not taken for nobody`, async () => {
      const told: unknown[] = [];
      await using desk = new Desk({ caller: () => found as never, onError: (error) => told.push(error) });
      await desk.open();
      const settled = await desk.post("/actors/order/ada/settle", { cents: 1 }, { "idempotency-key": "k" });
      await assertProblem(settled, 500, "internal");
      await assertProblem(await desk.get("/replies/k"), 500, "internal");
      assert.match(String(told[0]), new RegExp(`^TypeError: .* must return text: it returned ${what}$`));
      assert.equal(desk.system.stats().protocols.order?.done, 0);
    });
  }
}

// --- After it is accepted

Deno.test("a caller that cannot be told any more does not undo what was accepted", async () => {
  let calls = 0;
  await using desk = new Desk({
    caller: () => {
      if (++calls > 1) throw new Error("no more");
      return "ada";
    },
  });
  const response = await desk.post("/actors/order/ada/settle", { cents: 1 }, { prefer: "wait=0" });
  assert.equal(response.status, 202);
  assert.equal(calls, 1);
});

Deno.test("a store that fails when the reply is waited for does not undo what was accepted", async () => {
  const store = memoryStore();
  let away = false;
  const told: unknown[] = [];
  await using desk = new Desk({
    onError: (error) => told.push(error),
    system: {
      store: {
        engine: store.engine,
        traits: store.traits,
        async open(services) {
          const connection = await store.open(services);
          const read = connection.read.bind(connection);
          const reply = (keys: readonly string[]) => keys.some((key) => key.startsWith("reply"));
          return Object.assign(connection, {
            read: (keys: Parameters<typeof read>[0]) =>
              away && reply(keys)
                ? Promise.reject(new StoreError("store-unavailable", "Cannot read /srv"))
                : read(keys),
          });
        },
      },
    },
  });
  await desk.system.ready();
  away = true;
  const response = await desk.post("/actors/order/ada/settle", { cents: 1 }, { prefer: "wait=1" });
  assert.equal(response.status, 202);
  assert.match(response.headers.get("location")!, /^\/replies\/R[0-9A-Z]{26}$/);
  assert.deepEqual(told.map(String), ["StoreError: Cannot read /srv"]);
});

Deno.test("a submit that fails while it waits also has the Location of its reply", async () => {
  await using desk = new Desk();
  await desk.open();
  const response = await desk.post("/actors/order/ada/reject", "no", { prefer: "wait=1" });
  assert.match(response.headers.get("location")!, /^\/replies\/\S+$/);
  await assertProblem(response, 422, "card-refused");
});

// --- Peeking clients, and clients that disconnect

async function submitted(desk: Desk): Promise<string> {
  return (await desk.post("/actors/order/ada/settle", { cents: 1 })).headers.get("location")!;
}

Deno.test("HEAD of a reply looks and does not collect it, nor wait for it", async () => {
  await using desk = new Desk();
  const location = await submitted(desk);
  assert.equal((await desk.send("HEAD", location, { headers: { prefer: "wait=30" } })).status, 202);
  await desk.open();
  const seen = await desk.send("HEAD", location);
  assert.deepEqual([seen.status, await seen.text()], [200, ""]);
  await desk.clock.advance(120_000); // a collected one would be gone
  assert.equal((await desk.get(location)).status, 200);
  await desk.clock.advance(120_000);
  assert.equal((await desk.get(location)).status, 410);
});

for (const [where, system] of [["in memory", {}], ["with a store", { store: memoryStore() }]] as const) {
  Deno.test(`a long poll ends with its client ${where}, collects nothing and is no alarm`, async () => {
    const told: unknown[] = [];
    await using desk = new Desk({ system, onError: (error) => told.push(error) });
    await desk.system.ready();
    const location = await submitted(desk);
    const leaving = new AbortController();
    const polling = Array.from(
      { length: 20 },
      () =>
        Promise.resolve(
          desk.app.request(
            new Request(`http://desk${location}`, { headers: { prefer: "wait=30" }, signal: leaving.signal }),
          ),
        ),
    );
    for (let turn = 0; turn < 20; turn++) await desk.clock.settle();
    leaving.abort();
    // The clock is not advanced, so a wait would never end.
    for (const response of await Promise.all(polling)) assert.equal(response.status, 202);
    await desk.open();
    await desk.clock.advance(120_000);
    assert.equal((await desk.get(location)).status, 200);
    assert.deepEqual(told, []);
  });
}

// --- Errors outside actors

const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();

for (
  const [what, thrown] of Object.entries({
    text: "text",
    null: null,
    object: { a: 1 },
    "a revoked Proxy": revoked,
  })
) {
  Deno.test(`a schema, a subject or a caller that throws ${what} is 500 with a problem, and onError hears of it once`, async () => {
    const told: unknown[] = [];
    const fail = (): never => {
      throw thrown;
    };
    const broken = { "~standard": { version: 1 as const, vendor: "x", validate: fail } };
    const Odd = protocol("odd", {
      put: tell(broken),
      said: event(z.number(), { subject: fail }),
      ok: tell(z.number()),
    });
    await using system = new System({
      clock: new VirtualClock(),
      actors: [actor(Odd, { state: () => 0, on: { put() {}, ok() {} } })],
    });
    const onError = (error: unknown) => told.push(error);
    const app = ingress(system, { expose: [Odd.put], accept: [Odd.said], onError });
    const strange = ingress(system, { expose: [Odd.ok], onError, caller: fail });
    for (
      const [on, path] of [[app, "/actors/odd/a/put"], [app, "/events/odd/said"], [
        strange,
        "/actors/odd/a/ok",
      ]] as const
    ) {
      const response = await on.request(path, {
        method: "POST",
        headers: { ...json, "idempotency-key": "k" },
        body: "1",
      });
      await assertProblem(response, 500, "internal");
    }
    assert.deepEqual(told.map((error) => error === thrown || (error as Error).cause === thrown), [
      true,
      true,
      true,
    ]);
  });
}

Deno.test("an onError that throws or rejects changes no answer, and comes out nowhere", async () => {
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (line: unknown) => void printed.push(line);
  try {
    for (
      const onError of [() => {
        throw new Error("of onError");
      }, () => Promise.reject(new Error("of onError"))]
    ) {
      await using desk = new Desk({ onError });
      await assertProblem(await desk.post("/actors/order/ada/crash", "now"), 500, "failed");
      await desk.clock.settle();
    }
  } finally {
    console.error = error;
  }
  assert.equal(printed.length, 2);
  for (const line of printed) {
    assert.match(String(line), /^The onError of an ingress failed: Error: of onError/);
  }
});

Deno.test("errors that are printed by default are escaped", async () => {
  const printed: string[] = [];
  const { error } = console;
  console.error = (line: unknown) => void printed.push(String(line));
  try {
    await using desk = new Desk();
    await desk.post("/actors/order/ada/crash", "\u001b]0;title\u0007\n2030-01-01 all is well\u009b2J");
  } finally {
    console.error = error;
  }
  assert.match(printed[0], /^Error: \\u001b\]0;title\\u0007\\u000a2030-01-01 all is well\\u009b2J\n/);
});

Deno.test("at most 20 errors a second are printed by default, with the number left out", async () => {
  const printed: string[] = [];
  const { error } = console;
  console.error = (line: unknown) => void printed.push(String(line));
  try {
    await using desk = new Desk();
    for (let count = 0; count < 50; count++) await desk.post("/actors/order/ada/crash", "now");
    assert.equal(printed.length, 20);
    await desk.clock.advance(1_000);
    await desk.post("/actors/order/ada/crash", "later");
  } finally {
    console.error = error;
  }
  assert.equal(printed.length, 21);
  assert.match(printed[20], /^\(30 errors before it were left out\) Error: later\n/);
});

// --- Caching

Deno.test("nothing of a reply, of health and of numbers is stored on its way", async () => {
  await using desk = new Desk({ metrics: true });
  const location = await submitted(desk);
  const stored = async (path: string) => (await desk.get(path)).headers.get("cache-control");
  assert.equal(await stored(location), "no-store");
  await desk.open();
  for (
    const path of [location, "/replies/unknown", "/healthz", "/metrics", "/nowhere", "/actors/nobody/x/y"]
  ) {
    assert.equal(await stored(path), "no-store", path);
  }
});

Deno.test("Preference-Applied says how long was waited for", async () => {
  await using desk = new Desk({ timeoutMsMax: 2_500 });
  await desk.open();
  for (const [wait, applied] of [["999999999", "wait=2"], ["1", "wait=1"], ["0", "wait=0"]]) {
    const response = await desk.get(await submitted(desk), { prefer: `wait=${wait}` });
    assert.equal(response.headers.get("preference-applied"), applied);
  }
});

// --- Values that JSON cannot represent

const Odd = protocol("odd", {
  map: ask(z.any()),
  make: submit(z.any()),
  say: ask(z.any()),
  said: event(z.any()),
});
const oddActor = actor(Odd, {
  state: () => null,
  on: {
    map: () => new Map([["a", 1]]),
    make: () => ({ items: [new Set([1])] }),
    say(ctx) {
      ctx.publish(Odd.said, new Map([["a", 1]]));
      ctx.publish(Odd.said, { at: new Date(0) });
      return 1;
    },
  },
});

for (const [where, options] of [["in memory", {}], ["with a store", { store: memoryStore() }]] as const) {
  Deno.test(`a reply, a ticket and an event that JSON cannot say are refused or left out ${where}, and never emptied`, async () => {
    const clock = new VirtualClock();
    await using system = new System({ clock, actors: [oddActor], ...options });
    await system.ready();
    const app = ingress(system, { expose: [Odd] });
    const post = (path: string) => Promise.resolve(app.request(path, { method: "POST" }));
    await assertProblem(await post("/actors/odd/a/map"), 406, "not-representable");
    const location = (await post("/actors/odd/a/make")).headers.get("location")!;
    await clock.settle();
    for (let attempt = 0; attempt < 2; attempt++) {
      await assertProblem(await app.request(location), 406, "not-representable");
    }
    const rich = await app.request(location, { headers: { accept: "application/superjson+json" } });
    assert.equal(rich.status, 200);
    const reader = new PieceReader(await app.request("/events/odd/said"));
    await reader.next();
    const dead = system.stats().dead;
    await post("/actors/odd/a/say");
    await clock.settle();
    assert.match((await reader.next())!, /data: \{"at":"1970-01-01T00:00:00\.000Z"\}$/);
    assert.equal(system.stats().dead - dead, where === "in memory" ? 1 : 0);
    const [letter] = system.deadLetters.list();
    if (where === "in memory") {
      assert.match(letter.message, /: Cannot stream odd\.said: JSON cannot represent its payload$/);
    }
    await reader.leave();
  });
}

// --- Small

Deno.test("a payload that is wrong in each of its items is refused in a few words", async () => {
  const Lists = protocol("lists", { put: tell(z.array(z.number())) });
  await using system = new System({
    clock: new VirtualClock(),
    actors: [actor(Lists, { state: () => 0, on: { put() {} } })],
  });
  const app = ingress(system, { expose: [Lists] });
  const body = JSON.stringify(Array(20_000).fill(""));
  const response = await app.request("/actors/lists/a/put", { method: "POST", headers: json, body });
  const bytes = (await response.clone().bytes()).length;
  const problem = await problemOf(response) as { issues?: readonly unknown[]; issuesTotal?: number };
  assert.ok(bytes <= 4_096 && problem.issues!.length <= 20, `${bytes}`);
  assert.equal(problem.issuesTotal, 20_000);
});
