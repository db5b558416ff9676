// What must not compile. Nothing here runs but the count at the end: `deno check`, and every `deno test`, fails where
// a line below `@ts-expect-error` compiles after all.

import assert from "node:assert/strict";
import {
  actor,
  type Address,
  type Ask,
  ask,
  type Context,
  event,
  Failure,
  type Protocol,
  protocol,
  type Ref,
  submit,
  survey,
  System,
  type Tell,
  tell,
  type TransientContext,
  unchecked,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";

interface Line {
  sku: string;
  cents: number;
}

interface Receipt {
  order: string;
  cents: number;
}

const Order = protocol("order", {
  add: tell(unchecked<Line>()),
  clear: tell(),
  total: ask(z.enum(["EUR", "USD"]), z.number()),
  count: ask(z.number()),
  settle: submit(z.object({ cents: z.number() }), unchecked<Receipt>()),
  settled: event(unchecked<Receipt>(), { subject: (receipt) => receipt.order }),
  closed: event(),
});
/** The same shapes under another name. */
const Other = protocol("other", {
  add: tell(unchecked<Line>()),
  count: ask(z.number()),
  settle: submit(z.object({ cents: z.number() }), unchecked<Receipt>()),
});
const Ledger = protocol("ledger", {
  record: tell(unchecked<Receipt>()),
  note: tell(z.string()),
  refused: tell(Failure),
  balance: ask(unchecked<Receipt>(), z.number()),
});
const Carrier = protocol("carrier", {
  quote: survey(z.object({ grams: z.number() }), z.object({ cents: z.number() })),
});

interface Cart {
  name: string;
  items: string[];
  address: { city: string };
  prices: Map<string, number>;
}

type Order = Ref<"order">;
type Ledger = Ref<"ledger">;
type Cases = Readonly<Record<string, (...parts: never[]) => unknown>>;

const receipt: Receipt = { order: "ada", cents: 450 };

const sending: Cases = {
  "tell an operation of equal shape of another protocol": (ada: Order) => {
    // @ts-expect-error: "other" is not "order"
    return ada.tell(Other.add, { sku: "tea", cents: 450 });
  },
  "ask an operation of equal shape of another protocol": (ada: Order) => {
    // @ts-expect-error: "other" is not "order"
    return ada.ask(Other.count);
  },
  "submit an operation of equal shape of another protocol": (ada: Order) => {
    // @ts-expect-error: "other" is not "order"
    return ada.submit(Other.settle, { cents: 1 });
  },
  "take the address of an operation of another protocol": (ada: Order) => {
    // @ts-expect-error: "other" is not "order"
    return ada.at(Other.add);
  },
  "take the address of an event": (ada: Order) => {
    // @ts-expect-error: nobody handles an event of its own
    return ada.at(Order.settled);
  },
  "use the ref of one protocol as another's": (ada: Order) => {
    // @ts-expect-error: "order" is not "other"
    const other: Ref<"other"> = ada;
    return other;
  },
  "use a ref of one of two protocols as both": (ada: Order) => {
    // @ts-expect-error: a ref is of one protocol
    const either: Ref<"order" | "other"> = ada;
    return either;
  },
  "tell an ask": (ada: Order) => {
    // @ts-expect-error: "ask" is not "tell"
    return ada.tell(Order.count);
  },
  "ask a tell": (ada: Order) => {
    // @ts-expect-error: "tell" is not "ask"
    return ada.ask(Order.add, { sku: "tea", cents: 450 });
  },
  "ask a submit": (ada: Order) => {
    // @ts-expect-error: "submit" is not "ask"
    return ada.ask(Order.settle, { cents: 1 });
  },
  "submit an ask": (ada: Order) => {
    // @ts-expect-error: "ask" is not "submit"
    return ada.submit(Order.count);
  },
  "submit a tell": (ada: Order) => {
    // @ts-expect-error: "tell" is not "submit"
    return ada.submit(Order.clear);
  },
  "tell an event": (ada: Order) => {
    // @ts-expect-error: "event" is not "tell"
    return ada.tell(Order.settled, receipt);
  },
  "tell a wrong payload": (ada: Order) => {
    // @ts-expect-error: a number is no sku
    return ada.tell(Order.add, { sku: 1, cents: 450 });
  },
  "tell a payload with a property too many": (ada: Order) => {
    // @ts-expect-error: a line has no count
    return ada.tell(Order.add, { sku: "tea", cents: 450, count: 1 });
  },
  "tell a payload with a property missing": (ada: Order) => {
    // @ts-expect-error: no cents
    return ada.tell(Order.add, { sku: "tea" });
  },
  "ask with a wrong payload": (ada: Order) => {
    // @ts-expect-error: "GBP" is neither "EUR" nor "USD"
    return ada.ask(Order.total, "GBP");
  },
  "submit a wrong payload": (ada: Order) => {
    // @ts-expect-error: a text is no number
    return ada.submit(Order.settle, { cents: "1" });
  },
  "tell without the payload": (ada: Order) => {
    // @ts-expect-error: no line
    return ada.tell(Order.add);
  },
  "ask without the payload": (ada: Order) => {
    // @ts-expect-error: no currency
    return ada.ask(Order.total);
  },
  "submit without the payload": (ada: Order) => {
    // @ts-expect-error: no cents
    return ada.submit(Order.settle);
  },
  "tell a payload where there is none": (ada: Order) => {
    // @ts-expect-error: clear takes nothing
    return ada.tell(Order.clear, 5);
  },
  "ask with a payload where there is none": (ada: Order) => {
    // @ts-expect-error: count takes nothing
    return ada.ask(Order.count, 5);
  },
  "options in the place of the payload": (ada: Order) => {
    // @ts-expect-error: no line
    return ada.tell(Order.add, { timeoutMs: 5 });
  },
  "undefined in the place of options": (ada: Order) => {
    // @ts-expect-error: count takes nothing, so options come first
    return ada.ask(Order.count, undefined, { timeoutMs: 5 });
  },
  "an object as payload where there is none": (ada: Order) => {
    // @ts-expect-error: clear takes nothing
    return ada.tell(Order.clear, { sku: "tea" });
  },
  "a payload in front of options where there is none": (ada: Order) => {
    // @ts-expect-error: clear takes nothing
    return ada.tell(Order.clear, { sku: "tea" }, { timeoutMs: 5 });
  },
  "use an answer as something else": async (ada: Order) => {
    // @ts-expect-error: a count is a number
    const text: string = await ada.ask(Order.count);
    return text;
  },
  "use a collected reply as something else": async (ada: Order) => {
    const ticket = await ada.submit(Order.settle, { cents: 1 });
    // @ts-expect-error: a receipt is no text
    const text: string = await ticket.reply();
    return text;
  },
  "how a cancellation ended, misspelt": async (ada: Order) => {
    const ticket = await ada.submit(Order.settle, { cents: 1 });
    // @ts-expect-error: cancelled
    return await ticket.cancel() === "canceled";
  },
  "the ticket of what is no submit": (system: System) => {
    // @ts-expect-error: an ask has no ticket
    return system.ticket("R1", Order.count);
  },
  "use the reply of a ticket of an earlier submit as something else": async (system: System) => {
    // @ts-expect-error: a receipt is no text
    const text: string = await system.ticket("R1", Order.settle).reply();
    return text;
  },
  "options of a survey on an ask": (ada: Order) => {
    // @ts-expect-error: one actor answers an ask
    return ada.ask(Order.count, { max: 3 });
  },
  "options of an ask on a tell": (ada: Order) => {
    // @ts-expect-error: a tell waits for nothing
    return ada.tell(Order.clear, { signal: AbortSignal.abort() });
  },
  "options of an ingress on a tell": (ada: Order) => {
    // @ts-expect-error: a program speaks for itself
    return ada.tell(Order.clear, { caller: "bob" });
  },
  "options of a submit on an ask": (ada: Order, books: Ledger) => {
    // @ts-expect-error: the reply of an ask comes back
    return ada.ask(Order.count, { replyTo: books.at(Ledger.note) });
  },
  "an option that does not exist": (ada: Order) => {
    // @ts-expect-error: it is timeoutMs
    return ada.ask(Order.count, { timeout: 5 });
  },
};

const addresses: Cases = {
  "a replyTo that takes something else": (ada: Order, books: Ledger) => {
    // @ts-expect-error: a receipt is no text
    return ada.submit(Order.settle, { cents: 1 }, { replyTo: books.at(Ledger.note) });
  },
  "a replyTo that takes more than the reply has": (ada: Order) => {
    // @ts-expect-error: a receipt has no sku
    return ada.submit(Order.settle, { cents: 1 }, { replyTo: ada.at(Order.add) });
  },
  "a ref as replyTo": (ada: Order, books: Ledger) => {
    // @ts-expect-error: which operation?
    return ada.submit(Order.settle, { cents: 1 }, { replyTo: books });
  },
  "a failTo that takes something else": (ada: Order, books: Ledger) => {
    // @ts-expect-error: a failure is no receipt
    return ada.submit(Order.settle, { cents: 1 }, { failTo: books.at(Ledger.record) });
  },
  "a replyTo in a turn that takes something else": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a receipt is no text
    ctx.ref(Order, "ada").submit(Order.settle, { cents: 1 }, { replyTo: ctx.self.at(Ledger.note) });
  },
  "a failTo in a turn that takes something else": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a failure is no text
    ctx.ref(Order, "ada").submit(Order.settle, { cents: 1 }, { failTo: ctx.self.at(Ledger.note) });
  },
  "a schedule whose payload does not fit its address": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a number is no text
    ctx.schedule("note", { afterMs: 5 }, ctx.self.at(Ledger.note), 5);
  },
  "a schedule without the payload of its address": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: no text
    ctx.schedule("note", { afterMs: 5 }, ctx.self.at(Ledger.note));
  },
  "a schedule with a payload where its address takes none": (ctx: Context<"order", null>) => {
    // @ts-expect-error: clear takes nothing
    ctx.schedule("clear", { afterMs: 5 }, ctx.self.at(Order.clear), 5);
  },
  "a schedule without a time": (ctx: Context<"order", null>) => {
    // @ts-expect-error: after how long, at what time, or how often?
    ctx.schedule("clear", {}, ctx.self.at(Order.clear));
  },
  "a schedule for a ref": (ctx: Context<"order", null>) => {
    // @ts-expect-error: which operation?
    ctx.schedule("clear", { afterMs: 5 }, ctx.self);
  },
  "the address of one payload as another's": (books: Ledger) => {
    // @ts-expect-error: a text is no receipt
    const address: Address<Receipt> = books.at(Ledger.note);
    return address;
  },
};

