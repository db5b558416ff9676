import assert from "node:assert/strict";
import { PosthornError } from "@posthorn/posthorn";
import {
  console as posthornConsole,
  type ConsoleOptions,
  type ConsoleSystem,
} from "@posthorn/posthorn/console";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fakeControl, fakeSystem } from "./fake_system.ts";
import { Order, Shop } from "./shop_system.ts";

const own = { "sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded" };

/** Sends a form to a console. Resolves with the answer and what the system was told to do. */
async function send(
  action: string,
  fields: Record<string, string>,
  { headers = own, options = {}, control = {} }: {
    headers?: Record<string, string>;
    options?: ConsoleOptions;
    control?: Partial<ConsoleSystem["control"]>;
  } = {},
) {
  const calls: unknown[][] = [];
  const system = fakeSystem({ control: fakeControl(calls, control) });
  const app = posthornConsole(system, { authorize: () => true, actions: true, ...options });
  const answer = await app.request(`http://shop.example/${action}`, {
    method: "POST",
    headers,
    body: new URLSearchParams(fields).toString(),
  });
  const location = answer.headers.get("location");
  return { calls, status: answer.status, location, text: await answer.text(), app };
}

Deno.test("what was no dead letter any more, or no schedule, is not told to be done", async () => {
  const no = () => Promise.resolve(false);
  for (
    const [action, fields] of [["discard", { id: "m" }], ["cancel-schedule", { ...ada, name: "n" }]] as const
  ) {
    const { app, location } = await send(action, fields, { control: { discard: no, cancelSchedule: no } });
    const shown = await app.request(new URL(location!, "http://shop.example/").href);
    assert.match(await shown.text(), /There was no such (dead letter|schedule) any more/);
  }
});

const letter = { protocol: "order", reason: "card-refused", operation: "settle" };
const ada = { protocol: "order", key: "a/d&a=1 ü" };

Deno.test("each action tells the system what to do, and leads to the page that shows what came of it", async () => {
  const since = `sinceMs=${new VirtualClock().now()}`;
  const cases: readonly (readonly [string, Record<string, string>, unknown[], string])[] = [
    ["resend", { id: "m 1" }, ["resend", "m 1", undefined], `./dead-letters?did=resend&id=m+1&${since}`],
    [
      "resend",
      { id: "m", ...letter },
      ["resend", "m", undefined],
      `./dead-letters?protocol=order&reason=card-refused&operation=settle&did=resend&id=m&${since}`,
    ],
    [
      "resend-all",
      letter,
      ["resendAll", letter],
      "./dead-letters?protocol=order&reason=card-refused&operation=settle&did=resend-all&done=2&failed=1",
    ],
    ["resend-all", {}, ["resendAll", {}], "./dead-letters?did=resend-all&done=2&failed=1"],
    ["discard", { id: "m" }, ["discard", "m", undefined], "./dead-letters?did=discard"],
    [
      "discard",
      { id: "m", toProtocol: "order", toKey: encodeURIComponent("a\nü"), atMs: "7" },
      ["discard", "m", { protocol: "order", key: "a\nü", atMs: 7 }],
      "./dead-letters?did=discard",
    ],
    [
      "discard-all",
      { reason: "x" },
      ["discardAll", { reason: "x" }],
      "./dead-letters?reason=x&did=discard-all&done=2&failed=1",
    ],
    [
      "cancel-schedule",
      { ...ada, name: "nightly" },
      ["cancelSchedule", ada, "nightly"],
      "./schedules?did=cancel-schedule",
    ],
    [
      "cancel-request",
      { reply: "R1" },
      ["cancelRequest", "R1", {}],
      "./replies?did=cancel-request&outcome=cancelled",
    ],
    [
      "cancel-request",
      { reply: "R1", caller: "eve" },
      ["cancelRequest", "R1", { caller: "eve" }],
      "./replies?did=cancel-request&outcome=cancelled",
    ],
    ["passivate", ada, ["passivate", ada], "./actor?protocol=order&key=a%2Fd%26a%3D1+%C3%BC&did=passivate"],
    ["erase", ada, ["erase", ada], "./actor?protocol=order&key=a%2Fd%26a%3D1+%C3%BC&did=erase"],
    ["pause", { protocol: "order" }, ["pause", "order"], "./protocols?did=pause"],
    ["resume", { protocol: "order" }, ["resume", "order"], "./protocols?did=resume"],
  ];
  for (const [action, fields, call, location] of cases) {
    const sent = await send(action, fields);
    assert.equal(sent.status, 303, sent.text);
    assert.deepEqual(sent.calls, [call]);
    assert.equal(sent.location, location);
    const shown = await sent.app.request(new URL(location, "http://shop.example/").href);
    assert.match(await shown.text(), /class="notice[^>]*role="status"/);
  }
});

Deno.test("of dead letters with the same id, the buttons of one do what they say to that one", async () => {
  const clock = new VirtualClock();
  const shop = new Shop({ clock, log: false });
  await using system = shop.system;
  for (const key of ["ada", "bob", "cem"]) {
    await system.ref(Order, key).tell(Order.charge, undefined, { id: "1" }); // as with one Idempotency-Key of three callers
  }
  await clock.settle();
  const app = posthornConsole(system, { authorize: () => true, actions: true });
  const press = async (action: string, key: string) => {
    const text = await (await app.request("/dead-letters")).text();
    const row = text.split("<tr ").find((row) => row.includes(`key=${key}`))!;
    const form = row.split("<form ").find((form) => form.includes(`action="./${action}"`))!;
    const fields = [...form.matchAll(/name="(\w+)" value="([^"]*)"/g)].map((
      [, name, value],
    ) => [name, value]);
    const body = new URLSearchParams(fields).toString();
    assert.equal((await app.request(`/${action}`, { method: "POST", headers: own, body })).status, 303);
    return system.deadLetters.list().map((letter) => letter.key);
  };
  assert.deepEqual(await press("discard", "bob"), ["ada", "cem"]);
  shop.bankIsOpen = true;
  assert.deepEqual(await press("resend", "cem"), ["ada"]);
});

