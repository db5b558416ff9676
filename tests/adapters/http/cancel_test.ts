import assert from "node:assert/strict";
import { actor, ask, CancelledError, protocol, submit, System } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Mill = protocol("mill", {
  grind: submit(z.string(), z.string()),
  weigh: ask(z.string(), z.string()),
  ground: ask(z.array(z.string())),
});

/** A mill whose handlers wait until the test lets them go on, behind HTTP. */
class Shop implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly gate = Promise.withResolvers<void>();
  readonly signals: AbortSignal[] = [];
  readonly system: System;
  readonly app: ReturnType<typeof ingress>;

  constructor(stored: boolean) {
    const handle = async (ctx: { signal: AbortSignal; state: readonly string[] }, text: string) => {
      if (text === "now") return text;
      this.signals.push(ctx.signal);
      await this.gate.promise;
      ctx.state = [...ctx.state, text];
      return text;
    };
    const mill = actor(Mill, {
      state: (): readonly string[] => [],
      on: { grind: handle, weigh: handle, ground: (ctx) => [...ctx.state] },
    });
    const { clock } = this;
    const random = seededRandom(1);
    this.system = new System({
      actors: [mill],
      clock,
      random,
      log: false,
      ...stored && { store: memoryStore() },
    });
    this.app = ingress(this.system, { expose: [Mill], metrics: true });
  }

  async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const response = this.app.request(path, { method, ...init });
    await this.settle();
    return await response;
  }

  async submit(text: string, headers: Record<string, string> = {}): Promise<string> {
    const response = await this.send("POST", "/actors/mill/main/grind", {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(text),
    });
    assert.equal(response.status, 202);
    return response.headers.get("location")!;
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await this.clock.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gate.resolve();
    await this.settle();
    await this.system.stop({ drainMs: 0 });
  }
}

async function problemOf(response: Response) {
  const { status, code, outcome } = await response.json();
  assert.equal(status, response.status);
  return { status, code, ...outcome !== undefined && { outcome } };
}

for (const stored of [false, true]) {
  const where = stored ? "with a store" : "in memory";

  Deno.test(`${where}: DELETE takes a request back, and what it was says every answer from then on`, async () => {
    await using shop = new Shop(stored);
    const runs = await shop.submit("a");
    const waits = await shop.submit("b", { "idempotency-key": "mine" });
    for (const location of [waits, runs, runs]) {
      const response = await shop.send("DELETE", location);
      assert.equal(response.headers.get("cache-control"), "no-store");
      const id = location.split("/").at(-1);
      assert.deepEqual([response.status, await response.json()], [200, { id, outcome: "cancelled" }]);
      assert.deepEqual(await problemOf(await shop.send("GET", location)), { status: 409, code: "cancelled" });
    }
    assert(shop.signals[0].reason instanceof CancelledError);
    assert.equal(await shop.submit("b", { "idempotency-key": "mine" }), waits, "a repeat of the key");
    shop.gate.resolve();
    await shop.settle();
    assert.deepEqual(await shop.system.ref(Mill, "main").ask(Mill.ground), []);
    const metrics = await (await shop.send("GET", "/metrics")).text();
    assert.match(metrics, /^posthorn_cancelled_total 2$/m);
  });

  Deno.test(`${where}: what is over was too late to take back, and what is unknown, expired or another's is not found`, async () => {
    await using shop = new Shop(stored);
    const done = await shop.submit("now");
    await shop.settle();
    const late = await problemOf(await shop.send("DELETE", done));
    assert.deepEqual(late, { status: 409, code: "already-done", outcome: "done" });
    assert.equal((await shop.send("GET", done)).status, 200);
    const own = await shop.submit("a", { authorization: "Bearer ada" });
    for (const authorization of [undefined, "Bearer bob"]) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const refused = await problemOf(await shop.send("DELETE", own, { headers }));
      assert.deepEqual(refused, { status: 404, code: "unknown-reply" });
    }
    assert.deepEqual(await problemOf(await shop.send("DELETE", "/replies/nonsense")), {
      status: 404,
      code: "unknown-reply",
    });
    const wrong = await shop.send("PUT", own);
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "GET, HEAD, DELETE"]);
    const taken = await shop.send("DELETE", own, {
      headers: { authorization: "Bearer ada", prefer: "wait=2" },
    });
    assert.deepEqual([taken.status, taken.headers.get("preference-applied")], [200, "wait=2"]);
    await shop.clock.advance(2 * 3_600_000);
    assert.deepEqual(await problemOf(await shop.send("DELETE", done)), {
      status: 410,
      code: "expired-reply",
    });
  });

  for (const key of [undefined, "mine"]) {
    const named = key === undefined ? "without a key" : "with a key";
    Deno.test(`${where}: when an asker ${named} has gone, the signal of the turn aborts, and the turn commits`, async () => {
      await using shop = new Shop(stored);
      const gone = new AbortController();
      const headers = {
        "content-type": "application/json",
        ...key !== undefined && { "idempotency-key": key },
      };
      const body = JSON.stringify("a");
      const asked = shop.app.request("/actors/mill/main/weigh", {
        method: "POST",
        headers,
        body,
        signal: gone.signal,
      });
      await shop.settle();
      assert.equal(shop.signals[0].aborted, false);
      gone.abort();
      await shop.settle();
      assert.equal(shop.signals[0].reason?.code, "asker-gone");
      shop.gate.resolve();
      await shop.settle();
      await asked;
      assert.deepEqual(await shop.system.ref(Mill, "main").ask(Mill.ground), ["a"]);
      if (key === undefined) return;
      const again = await shop.send("POST", "/actors/mill/main/weigh", { headers, body });
      assert.deepEqual([again.status, await again.json()], [200, "a"]);
    });
  }

  Deno.test(`${where}: a turn that begins after its asker has gone has an aborted signal, and commits`, async () => {
    await using shop = new Shop(stored);
    const main = shop.system.ref(Mill, "main");
    const first = main.ask(Mill.weigh, "a");
    const gone = new AbortController();
    const left = main.ask(Mill.weigh, "b", { signal: gone.signal });
    await shop.settle();
    gone.abort();
    await assert.rejects(left, { name: "AbortError" });
    shop.gate.resolve();
    await first;
    await shop.settle();
    assert.equal(shop.signals[1].reason?.code, "asker-gone");
    assert.deepEqual(await main.ask(Mill.ground), ["a", "b"]);
  });
}