const many: Cases = {
  "publish a tell": (system: System) => {
    // @ts-expect-error: "tell" is not "event"
    return system.publish(Order.add, { sku: "tea", cents: 450 });
  },
  "publish a survey": (system: System) => {
    // @ts-expect-error: "survey" is not "event"
    return system.publish(Carrier.quote, { grams: 5 });
  },
  "publish a wrong payload": (system: System) => {
    // @ts-expect-error: a text is no number
    return system.publish(Order.settled, { order: "ada", cents: "450" });
  },
  "publish without the payload": (system: System) => {
    // @ts-expect-error: no receipt
    return system.publish(Order.settled);
  },
  "publish a payload where there is none": (system: System) => {
    // @ts-expect-error: closed takes nothing
    return system.publish(Order.closed, 5);
  },
  "publish a wrong payload in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: a text is no receipt
    ctx.publish(Order.settled, "450");
  },
  "publish a tell in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: "tell" is not "event"
    ctx.publish(Order.add, { sku: "tea", cents: 450 });
  },
  "survey an event": (system: System) => {
    // @ts-expect-error: "event" is not "survey"
    return system.survey(Order.settled, receipt);
  },
  "survey with a wrong payload": (system: System) => {
    // @ts-expect-error: a text is no number
    return system.survey(Carrier.quote, { grams: "5" });
  },
  "use a quote as something else": async (system: System) => {
    for await (const quote of system.survey(Carrier.quote, { grams: 5 })) {
      // @ts-expect-error: a quote has cents
      quote.euros;
    }
  },
  "subscribe to a tell": (system: System, books: Ledger) => {
    // @ts-expect-error: a tell is not published
    return system.subscribe(Order.add, books.at(Ledger.note));
  },
  "the subscriptions of a tell": (system: System) => {
    // @ts-expect-error: a tell is not published
    return system.subscriptions(Order.add);
  },
  "unsubscribe what does not fit": (system: System, books: Ledger) => {
    // @ts-expect-error: `note` takes a text
    return system.unsubscribe(Order.settled, books.at(Ledger.note));
  },
  "how a survey ended, misspelt": (system: System) => {
    // @ts-expect-error: it is "all"
    return system.survey(Carrier.quote, { grams: 5 }).end === "everybody";
  },
  "the number of services as a text": (system: System) => {
    // @ts-expect-error: it is a number
    return system.survey(Carrier.quote, { grams: 5 }, { services: "2" });
  },
  "the mail of a protocol by its definition": (system: System) => {
    // @ts-expect-error: it takes a name, or a ref
    return system.eraseMail(Order);
  },
  "unsubscribe a function": (system: System) => {
    // @ts-expect-error: it ends with what subscribing it returned
    return system.unsubscribe(Order.settled, () => {});
  },
  "a subscriber that takes something else": (system: System, books: Ledger) => {
    // @ts-expect-error: a receipt is no text
    return system.subscribe(Order.settled, books.at(Ledger.note));
  },
  "a subscriber that takes something where there is nothing": (system: System, books: Ledger) => {
    // @ts-expect-error: closed carries no text
    return system.subscribe(Order.closed, books.at(Ledger.note));
  },
  "a bare ref as a subscriber": (system: System, books: Ledger) => {
    // @ts-expect-error: which operation?
    return system.subscribe(Order.settled, books);
  },
  "a bare ref as a respondent": (system: System, dhl: Ref<"carrier">) => {
    // @ts-expect-error: which operation?
    return system.subscribe(Carrier.quote, dhl);
  },
  "a ref of another protocol as a respondent": (system: System, ada: Order) => {
    // @ts-expect-error: which operation, and it is no carrier
    return system.subscribe(Carrier.quote, ada);
  },
  "a listener that takes something else": (system: System) => {
    // @ts-expect-error: a receipt is no text
    return system.subscribe(Order.settled, (text: string) => console.log(text));
  },
  "a listener that reads what is not there": (system: System) => {
    // @ts-expect-error: a receipt has no sku
    return system.subscribe(Order.settled, (settled) => console.log(settled.sku));
  },
  "a respondent that replies something else": (system: System) => {
    // @ts-expect-error: a quote is no text
    return system.subscribe(Carrier.quote, () => "cheap");
  },
  "a respondent that promises something else": (system: System) => {
    // @ts-expect-error: a quote is no number
    return system.subscribe(Carrier.quote, () => Promise.resolve(5));
  },
  "an address as respondent that replies something else": (system: System, books: Ledger) => {
    // @ts-expect-error: a receipt is no parcel, a number no quote
    return system.subscribe(Carrier.quote, books.at(Ledger.balance));
  },
  "an address as respondent that only replies something else": (system: System) => {
    const Post = protocol("post", { weigh: ask(z.object({ grams: z.number() }), z.number()) });
    // @ts-expect-error: a number is no quote
    return system.subscribe(Carrier.quote, system.ref(Post, "main").at(Post.weigh));
  },
  "a respondent that cannot reply": (system: System) => {
    const Post = protocol("post", { weigh: tell(z.object({ grams: z.number() })) });
    // @ts-expect-error: a tell has no reply
    return system.subscribe(Carrier.quote, system.ref(Post, "main").at(Post.weigh));
  },
  "a subscriber in a turn that takes something else": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a receipt is no text
    ctx.subscribe(Order.settled, ctx.self.at(Ledger.note));
  },
  "a function as subscriber in a turn": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a function does not survive the turn
    ctx.subscribe(Order.settled, () => {});
  },
  "take back a subscription that does not fit": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: a receipt is no text
    ctx.unsubscribe(Order.settled, ctx.self.at(Ledger.note));
  },
  "a subject that reads what is not there": () => {
    // @ts-expect-error: a receipt has no shop
    return event(unchecked<Receipt>(), { subject: (settled) => settled.shop });
  },
  "a subject that is no text": () => {
    // @ts-expect-error: cents are a number
    return event(unchecked<Receipt>(), { subject: (settled) => settled.cents });
  },
};

