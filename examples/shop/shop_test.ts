import assert from "node:assert/strict";
import { type Store, type System, TerminalError, type Ticket } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { Call, Outside } from "./outside.ts";
import { Carrier, Mail, Order, type OrderView, Report, Stock } from "./protocols.ts";
import { openShop, shop } from "./shop.ts";

const hourMs = 60 * 60 * 1_000;
const purchase = { sku: "tea", count: 2, email: "ada@example.com" };

/** Fake services: they fail as often as the test says, and record what they did. */
class FakeOutside implements Outside {
  readonly done: string[] = [];
  readonly ids = new Set<string>();
  fails: { readonly call: string; readonly error: Error; times: number } | undefined;
  hangs: { readonly call: string; times: number } | undefined;

  #do(call: Call, what: string): Promise<void> {
    if (this.hangs !== undefined && what.startsWith(this.hangs.call) && this.hangs.times-- > 0) {
      return new Promise((_, reject) =>
        call.signal.addEventListener("abort", () => reject(call.signal.reason))
      );
    }
    if (this.fails !== undefined && what.startsWith(this.fails.call) && this.fails.times-- > 0) {
      return Promise.reject(this.fails.error);
    }
    if (!this.ids.has(call.id)) this.done.push(what); // a repeated id changes nothing
    this.ids.add(call.id);
    return Promise.resolve();
  }

  async charge(call: Call, order: string, card: string, cents: number) {
    await this.#do(call, `charge ${order} ${cents}`);
    return { paid: card !== "empty" };
  }
  quote(_call: Call, carrier: string, count: number) {
    return Promise.resolve({ days: carrier === "post" ? 3 : count > 5 ? null : 1 });
  }
  async ship(call: Call, order: string, carrier: string, sku: string, count: number) {
    await this.#do(call, `ship ${order} ${count} ${sku} by ${carrier}`);
    return { tracking: "T1" };
  }
  refund = (call: Call, order: string) => this.#do(call, `refund ${order}`);
  recall = (call: Call, order: string) => this.#do(call, `recall ${order}`);
  mail = (call: Call, to: string, subject: string, text: string) =>
    this.#do(call, `mail ${to}: ${subject}: ${text}`);
}

/** A shop with ten packets of tea, on a clock that the test advances. */
class Stage implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly outside: FakeOutside;
  readonly system: System;

  private constructor(clock: VirtualClock, outside: FakeOutside, system: System) {
    this.clock = clock;
    this.outside = outside;
    this.system = system;
  }

  static async open(store?: Store): Promise<Stage> {
    const clock = new VirtualClock({ nowMs: Date.UTC(2030, 0, 1, 12) });
    const outside = new FakeOutside();
    const system = await openShop(outside, { clock, log: false, ...(store !== undefined && { store }) });
    await system.ref(Stock, "tea").tell(Stock.fill, { count: 10, cents: 450 }, { id: "delivery-1" });
    return new Stage(clock, outside, system);
  }

  order(key: string) {
    return this.system.ref(Order, key);
  }

  /** The status of an order, after all messages have been handled. */
  async status(key: string): Promise<string> {
    await this.clock.settle();
    return (await this.order(key).ask(Order.view)).status;
  }

  checkout(key: string, card = "4242"): Promise<Ticket<OrderView>> {
    return this.order(key).submit(Order.checkout, { card, carrier: "post" });
  }

  left(): Promise<number> {
    return this.system.ref(Stock, "tea").ask(Stock.left);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ drainMs: 0 });
  }
}

Deno.test("an order is reserved, paid and shipped, however often the buyer sends it", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, purchase);
  await stage.order("o1").tell(Order.place, purchase);
  assert.equal(await stage.status("o1"), "unpaid");
  const [first, second] = [await stage.checkout("o1"), await stage.checkout("o1")];
  assert.equal(await stage.status("o1"), "shipped");
  const shipped = { order: "o1", status: "shipped", cents: 900, tracking: "T1" };
  assert.deepEqual(await first.reply(), shipped);
  assert.equal((await second.reply()).status, "paying", "the second one changes nothing");
  assert.deepEqual(stage.outside.done, ["charge o1 900", "ship o1 2 tea by post"]);
  assert.equal(await stage.left(), 8);
  assert.deepEqual(await stage.system.ref(Report, "main").ask(Report.today), { orders: 1, cents: 900 });
});

Deno.test("what there is not enough of is sold out, and is no failure", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, { ...purchase, count: 11 });
  assert.equal(await stage.status("o1"), "sold-out");
  assert.equal(stage.system.deadLetters.size, 0);
});

Deno.test("a card that is declined leaves the order to be paid with another", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  assert.equal((await (await stage.checkout("o1", "empty")).reply()).status, "unpaid");
  assert.equal((await (await stage.checkout("o1")).reply()).status, "shipped");
});

Deno.test("a bank that is away for a while is tried again, and charges once", async () => {
  await using stage = await Stage.open();
  stage.outside.fails = { call: "charge", error: new Error("the bank is away"), times: 3 };
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  await stage.checkout("o1");
  assert.equal(await stage.status("o1"), "paying");
  await stage.clock.advance(10_000);
  assert.equal(await stage.status("o1"), "shipped");
  assert.deepEqual(stage.outside.done, ["charge o1 900", "ship o1 2 tea by post"]);
});

Deno.test("a parcel that cannot be sent undoes what was done before it", async () => {
  await using stage = await Stage.open();
  stage.outside.fails = { call: "ship", error: new TerminalError("there is no such street"), times: 1 };
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  const checkout = await stage.checkout("o1");
  await stage.clock.settle();
  assert.equal((await checkout.reply()).status, "cancelled");
  assert.equal(await stage.left(), 10);
  assert.deepEqual(stage.outside.done.toSorted(), [
    "charge o1 900",
    "mail ada@example.com: Order o1: it is cancelled: something went wrong, and nothing is charged",
    "recall o1",
    "refund o1",
  ]);
});

