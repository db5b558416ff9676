// The trace of a request travels with its message, and with all that follows from it.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import * as z from "zod";
import { assertProblem } from "./desk.ts";

type Headers = Readonly<Record<string, string>>;

const Desk = protocol("desk", {
  hear: tell(z.string()),
  read: ask(z.string(), z.record(z.string(), z.string())),
  work: submit(z.string(), z.string()),
  happened: event(z.string()),
  quote: survey(z.string(), z.string()),
  hang: ask(z.string(), z.string()),
});

class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly seen: Record<string, Headers> = {};
  readonly system: System;
  readonly #fetch: (request: Request) => Response | Promise<Response>;

  constructor(stored: boolean) {
    const see = (text: string, { headers }: { readonly headers: Headers }) => {
      this.seen[text] = headers;
      return text;
    };
    const desk = actor(Desk, {
      state: () => null,
      on: {
        hear: (ctx, text) => void see(text, ctx),
        read: (ctx) => ({ ...ctx.headers }),
        work: (ctx, text) => {
          ctx.ref(Desk, "b").tell(Desk.hear, `${text} on`);
          return see(text, ctx);
        },
        quote: (ctx, text) => see(text, ctx),
        hang: () => new Promise<never>(() => {}),
      },
      turnMs: 1_000,
    });
    this.system = new System({
      actors: [desk],
      clock: this.clock,
      random: seededRandom(1),
      drainMs: 0,
      log: false,
      ...stored && { store: memoryStore() },
    });
    const accept = [Desk.happened];
    this.#fetch = ingress(this.system, { expose: [Desk], accept, onError: () => {} }).fetch;
  }

  async ready(): Promise<this> {
    await this.system.ready();
    this.system.subscribe(Desk.happened, this.system.ref(Desk, "a").at(Desk.hear));
    this.system.subscribe(Desk.quote, this.system.ref(Desk, "a").at(Desk.quote));
    await this.settle();
    return this;
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 10; round++) await this.clock.settle();
  }

  async post(path: string, payload: unknown, headers: Headers = {}): Promise<Response> {
    const request = new Request(`http://desk${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(payload),
    });
    const response = this.#fetch(request);
    await this.settle();
    return await response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const tracestate = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
const trace = { traceparent, tracestate };

for (const stored of [false, true]) {
  const where = stored ? "with a store" : "in memory";

  Deno.test(`traceparent and tracestate of a request are headers of its message in each mode, ${where}`, async () => {
    await using world = await new World(stored).ready();
    const key = { "idempotency-key": "7" };
    const asked = await world.post("/actors/desk/a/read", "", trace);
    assert.deepEqual(await asked.json(), trace);
    const named = await world.post("/actors/desk/a/read", "", { ...trace, ...key });
    assert.deepEqual(await named.json(), trace);
    await world.post("/actors/desk/a/hear", "told", trace);
    await world.post("/actors/desk/a/work", "submitted", { ...trace, ...key });
    await world.post("/events/desk/happened", "published", trace);
    const survey = world.post("/surveys/desk/quote?max=1&timeoutMs=500", "surveyed", trace);
    await world.settle();
    await (await survey).text();
    await world.settle();
    assert.deepEqual(world.seen, {
      told: trace,
      submitted: trace,
      "submitted on": trace,
      published: trace,
      surveyed: trace,
    });
  });

  Deno.test(`a repeat in another trace is answered as the first was, ${where}`, async () => {
    await using world = await new World(stored).ready();
    const other = { traceparent: traceparent.replace("0af7", "1111") };
    for (const headers of [trace, other]) {
      const response = await world.post("/actors/desk/a/read", "", { ...headers, "idempotency-key": "1" });
      assert.deepEqual(await response.json(), trace);
    }
  });

  Deno.test(`a handler that does not settle within turnMs is a 500 with its code, ${where}`, async () => {
    await using world = await new World(stored).ready();
    const response = world.post("/actors/desk/a/hang", "");
    await world.settle();
    await world.clock.advance(1_000);
    await world.settle();
    await assertProblem(await response, 500, "turn-timeout");
  });
}

/** What the handler of a request with these headers reads. */
async function read(headers: Headers): Promise<Headers> {
  await using world = await new World(false).ready();
  const response = await world.post("/actors/desk/a/read", "", headers);
  assert.equal(response.status, 200);
  return await response.json();
}

const zeros = "0".repeat(32);
const notValid: readonly string[] = [
  "",
  "00",
  traceparent.toUpperCase(),
  traceparent.replace(/^00/, "ff"),
  traceparent.replace(/-[0-9a-f]{32}-/, `-${zeros}-`),
  traceparent.replace(/-[0-9a-f]{16}-/, `-${zeros.slice(16)}-`),
  `${traceparent}0`,
  `${traceparent}-${"x".repeat(300)}`,
  `${traceparent}, ${traceparent}`,
  `${traceparent}-more`, // only later versions may say more
];

Deno.test("a traceparent that is not valid is left out with its tracestate, and refuses no request", async () => {
  for (const parent of notValid) {
    assert.deepEqual(await read({ traceparent: parent, tracestate }), {}, parent);
  }
  assert.deepEqual(await read({ tracestate }), {});
});

Deno.test("a traceparent of a later version may say more, and a tracestate that is too long is left out", async () => {
  const later = `${traceparent.replace(/^00/, "01")}-more`;
  assert.deepEqual(await read({ traceparent: later }), { traceparent: later });
  assert.deepEqual(await read({ traceparent, tracestate: `a=${"b".repeat(510)}` }), {
    traceparent,
    tracestate: `a=${"b".repeat(510)}`,
  });
  assert.deepEqual(await read({ traceparent, tracestate: `a=${"b".repeat(511)}` }), { traceparent });
  assert.deepEqual(await read({ "x-tenant": "acme", cookie: "a=b" }), {}, "other headers stay outside");
});

Deno.test("no traceparent and no tracestate ever refuses a request", async () => {
  await using world = await new World(false).ready();
  const text = fc.string({
    unit: fc.constantFrom("0", "f", "-", "a", ",", "=", " ", "~", "é"),
    maxLength: 80,
  });
  await fc.assert(
    fc.asyncProperty(text, text, async (parent, state) => {
      const headers = { traceparent: parent, tracestate: state };
      assert.equal((await world.post("/actors/desk/a/read", "", headers)).status, 200);
    }),
    { numRuns: 50 },
  );
});