const handlers: Cases = {
  "a missing handler": () =>
    // @ts-expect-error: nobody answers count
    actor(Other, { state: () => null, on: { add() {}, settle: () => receipt } }),
  "a handler for an operation that does not exist": () =>
    // @ts-expect-error: there is no remove
    actor(Carrier, { state: () => null, on: { quote: () => undefined, remove() {} } }),
  "a handler for an event": () => {
    const Shop = protocol("shop", { open: tell(), opened: event() });
    // @ts-expect-error: nobody handles an event of its own
    return actor(Shop, { state: () => null, on: { open() {}, opened() {} } });
  },
  "a wrong answer to an ask": () => {
    const Shop = protocol("shop", { count: ask(z.number()) });
    // @ts-expect-error: a text is no number
    return actor(Shop, { state: () => null, on: { count: () => "5" } });
  },
  "no answer to an ask": () => {
    const Shop = protocol("shop", { count: ask(z.number()) });
    // @ts-expect-error: nothing is no number
    return actor(Shop, { state: () => null, on: { count() {} } });
  },
  "a promise of a wrong answer to an ask": () => {
    const Shop = protocol("shop", { count: ask(z.number()) });
    // @ts-expect-error: a text is no number
    return actor(Shop, { state: () => null, on: { count: () => Promise.resolve("5") } });
  },
  "a wrong reply to a submit": () => {
    const Shop = protocol("shop", { settle: submit(z.object({ shop: z.string() })) });
    // @ts-expect-error: no shop
    return actor(Shop, { state: () => null, on: { settle: () => ({ cents: 5 }) } });
  },
  "a wrong reply to a survey": () => {
    // @ts-expect-error: a text is no number
    return actor(Carrier, { state: () => null, on: { quote: () => ({ cents: "5" }) } });
  },
  "a tell handler that returns a value": () => {
    const Shop = protocol("shop", { open: tell() });
    // @ts-expect-error: nobody would get it
    return actor(Shop, { state: () => null, on: { open: () => 5 } });
  },
  "a tell handler that promises a value": () => {
    const Shop = protocol("shop", { open: tell() });
    // @ts-expect-error: nobody would get it
    return actor(Shop, { state: () => null, on: { open: () => Promise.resolve(5) } });
  },
  "a handler that takes another payload": () => {
    const Shop = protocol("shop", { note: tell(z.string()) });
    // @ts-expect-error: a text is no number
    return actor(Shop, { state: () => null, on: { note: (_ctx, _count: number) => {} } });
  },
  "a handler that reads what is not there": () => {
    const Shop = protocol("shop", { note: tell(z.object({ text: z.string() })) });
    // @ts-expect-error: a note has no title
    return actor(Shop, { state: () => null, on: { note: (_ctx, note) => console.log(note.title) } });
  },
  "an option of an actor that does not exist": () => {
    const Shop = protocol("shop", { open: tell() });
    // @ts-expect-error: it is idleMs
    return actor(Shop, { state: () => null, on: { open() {} }, idle: 5 });
  },
  "a way to overflow that does not exist": () => {
    const Shop = protocol("shop", { open: tell() });
    // @ts-expect-error: it is drop-oldest
    return actor(Shop, { state: () => null, on: { open() {} }, mailbox: { overflow: "oldest" } });
  },
  "operations in the place of a protocol": () => {
    // @ts-expect-error: only protocol() gives them a name
    return actor({ open: tell() }, { state: () => null, on: { open() {} } });
  },
  "a protocol of handlers": () => {
    // @ts-expect-error: a function is no operation
    return protocol("shop", { open() {} });
  },
  "a protocol annotated with other operations": () => {
    // @ts-expect-error: open is no ask
    const Shop: Protocol<"shop", { open: Ask<void, number> }> = protocol("shop", { open: tell() });
    return Shop;
  },
  "a protocol annotated with another payload": () => {
    // @ts-expect-error: a text is no number
    const Shop: Protocol<"shop", { note: Tell<number> }> = protocol("shop", { note: tell(z.string()) });
    return Shop;
  },
  "a protocol annotated with another name": () => {
    // @ts-expect-error: "store" is not "shop"
    const Shop: Protocol<"shop", { open: Tell<void> }> = protocol("store", { open: tell() });
    return Shop;
  },
};

