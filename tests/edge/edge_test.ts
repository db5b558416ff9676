// The runtime and its ingress on workerd, the platform of Cloudflare Workers: a real process that is tested
// over HTTP.

import assert from "node:assert/strict";
import { missing, start, test, type Worker } from "./workerd.ts";

let edge: Worker;
let load: Worker;

// Started outside of the tests, because miniflare leaves a message port and a timer of its HTTP client
// behind: so the sanitizers still check the tests themselves.
if (missing === undefined) {
  Deno.test.beforeAll(async () => {
    edge = await start("examples/edge/worker.ts");
    load = await start("tests/edge/load_worker.ts");
  });
  Deno.test.afterAll(async () => {
    await load?.[Symbol.asyncDispose]();
    await edge?.[Symbol.asyncDispose]();
  });
}

test("what runs there needs nothing of Deno's or Node's", () => {
  const foreign =
    /\b(Deno|process)\s*[.[]|\bBuffer\b|["'](node|npm|jsr):|(?<![#.\w])(require|import)\(|^import\b/;
  const comment = /^\s*(\/\*\*|\*|\/\/)/;
  const asked = /\btypeof Deno\b/; // croner asks what there is before it uses it
  assert.deepEqual(
    edge.script.split("\n").filter((line) => foreign.test(line) && !comment.test(line) && !asked.test(line)),
    [],
  );
});

test("tell, then ask: every request meets the same actors", async () => {
  for (const cents of [450, 50]) {
    const told = await post("actors/order/ada/add", { sku: "tea", cents });
    assert.equal(told.status, 202);
    assert.match((await told.json()).id, /^\S+$/);
  }
  const asked = await post("actors/order/ada/total");
  assert.equal(asked.status, 200);
  assert.equal(await asked.json(), 500);
});

test("submit, then collect the reply at its location", async () => {
  await send("actors/order/bob/add", { sku: "tea", cents: 450 });
  const submitted = await post("actors/order/bob/settle");
  assert.equal(submitted.status, 202);
  await submitted.body?.cancel();
  const location = submitted.headers.get("location")!;
  assert.match(location, /^\/shop\/replies\/R[0-9A-Z]{26}$/);
  const reply = await get(location.slice(`/${tenant}/`.length), { prefer: "wait=10" });
  assert.deepEqual([reply.status, await reply.json()], [200, { order: "bob", cents: 450 }]);
});

test("subscribe, then publish: the stream has the events of its subject, in order", async () => {
  const stream = await get("events/order/arrived?subject=berlin");
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  const frames = framesOf(stream);
  assert.match(await nextOf(frames), /^retry: \d+\nid: arrived:0$/);

  for (const [order, city] of [["ada", "berlin"], ["bob", "paris"], ["cleo", "berlin"]]) {
    assert.equal(await send("events/order/arrived", { order, city }), 202);
  }
  for (const order of ["ada", "cleo"]) {
    const [id, data] = (await nextOf(frames)).split("\n");
    assert.match(id, /^id: \S+$/);
    assert.equal(data, `data: ${JSON.stringify({ order, city: "berlin" })}`);
  }
  await frames.return(); // disconnects while the stream is open
});

test("survey: a line for each reply, and one for the end", async () => {
  for (const name of ["pigeon", "coach"]) assert.equal(await send(`actors/carrier/${name}/open`), 202);
  for (let replies = 0; replies < 2;) { // accepted is not yet handled
    const asked = await post("surveys/carrier/quote?timeoutMs=1000", { grams: 1 });
    replies = linesOf(await asked.text()).length - 1;
  }
  const response = await post("surveys/carrier/quote?max=2", { grams: 2_000 });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const lines = linesOf(await response.text());
  assert.deepEqual(lines.slice(0, 2).toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1), [
    { reply: { carrier: "coach", cents: 100 } },
    { reply: { carrier: "pigeon", cents: 400 } },
  ]);
  assert.deepEqual(lines.slice(2), [{ done: "max", replies: 2 }]);
  const some = await post("surveys/carrier/quote?timeoutMs=60000", { grams: 2_000 });
  assert.deepEqual(linesOf(await some.text()).at(-1), { done: "all", replies: 2 }, "one abstains");
});

test("what takes longer than the caller waits: an ask is late, a submit is pending", async () => {
  for (let before = 0; before < 4; before++) await send("actors/order/busy/settle");
  const submitted = await post("actors/order/busy/settle");
  await submitted.body?.cancel();
  const location = submitted.headers.get("location")!;
  await requireProblem(post("actors/order/busy/total?timeoutMs=20"), 504, "deadline");
  const pending = await get(location.slice(`/${tenant}/`.length));
  assert.equal(pending.status, 202);
  assert.deepEqual(await pending.json(), { id: location.slice(`/${tenant}/replies/`.length) });
});

test("what goes wrong is a problem document", async () => {
  const invalid = post("actors/order/ada/add", { sku: "tea", cents: "many" });
  await requireProblem(invalid, 400, "invalid-payload");
  await requireProblem(post("actors/nobody/ada/add"), 404, "unknown-protocol");
  await requireProblem(get("replies/nothing"), 404, "unknown-reply");
  await requireProblem(get("actors/order/ada/total"), 405, "method-not-allowed");
});

test("a loop of asks lets other requests in, though there is no setImmediate", async () => {
  const asksMax = 1_000_000; // about five seconds: a loop that blocks other requests ends then
  const looping = fetch(new URL(`shop/load?most=${asksMax}`, load.url));
  let count = 0;
  while (count < 2_000) {
    count = await (await fetch(new URL("shop/actors/counter/main/count", load.url), { method: "POST" }))
      .json();
  }
  assert.ok(count < asksMax, "the loop let nobody in before it was through");
  await (await fetch(new URL("shop/actors/counter/main/stop", load.url), { method: "POST" })).body?.cancel();
  const asks = await (await looping).json();
  assert.ok(asks >= count && asks < asksMax, `${asks} asks`);
});

test("a reader that leaves makes room for another", async () => {
  // Whether there was room: a reader that finds none gets the reconnection delay, and its stream ends.
  async function visit(): Promise<boolean> {
    const frames = framesOf(await fetch(new URL("shop/events/counter/stopped", load.url)));
    await nextOf(frames);
    const { done } = await frames.next();
    await frames.return();
    return !done;
  }
  assert.ok(await visit());
  const patienceMs = 10_000; // it takes a keep-alive or two
  const beganMs = performance.now();
  while (!await visit()) assert.ok(performance.now() - beganMs < patienceMs, "nobody made room");
});

/** The tenant whose object all requests go to. */
const tenant = "shop";

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(new URL(`${tenant}/${path}`, edge.url), { headers });
}

function post(path: string, payload?: unknown): Promise<Response> {
  return fetch(new URL(`${tenant}/${path}`, edge.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
  });
}

/** Posts, and returns the status alone. */
async function send(path: string, payload?: unknown): Promise<number> {
  const response = await post(path, payload);
  await response.body?.cancel();
  return response.status;
}

async function requireProblem(answer: Promise<Response>, status: number, code: string): Promise<void> {
  const response = await answer;
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.deepEqual([response.status, problem.status, problem.code], [status, status, code]);
}

function linesOf(text: string): unknown[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** The frames of server-sent events. Returning from it closes the connection. */
async function* framesOf(response: Response): AsyncGenerator<string, void, void> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const frames = (text + chunk).split("\n\n");
    text = frames.pop()!;
    yield* frames;
  }
}

async function nextOf(frames: AsyncGenerator<string, void, void>): Promise<string> {
  const { value } = await frames.next();
  return value ?? assert.fail("the stream has ended");
}