Deno.test("of a message that was sent again it is told what became of it since, and not before, nor of another with its id", async () => {
  const clock = new VirtualClock();
  const shop = new Shop({ clock, log: false, store: memoryStore() });
  await using system = shop.system;
  await system.ready();
  const app = posthornConsole(system, { authorize: () => true, actions: true });
  await app.request("/dead-letters"); // it listens
  for (const key of ["ada", "bob"]) await system.ref(Order, key).tell(Order.charge, undefined, { id: "1" });
  await clock.advance(1_000);
  const [, bob] = system.deadLetters.list();
  await system.control.pause("order");
  const body = new URLSearchParams({ id: "1", toProtocol: "order", toKey: "bob", atMs: String(bob.atMs) });
  const answer = await app.request("/resend", { method: "POST", headers: own, body: body.toString() });
  const told = async () => {
    const page = await app.request(new URL(answer.headers.get("location")!, "http://shop.example/").href);
    return /role="status"><strong>The message was sent again.<\/strong> ([^<]*) </.exec(await page.text())
      ?.[1];
  };
  await clock.settle();
  assert.equal(
    await told(),
    "Nothing is known of its turn yet: it waits for it, another instance has it, or it is not in the sample.",
  );
  shop.bankIsOpen = true;
  await system.control.resume("order");
  await clock.settle();
  assert.match(await told() ?? "", /^order\/bob has handled it/);
  await system.control.resend("1"); // to ada
  await clock.settle();
  assert.match(await told() ?? "", /^order\/bob has handled it/);
});