const state: Cases = {
  "assign to a property of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    ctx.state.name = "ada";
  },
  "push to a list of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    ctx.state.items.push("tea");
  },
  "assign to an item of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    ctx.state.items[0] = "tea";
  },
  "assign to a nested property of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    ctx.state.address.city = "Bonn";
  },
  "set an entry of a map of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    ctx.state.prices.set("tea", 450);
  },
  "delete a property of the state": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: read-only
    delete ctx.state.name;
  },
  "count up in the state": (ctx: Context<"order", { n: number }>) => {
    // @ts-expect-error: read-only
    ctx.state.n++;
  },
  "hand the state to what would change it": (ctx: Context<"order", Cart>) => {
    const sort = (items: string[]) => items.sort();
    // @ts-expect-error: a read-only list is no list
    sort(ctx.state.items);
  },
  "assign a state of another type": (ctx: Context<"order", Cart>) => {
    // @ts-expect-error: no items, address and prices
    ctx.state = { name: "ada" };
  },
  "assign a state with another property": (ctx: Context<"order", { n: number }>) => {
    // @ts-expect-error: m is not n
    ctx.state = { m: 1 };
  },
  "assign nothing": (ctx: Context<"order", { n: number }>) => {
    // @ts-expect-error: erase() is for that
    ctx.state = undefined;
  },
  "change the state in a handler": () =>
    actor(Carrier, {
      state: () => ({ n: 0 }),
      on: {
        quote(ctx) {
          // @ts-expect-error: read-only
          ctx.state.n++;
          return undefined;
        },
      },
    }),
};

