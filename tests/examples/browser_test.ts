import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { notesApp } from "../../examples/browser/app.ts";
import { follow, type Followed } from "../../examples/browser/follow.ts";
import { listen } from "../../examples/browser/listen.ts";
import { Notes, notes } from "../../examples/browser/notes.ts";
import { addNote, followWithCookie, followWithToken } from "../../examples/browser/page.ts";

const origin = "https://notes.example";
const access = {
  origin,
  secret: "of the cookies",
  userOf: (proof: string) => ({ "of ada": "ada", "of bob": "bob" })[proof],
};
const json = { "content-type": "application/json", origin };
const asAda = { authorization: "Bearer of ada" };

function open(store = memoryStore()): { readonly system: System; readonly app: ReturnType<typeof notesApp> } {
  const system = new System({ actors: [notes], store });
  return { system, app: notesApp(system, access) };
}

Deno.test("a browser signs in, and its cookie is enough from then on", async () => {
  const { system, app } = open();
  await using _ = system;
  const body = JSON.stringify({ password: "of ada" });
  const signed = await app.request("/session", { method: "POST", headers: json, body });
  assert.equal(signed.status, 204);
  const cookie = signed.headers.get("set-cookie")!;
  for (const part of ["HttpOnly", "Secure", "SameSite=Strict"]) assert.ok(cookie.includes(part), cookie);
  const headers = { ...json, cookie: cookie.split(";")[0] };
  const added = await app.request("/api/actors/notes/ada/add", { method: "POST", headers, body: '"tea"' });
  assert.equal(added.status, 202);
  const listed = await app.request("/api/actors/notes/ada/list", { method: "POST", headers });
  assert.deepEqual(await listed.json(), ["tea"]);
});