Deno.test("a console does nothing unless it was told that it may", async () => {
  for (const options of [{ actions: false }, { authorize: () => "read" as const }]) {
    for (
      const action of [
        "resend",
        "resend-all",
        "discard",
        "discard-all",
        "erase",
        "passivate",
        "pause",
        "resume",
        "cancel-schedule",
        "cancel-request",
      ]
    ) {
      const { status, calls, text } = await send(action, { id: "m", ...ada, name: "n", reply: "R" }, {
        options,
      });
      assert.equal(status, 403);
      assert.match(text, /changes nothing/);
      assert.deepEqual(calls, []);
    }
  }
  const app = posthornConsole(fakeSystem(), { authorize: () => true });
  for (
    const page of ["overview", "protocols", "dead-letters", "schedules", "replies", "actor?protocol=a&key=b"]
  ) {
    assert.doesNotMatch(await (await app.request(`/${page}`)).text(), /method="post"/);
  }
});

Deno.test("a request that no page of the console has sent changes nothing", async () => {
  const foreign: Record<string, string>[] = [
    {},
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "cross-site", origin: "http://shop.example" },
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "" },
    { origin: "http://shop.example.evil.example" },
    { origin: "http://shop.example:81" },
    { origin: "http://evil.example@shop.example.evil" },
    { origin: "shop.example" },
    { referer: "http://shop.example/overview" },
  ];
  for (const headers of foreign) {
    const { status, calls } = await send("pause", { protocol: "order" }, { headers });
    assert.equal(status, 403, JSON.stringify(headers));
    assert.deepEqual(calls, []);
  }
});

Deno.test("a browser that does not say its site, but its origin, can use the console, also behind a proxy that ends TLS", async () => {
  for (const origin of ["http://shop.example", "https://shop.example"]) {
    const { status, calls } = await send("pause", { protocol: "order" }, { headers: { origin } });
    assert.equal(status, 303);
    assert.equal(calls.length, 1);
  }
});

Deno.test("what the system refuses is told with its code", async () => {
  const resend = () =>
    Promise.reject(new PosthornError("mailbox-full", "Cannot deliver to order/<ada>: it is full"));
  const { status, text, location } = await send("resend", { id: "m" }, { control: { resend } });
  assert.equal(status, 409);
  assert.equal(location, null);
  assert.match(text, /Cannot deliver to order\/&lt;ada&gt;: it is full/);
  assert.match(text, /mailbox-full/);
});

Deno.test("a form that lacks a field, or is too large, changes nothing", async () => {
  for (
    const [action, fields] of [["resend", {}], ["erase", { protocol: "order" }], ["pause", {}], [
      "cancel-schedule",
      ada,
    ], ["cancel-request", {}]] as const
  ) {
    const { status, calls, text } = await send(action, fields);
    assert.equal(status, 400);
    assert.match(text, /The field \w+ is missing/);
    assert.deepEqual(calls, []);
  }
  const garbled = await send("pause", { protocol: "%E0%A4%A" });
  assert.equal(garbled.status, 400);
  assert.deepEqual(garbled.calls, []);
  const large = await send("pause", { protocol: "x".repeat(20_000) });
  assert.equal(large.status, 413);
  assert.deepEqual(large.calls, []);
});

Deno.test("a filter that cannot be read, or says nothing, does not match all dead letters", async () => {
  const cases = ["protocol", "reason", "operation"].flatMap((name) => [
    [{ [name]: "%E0%A4%A" }, `The field ${name} cannot be read`] as const,
    [{ [name]: "" }, `The field ${name} is empty`] as const,
  ]);
  for (const action of ["discard-all", "resend-all", "discard", "resend"]) {
    for (const [fields, words] of cases) {
      const { status, calls, text } = await send(action, { id: "m", ...fields });
      assert.deepEqual(calls, []);
      assert.equal(status, 400);
      assert.ok(text.includes(words));
    }
  }
});

Deno.test("the words of a notice are the console's own, whatever its URL says", async () => {
  const app = posthornConsole(fakeSystem(), { authorize: () => true });
  for (
    const query of [
      "did=<b>call 555</b>",
      "did=toString",
      "did=resend-all&done=call+555",
      "did=constructor",
      "did=discard-all&failed=<i>",
      "did=discard-all&done=1&failed=-4",
    ]
  ) {
    assert.doesNotMatch(
      await (await app.request(`/dead-letters?${query}`)).text(),
      /555|class="notice[^>]*role="status"/,
    );
  }
});