const turns: Cases = {
  "ask within the turn of an actor that is stored": (ctx: Context<"order", null>) => {
    // @ts-expect-error: only a transient actor may wait for others
    return ctx.ref(Ledger, "main").ask(Ledger.balance, receipt);
  },
  "ask itself within the turn of an actor that is stored": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: only a transient actor may wait for others
    return ctx.self.ask(Ledger.balance, receipt);
  },
  "survey within the turn of an actor that is stored": (ctx: Context<"order", null>) => {
    // @ts-expect-error: only a transient actor may wait for others
    return ctx.survey(Carrier.quote, { grams: 5 });
  },
  "ask in the handler of an actor that is stored": () =>
    actor(Carrier, {
      state: () => null,
      on: {
        async quote(ctx) {
          // @ts-expect-error: only a transient actor may wait for others
          return { cents: await ctx.ref(Ledger, "main").ask(Ledger.balance, receipt) };
        },
      },
    }),
  "a helper for transient actors in one that is stored": () => {
    const quote = (_ctx: TransientContext<"carrier", null>) => undefined;
    // @ts-expect-error: its context cannot ask
    return actor(Carrier, { state: () => null, on: { quote } });
  },
  "a helper for another protocol's actors": () => {
    const quote = (_ctx: Context<"order", null>) => undefined;
    // @ts-expect-error: "carrier" is not "order"
    return actor(Carrier, { state: () => null, on: { quote } });
  },
  "a helper for another state": () => {
    const quote = (_ctx: Context<"carrier", { n: number }>) => undefined;
    // @ts-expect-error: null is no such state
    return actor(Carrier, { state: () => null, on: { quote } });
  },
  "tell an operation of another protocol in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: "other" is not "order"
    ctx.self.tell(Other.add, { sku: "tea", cents: 450 });
  },
  "tell a wrong payload in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: a number is no sku
    ctx.self.tell(Order.add, { sku: 5, cents: 450 });
  },
  "tell an ask in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: "ask" is not "tell"
    ctx.self.tell(Order.count);
  },
  "await the reply of a submit in a turn": (ctx: Context<"order", null>) => {
    // @ts-expect-error: it is the id; the reply comes later
    return ctx.self.submit(Order.settle, { cents: 1 }).reply();
  },
  "ask with options of a survey in a transient turn": (ctx: TransientContext<"order", null>) => {
    // @ts-expect-error: one actor answers an ask
    return ctx.self.ask(Order.count, { max: 3 });
  },
};