Deno.test("a user cannot read, write or follow the notes of another user", async () => {
  const { system, app } = open();
  await using _ = system;
  const status = async (path: string, headers: Record<string, string>, method = "POST") => {
    const response = await app.request(path, { method, headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("/api/actors/notes/ada/list", {}), 401);
  assert.equal(await status("/api/actors/notes/ada/list", { cookie: "session=ada" }), 401);
  assert.equal(await status("/api/actors/notes/bob/list", asAda), 403);
  assert.equal(await status("/api/events/notes/added?subject=bob", asAda, "GET"), 403);
  assert.equal(await status("/api/events/notes/added", asAda, "GET"), 403);
  const submitted = await app.request("/api/actors/notes/ada/print", { method: "POST", headers: asAda });
  await submitted.body?.cancel();
  const reply = submitted.headers.get("location")!;
  assert.equal(await status(reply, { authorization: "Bearer of bob" }, "GET"), 404);
  assert.equal(await status(reply, { ...asAda, prefer: "wait=5" }, "GET"), 200);
});

Deno.test("the page's own origin passes the preflight, and no other", async () => {
  const { system, app } = open();
  await using _ = system;
  const preflight = (from: string) =>
    app.request("/api/actors/notes/ada/add", {
      method: "OPTIONS",
      headers: {
        "origin": from,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,idempotency-key",
      },
    });
  const allowed = await preflight(origin);
  assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
  assert.equal(allowed.headers.get("access-control-allow-credentials"), "true");
  assert.match(allowed.headers.get("access-control-allow-headers")!, /idempotency-key/);
  assert.equal((await preflight("https://evil.example")).headers.get("access-control-allow-origin"), null);
});

Deno.test("a form of another site is refused, although the browser adds the cookie", async () => {
  const { system, app } = open();
  await using _ = system;
  const refused = await app.request("/api/actors/notes/ada/add", {
    method: "POST",
    headers: { ...asAda, "content-type": "text/plain", "sec-fetch-site": "cross-site" },
    body: '"tea"',
  });
  assert.equal(refused.status, 403);
  assert.equal((await refused.json()).code, "cross-site");
});

Deno.test("refusals can be read by the page as well", async () => {
  const { system, app } = open();
  await using _ = system;
  for (const [path, status] of [["/api/nowhere", 404], ["/api/actors/notes/ada/list", 401]] as const) {
    const headers: Record<string, string> = status === 404 ? { ...json, ...asAda } : json;
    const refused = await app.request(path, { method: "POST", headers });
    assert.equal(refused.status, status);
    assert.equal(refused.headers.get("access-control-allow-origin"), origin);
    await refused.body?.cancel();
  }
});

Deno.test("a client that follows by fetch resumes after its last event, also at another process", async () => {
  const store = memoryStore();
  let current = open(store);
  const restarted = Promise.withResolvers<void>();
  using stopping = aborting();
  const heard: Followed[] = [];
  const stream = follow("/api/events/notes/added?subject=ada", {
    headers: asAda,
    signal: stopping.signal,
    lastEventId: "added:0",
    fetch: (url, init) => current.app.request(url, init),
    wait: () => restarted.promise,
  });
  const hear = async (count: number) => {
    while (heard.length < count) heard.push((await stream.next()).value!);
  };
  const add = (text: string) => current.system.ref(Notes, "ada").tell(Notes.add, text);

  await current.system.ready();
  await add("one");
  await current.system.ref(Notes, "bob").tell(Notes.add, "not for ada");
  await hear(1);
  await current.system.stop();
  current = open(store);
  await current.system.ready();
  await add("two"); // there is no follower now
  restarted.resolve();
  await hear(2);
  await stream.return(); // as leaving a loop over it does
  assert.deepEqual(heard.map(({ event, payload }) => [event, payload]), [
    ["message", { user: "ada", text: "one" }],
    ["message", { user: "ada", text: "two" }],
  ]);
  await current.system.stop();
});

Deno.test("a refusal ends a stream that is followed by fetch, and says why", async () => {
  const { system, app } = open();
  await using _ = system;
  using stopping = aborting();
  const stream = follow("/api/events/notes/added?subject=bob", {
    headers: asAda,
    signal: stopping.signal,
    fetch: (url, init) => app.request(url, init),
  });
  await assert.rejects(stream.next(), /answers 403: .*not-yours/);
});

Deno.test("the page adds notes and follows them, by its cookie or by a token", async () => {
  const { system, app } = open();
  await system.ready();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    // A browser adds the cookie of its user; Deno has none, so the user is said in another way.
    const headers = new Headers(request.headers);
    if (!headers.has("authorization")) headers.set("authorization", "Bearer of ada");
    return app.fetch(new Request(request, { headers }));
  });
  const api = `http://127.0.0.1:${server.addr.port}`;
  using leaving = aborting();
  const [byCookie, byToken]: [unknown[], unknown[]] = [[], []];
  const viewOf = (heard: unknown[]) => ({
    show: (note: unknown) => heard.push(note),
    reload() {},
    signIn() {},
  });
  const source = followWithCookie(api, "ada", viewOf(byCookie));
  const following = followWithToken(api, "ada", "of ada", viewOf(byToken), leaving.signal);
  while (byCookie.length === 0 || byToken.length === 0) await addNote(api, "ada", "tea"); // until both follow
  assert.deepEqual([byCookie[0], byToken[0]], [{ user: "ada", text: "tea" }, { user: "ada", text: "tea" }]);
  source.close();
  await assert.rejects(addNote(api, "bob", "tea"), /Cannot add the note: 403/);
  leaving.abort();
  await following;
  await system.stop();
  await server.shutdown();
});

const leaky = { sanitizeResources: false }; // Deno's EventSource does not read the body of a refusal

Deno.test("an EventSource gets events with its cookie, and an error if it is refused", leaky, async () => {
  const { system, app } = open();
  const body = JSON.stringify({ password: "of ada" });
  const signed = await app.request("/session", { method: "POST", headers: json, body });
  let cookie = signed.headers.get("set-cookie")!.split(";")[0];
  // A browser adds the cookie; the EventSource of Deno does not.
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const headers = new Headers(request.headers);
    headers.set("cookie", cookie);
    return app.fetch(new Request(request, { headers }));
  });
  const url = `http://127.0.0.1:${server.addr.port}/api/events/notes/added?subject=ada`;
  await system.ready();
  await system.ref(Notes, "ada").tell(Notes.add, "one");
  const { promise: heard, resolve } = Promise.withResolvers<unknown>();
  const first = listen(`${url}&lastEventId=added:0`, { onEvent: resolve, onGap() {}, onRefused() {} });
  assert.deepEqual(await heard, { user: "ada", text: "one" });
  first.close();

  const { promise: gap, resolve: onGap } = Promise.withResolvers<void>();
  const second = listen(`${url}&lastEventId=added:99`, { onEvent() {}, onGap, onRefused() {} });
  await gap;
  second.close();

  cookie = "";
  const { promise: refused, resolve: onRefused } = Promise.withResolvers<void>();
  listen(url, { onEvent() {}, onGap() {}, onRefused });
  await refused;
  await system.stop();
  await server.shutdown();
});

function aborting(): AbortController & Disposable {
  const controller = new AbortController();
  return Object.assign(controller, { [Symbol.dispose]: () => controller.abort() });
}
