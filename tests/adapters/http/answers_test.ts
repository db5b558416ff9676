import assert from "node:assert/strict";
import { type Context, Hono } from "hono";
import { SuperJSON } from "superjson";
import { Answers } from "../../../adapters/http/answers.ts";
import { ingress } from "@posthorn/posthorn/http";
import { Desk, Order, superjsonType } from "./desk.ts";

const jsonType = "application/json";
const answers = new Answers(false);

Deno.test("value() answers in JSON unless superjson is accepted, with no header but the type", async () => {
  const app = new Hono().get("/", (context) => answers.value(context, [1]));
  const plain = await app.request("/", { headers: { accept: "*/*" } });
  const rich = await app.request("/", { headers: { accept: `text/html, ${superjsonType};q=0.9` } });
  assert.deepEqual([...plain.headers], [["content-type", jsonType]]);
  assert.deepEqual([...rich.headers], [["content-type", superjsonType]]);
  assert.equal(await plain.text(), "[1]");
  assert.deepEqual(new SuperJSON().parse(await rich.text()), [1]);
});

Deno.test("accepted() answers 202 with the id, and with all headers that it is given", async () => {
  const app = new Hono().get("/", (context) => answers.accepted(context, "7", { vary: "prefer" }));
  const response = await app.request("/");
  assert.deepEqual([...response.headers], [["content-type", jsonType], ["vary", "prefer"]]);
  assert.deepEqual([response.status, await response.json()], [202, { id: "7" }]);
});

Deno.test("each answer has headers of its own, for a server may write into them", async () => {
  const given: HeadersInit[] = [];
  class Kept extends Response {
    constructor(body?: BodyInit | null, init?: ResponseInit) {
      super(body, init);
      if (init?.headers !== undefined) given.push(init.headers);
    }
  }
  const own = globalThis.Response;
  globalThis.Response = Kept; // as servers for Node.js do
  try {
    const app = new Hono().get("/", (context) => answers.value(context, [1]));
    for (let request = 0; request < 2; request++) await app.request("/");
  } finally {
    globalThis.Response = own;
  }
  const [first, second] = given;
  assert.deepEqual(first, { "content-type": jsonType });
  assert.notEqual(first, second);
});

const requests = [
  ["/actors/order/ada/count", undefined],
  ["/actors/order/ada/add", { sku: "tea", cents: 1 }],
  ["/actors/order/ada/settle", { cents: 1 }],
  ["/events/order/raised", { country: "de", cents: 1 }],
] as const;

async function tracesOf(app: Hono): Promise<(string | null)[]> {
  return await Promise.all(requests.map(async ([path, payload]) => {
    const headers = { "content-type": jsonType };
    const response = await app.request(path, { method: "POST", headers, body: JSON.stringify(payload) });
    assert.ok(response.status === 200 || response.status === 202, await response.text());
    return `${response.headers.get("x-trace")} ${response.headers.get("content-type")}`;
  }));
}

const sets = (context: Context) => context.header("x-trace", "7");
const whoeverSets: Record<string, (desk: Desk) => Hono> = {
  "middleware before a mount": (desk) => {
    const app = new Hono();
    app.use(async (context, next) => {
      sets(context);
      await next();
    });
    return app.route("/", desk.app);
  },
  "middleware behind a mount": (desk) => {
    const app = new Hono();
    app.use(async (context, next) => {
      await next();
      sets(context);
    });
    return app.route("/", desk.app);
  },
  "the caller of its options": ({ system }) => {
    const caller = (context: Context) => {
      sets(context);
      return "ada";
    };
    return ingress(system, {
      expose: [Order.count, Order.add, Order.settle],
      accept: [Order.raised],
      caller,
    });
  },
};

for (const [name, appOf] of Object.entries(whoeverSets)) {
  Deno.test(`what ${name} sets on the context is in each answer`, async () => {
    await using desk = new Desk();
    assert.deepEqual(await tracesOf(appOf(desk)), requests.map(() => `7 ${jsonType}`));
  });
}

for (const mounted of [false, true]) {
  Deno.test(`what nobody sets is in no answer${mounted ? " of an ingress that is mounted" : ""}`, async () => {
    await using desk = new Desk();
    const app = mounted ? new Hono().route("/", desk.app) : desk.app;
    assert.deepEqual(await tracesOf(app), requests.map(() => `null ${jsonType}`));
  });
}