const words: Cases = {
  // @ts-expect-error: a schema, or unchecked
  "a type for a schema": () => protocol("x", { add: tell<{ cents: number }>() }),
  // @ts-expect-error: schemas, or unchecked
  "two types for the schemas of an ask": () => protocol("x", { add: ask<string, number>() }),
  // @ts-expect-error: schemas, or unchecked
  "a type for the schema of a submit": () => protocol("x", { add: submit<string>() }),
  // @ts-expect-error: a schema, or unchecked
  "a type for the schema of an event": () => protocol("x", { add: event<string>() }),
  // @ts-expect-error: schemas, or unchecked
  "types for the schemas of a survey": () => protocol("x", { add: survey<string, number>() }),
  // @ts-expect-error: tell()
  "a schema of nothing": () => protocol("x", { add: tell(z.void()) }),
  // @ts-expect-error: tell()
  "unchecked nothing": () => protocol("x", { add: tell(unchecked<void>()) }),
  // @ts-expect-error: ask(z.number())
  "an ask with a schema of nothing": () => protocol("x", { add: ask(unchecked<void>(), z.number()) }),
  // @ts-expect-error: submit(z.number())
  "a submit with a schema of nothing": () => protocol("x", { add: submit(z.void(), z.number()) }),
  // @ts-expect-error: event()
  "an event with a schema of nothing": () => protocol("x", { add: event(z.void()) }),
  // @ts-expect-error: survey(z.number())
  "a survey with a schema of nothing": () => protocol("x", { add: survey(z.void(), z.number()) }),
  // @ts-expect-error: nothing or undefined is nothing
  "a schema of nothing or undefined": () => protocol("x", { add: tell(unchecked<void | undefined>()) }),
  "an empty list without a type": () =>
    actor(Carrier, {
      // @ts-expect-error: state: (): State => …
      state: () => ({ seen: [], n: 1 }),
      on: { quote: (ctx, { grams }) => ({ cents: ctx.state.n + grams }) },
    }),
  "a null without a type": () =>
    // @ts-expect-error: state: (): State => …
    actor(Carrier, { state: () => ({ last: null }), on: { quote: () => undefined } }),
  "undefined without a type": () =>
    // @ts-expect-error: state: (): State => …
    actor(Carrier, { state: () => ({ last: undefined }), on: { quote: () => undefined } }),
  "a list as the state, without a type": () =>
    // @ts-expect-error: state: (): State => …
    actor(Carrier, { state: () => [], on: { quote: () => undefined } }),
  "a misspelt option of a system": () =>
    // @ts-expect-error: drainMs
    new System({ actors: [], drainMS: 5 }),
  "an operation in the place of an actor": () =>
    // @ts-expect-error: an actor
    new System({ actors: [Order.add] }),
  "a misspelt option of an ingress": (system: System) =>
    // @ts-expect-error: metrics
    ingress(system, { expose: [], metric: true }),
  "an ingress that exposes a name": (system: System) =>
    // @ts-expect-error: expose lists operations
    ingress(system, { expose: ["order"] }),
  "an ingress that exposes an actor": (system: System) =>
    // @ts-expect-error: expose lists operations
    ingress(system, { expose: [actor(Carrier, { state: () => null, on: { quote: () => undefined } })] }),
  "accept of a tell": (system: System) =>
    // @ts-expect-error: only events
    ingress(system, { expose: [], accept: [Order.add] }),
  "a schedule with options behind its payload": (ctx: Context<"order", null>) => {
    // @ts-expect-error: an address has a payload and nothing else
    ctx.schedule("clear", { afterMs: 5 }, ctx.self.at(Order.clear), { id: "1" });
  },
  "a schedule with options behind the payload that it has": (ctx: Context<"ledger", null>) => {
    // @ts-expect-error: an address has a payload and nothing else
    ctx.schedule("note", { afterMs: 5 }, ctx.self.at(Ledger.note), "x", { id: "1" });
  },
  "publish a payload in front of options where there is none": (system: System) => {
    // @ts-expect-error: closed takes nothing
    return system.publish(Order.closed, undefined, { id: "1" });
  },
  "publish in a turn with a payload where there is none": (ctx: Context<"order", null>) => {
    // @ts-expect-error: closed takes nothing
    ctx.publish(Order.closed, undefined, { id: "1" });
  },
  "tell in a turn with a payload where there is none": (ctx: Context<"order", null>) => {
    // @ts-expect-error: clear takes nothing
    ctx.self.tell(Order.clear, undefined, { id: "1" });
  },
  "a transient helper in a stored turn": (ctx: Context<"order", null>) => {
    const helper = (_ctx: TransientContext<"order", null>) => {};
    // @ts-expect-error: it would ask
    helper(ctx);
  },
};