Deno.test("a checkout that is taken back is undone, and has no second answer", async () => {
  await using stage = await Stage.open();
  stage.outside.hangs = { call: "ship", times: 1 };
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  const checkout = await stage.checkout("o1");
  assert.equal(await stage.status("o1"), "paid");
  assert.equal(await checkout.cancel(), "withdrawn");
  assert.equal(await stage.status("o1"), "cancelled");
  await stage.clock.advance(60_000); // the call that hangs is ended, and the parcel that is sent then is recalled
  assert.equal(await stage.left(), 10);
  assert.deepEqual(stage.outside.done.toSorted(), [
    "charge o1 900",
    "mail ada@example.com: Order o1: it is cancelled: the checkout was taken back",
    "recall o1",
    "refund o1",
    "ship o1 2 tea by post",
  ]);
  assert.equal(stage.system.deadLetters.size, 0);
  assert.equal(await (await stage.checkout("o1")).cancel(), "done", "there was nothing to take back");
});

Deno.test("a reservation that arrives after the order was cancelled is released", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.advance(24 * hourMs);
  assert.equal(await stage.status("o1"), "cancelled");
  const late = { order: "o1", count: 2 };
  await stage.system.ref(Stock, "tea").submit(Stock.reserve, late, {
    replyTo: stage.order("o1").at(Order.reserved),
  });
  await stage.clock.settle();
  assert.equal(await stage.left(), 10);
});

Deno.test("the carriers say how fast they are, and nobody waits for one that takes no such parcel", async () => {
  await using stage = await Stage.open();
  const both = stage.system.survey(Carrier.quote, { count: 2 }, { timeoutMs: 5_000 });
  const days = (await Array.fromAsync(both)).map(({ carrier, days }) => `${carrier} ${days}`);
  assert.deepEqual([days.toSorted(), both.end], [["express 1", "post 3"], "all"]);
  const one = stage.system.survey(Carrier.quote, { count: 6 }, { timeoutMs: 5_000 });
  assert.deepEqual([await Array.fromAsync(one), one.end], [[{ carrier: "post", days: 3 }], "all"]);
});

Deno.test("a bank that never answers is tried again, and its call is ended", async () => {
  await using stage = await Stage.open();
  stage.outside.hangs = { call: "charge", times: 1 };
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  const checkout = await stage.checkout("o1");
  await stage.clock.advance(11_000);
  assert.equal((await checkout.reply()).status, "shipped");
  assert.deepEqual(stage.outside.done, ["charge o1 900", "ship o1 2 tea by post"]);
});

Deno.test("whoever does not pay is reminded after an hour, and loses the reservation after a day", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.advance(hourMs);
  assert.deepEqual(stage.outside.done, ["mail ada@example.com: Order o1: it waits to be paid"]);
  assert.equal(await stage.left(), 8);
  await stage.clock.advance(23 * hourMs);
  assert.equal(await stage.status("o1"), "cancelled");
  assert.equal(await stage.left(), 10);
});

Deno.test("each night at two the owner gets the numbers of the day", async () => {
  await using stage = await Stage.open();
  await stage.order("o1").tell(Order.place, purchase);
  await stage.clock.settle();
  await stage.checkout("o1");
  await stage.clock.advance(14 * hourMs);
  await stage.clock.advance(24 * hourMs);
  assert.deepEqual(stage.outside.done.filter((line) => line.startsWith("mail owner")), [
    "mail owner@shop.example: Today: 1 orders, 900 cents",
    "mail owner@shop.example: Today: 0 orders, 0 cents",
  ]);
});

Deno.test("a mail that was given up is listed, and sent again by the owner", async () => {
  await using stage = await Stage.open();
  const app = shop(stage.system, "secret");
  const owner = { headers: { authorization: "Bearer secret" } };
  stage.outside.fails = { call: "mail", error: new TerminalError("no such mailbox"), times: 1 };
  const note = { subject: "Hello", text: "from the shop" };
  await stage.system.ref(Mail, "ada@example.com").tell(Mail.send, note);
  await stage.clock.settle();

  assert.equal((await app.request("/admin/dead-letters")).status, 401);
  const [letter] = await (await app.request("/admin/dead-letters", owner)).json();
  assert.equal(letter.reason, "terminal");
  const again = await app.request(`/admin/dead-letters/${letter.id}`, { method: "POST", ...owner });
  assert.equal(again.status, 204);
  await stage.clock.settle();
  assert.deepEqual(stage.outside.done, ["mail ada@example.com: Hello: from the shop"]);
  const twice = await app.request(`/admin/dead-letters/${letter.id}`, { method: "POST", ...owner });
  assert.equal(twice.status, 404);
});

Deno.test("an order that was placed before a restart is paid and shipped after it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/shop.db`;
    {
      await using stage = await Stage.open(sqlite(path));
      await stage.order("o1").tell(Order.place, purchase);
      assert.equal(await settled(stage, "o1", "unpaid"), "unpaid");
    }
    {
      await using stage = await Stage.open(sqlite(path)); // as another process would
      assert.equal(await stage.left(), 8);
      await stage.checkout("o1");
      assert.equal(await settled(stage, "o1", "shipped"), "shipped");
      assert.deepEqual(stage.outside.done, ["charge o1 900", "ship o1 2 tea by post"]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The file takes real time although the clock is virtual, so the status is read repeatedly. */
async function settled(stage: Stage, key: string, status: string): Promise<string> {
  for (let attempts = 1; attempts < 1_000; attempts++) {
    const found = await stage.status(key);
    if (found === status) return found;
  }
  return await stage.status(key);
}
