// What must not compile, of what answers later. `deno check` fails where a line below `@ts-expect-error` compiles after
// all.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  type Context,
  event,
  Failure,
  type Later,
  later,
  type LaterOf,
  protocol,
  type Ref,
  submit,
  tell,
} from "@posthorn/posthorn";
import * as z from "zod";

const Placed = z.object({ order: z.string(), parcel: z.string() });
type Placed = z.input<typeof Placed>;
const Order = protocol("order", {
  place: submit(z.object({ sku: z.string() }), Placed),
  price: submit(z.string(), z.object({ cents: z.number() })),
  add: tell(z.object({ sku: z.string(), cents: z.number() })),
  clear: tell(),
  count: ask(z.number()),
  failed: tell(Failure),
  placed: event(Placed),
});
const Ledger = protocol("ledger", {
  record: tell(Placed),
  note: tell(z.string()),
  price: tell(later(z.object({ cents: z.number() }))),
});

interface Open {
  answer?: Later<Placed>;
  price?: Later<{ cents: number }>;
}
type Ctx = Context<"order", Open>;
type Cases = Readonly<Record<string, (...parts: never[]) => unknown>>;
const rest = { add() {}, clear() {}, count: () => 1, failed() {} };
const state = (): Open => ({});
const price = () => ({ cents: 1 });

const laters: Cases = {
  "neither an answer nor later": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        // @ts-expect-error: a handler of a submit answers
        place() {},
      },
    }),
  "later asked for and not returned": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        // @ts-expect-error: what it returns is the word
        place: (ctx) => {
          ctx.state = { answer: ctx.later() };
        },
      },
    }),
  "one branch that does neither": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        // @ts-expect-error: without a sku it says nothing
        place: (ctx, { sku }) => {
          if (sku) return ctx.later();
        },
      },
    }),
  "the later of another reply returned": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        // @ts-expect-error: a price is not what was asked for
        place: (ctx) => ctx.state.price!,
      },
    }),
  "the later of another reply kept": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        place: (ctx) => ctx.later(),
        price: (ctx) => {
          const it = ctx.later();
          // @ts-expect-error: it is the answer that is kept there
          ctx.state = { answer: it };
          return it;
        },
      },
    }),
  "a later of an ask": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        place: (ctx) => ctx.later(),
        // @ts-expect-error: an ask is answered now
        count: (ctx) => ctx.later(),
      },
    }),
  "a later in a tell": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        place: (ctx) => ctx.later(),
        clear: (ctx) => {
          // @ts-expect-error: nobody waits for an answer
          ctx.later();
        },
      },
    }),
  "another answer": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: no parcel
    ctx.reply(answer, { order: "1" });
  },
  "an answer of another kind": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: a price is no parcel
    ctx.reply(answer, { cents: 1 });
  },
  "an answer without a value": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: what is the answer
    ctx.reply(answer);
  },
  "an answer to what may be absent": (ctx: Ctx) => {
    // @ts-expect-error: perhaps it was answered before
    ctx.reply(ctx.state.answer, { order: "1", parcel: "2" });
  },
  "an answer to an id": (ctx: Ctx) => {
    // @ts-expect-error: the id of a request is no right to answer it
    ctx.reply(ctx.id, { order: "1", parcel: "2" });
  },
  "an answer to an address": (ctx: Ctx, books: Ref<"ledger">) => {
    // @ts-expect-error: that is what tell is for
    ctx.reply(books.at(Ledger.record), { order: "1", parcel: "2" });
  },
  "a failure without a code": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: no code
    ctx.fail(answer, { message: "no" });
  },
  "a failure as a text": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: a reason has a code
    ctx.fail(answer, "no");
  },
  "a later sent to who answers something else": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: it would be given a price
    ctx.ref(Ledger, "main").tell(Ledger.price, answer);
  },
  "a later whose reply is something else as replyTo": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: the reply is a price
    ctx.ref(Order, "1").submit(Order.price, "tea", { replyTo: answer });
  },
  "a later made by hand, with a wrong field": () => {
    // @ts-expect-error: it has one field
    const answer: Later<Placed> = { id: "1" };
    return answer;
  },
  "a later as text": (ctx: Ctx, answer: Later<Placed>) => {
    // @ts-expect-error: it is no text, so that it does not slip out
    ctx.ref(Ledger, "main").tell(Ledger.note, answer);
  },
  "the later of an operation that has none": () => {
    const take = (_: LaterOf<typeof Order.count>) => {};
    // @ts-expect-error: it is never
    take({ "~later": "" });
  },
  "time for a later that is no number": () =>
    actor(Order, {
      state,
      on: {
        ...rest,
        price,
        // @ts-expect-error: timeoutMs
        place: (ctx) => ctx.later({ timeoutMs: "3 days" }),
      },
    }),
};

Deno.test("what answers later in a wrong way does not compile", () => {
  assert.equal(Object.keys(laters).length, 21);
});