const limits: Cases = {
  "headers that are no texts": (ada: Order) => {
    // @ts-expect-error: headers are texts
    return ada.tell(Order.add, { sku: "tea", cents: 450 }, { headers: { n: 1 } });
  },
  "assign a header": (ctx: Context<"order", null>) => {
    // @ts-expect-error: those of a send are its option
    ctx.headers.tenant = "acme";
  },
  "assign a header of an event": (system: System) =>
    system.subscribe(Order.closed, (_payload, published) => {
      // @ts-expect-error: they are those of the message
      published.headers.tenant = "acme";
    }),
  // @ts-expect-error: turnMs
  "an option of an actor misspelt": () => actor(Carrier, { state: () => null, on: { quote }, turnMS: 5 }),
  // @ts-expect-error: a number
  "a time as a text": () => actor(Carrier, { state: () => null, on: { quote }, turnMs: "5s" }),
  "concurrency as an object": () =>
    // @ts-expect-error: a number
    actor(Carrier, { state: () => null, on: { quote }, concurrency: { max: 5 } }),
  "a time limit of a subscription in a turn": (ctx: Context<"ledger", null>) =>
    // @ts-expect-error: an actor has its own
    ctx.subscribe(Order.settled, ctx.self.at(Ledger.record), { turnMs: 5 }),
};

function quote(): undefined {}

Deno.test("misuse does not compile: see the cases of this file", () => {
  const groups = [sending, addresses, many, handlers, state, turns, words, limits];
  const cases = groups.flatMap((group) => Object.values(group));
  assert.ok(cases.every((misuse) => typeof misuse === "function"));
});
