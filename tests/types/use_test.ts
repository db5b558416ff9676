// Code that must compile, and types that the compiler must infer. Only the count at the end runs.

import assert from "node:assert/strict";
import {
  actor,
  type Address,
  type Ask,
  ask,
  type AskOptions,
  type Context,
  type Event,
  event,
  Failure,
  type Frozen,
  type Protocol,
  protocol,
  type Ref,
  type Schema,
  type SendOptions,
  type Submit,
  submit,
  type Survey,
  survey,
  type System,
  type Tell,
  tell,
  type Ticket,
  type TransientContext,
  type TurnRef,
  unchecked,
} from "@posthorn/posthorn";
import type { Arguments, Handlers } from "@posthorn/posthorn/protocol";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";

/** Compiles only if both types are equal. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

function same<A, B>(..._yes: Same<A, B> extends true ? [] : ["not the same", A, B]): void {}

type Cases = Readonly<Record<string, (...parts: never[]) => unknown>>;

interface Cart {
  items: string[];
  owner: { name: string };
  at: Date;
  prices: Map<string, number[]>;
}

const Sku = z.string().brand("sku");
type Sku = z.infer<typeof Sku>;

const Shop = protocol("shop", {
  open: tell(),
  add: tell(z.array(z.string())),
  items: ask(z.array(z.string())),
  cart: ask(unchecked<Cart>()),
  greet: ask(z.string().optional(), z.string()),
  pay: tell(z.object({ cents: z.number() }).default({ cents: 0 })),
  book: tell(Sku),
  settle: submit(z.object({ cents: z.number() }), z.object({ shop: z.string() })),
  close: submit(z.boolean()),
  closed: event(),
  settled: event(z.object({ shop: z.string() })),
});
const Ledger = protocol("ledger", {
  record: tell(z.object({ shop: z.string() })),
  refused: tell(Failure),
  tick: tell(),
});
const Poll = protocol("poll", { vote: survey(z.string(), z.number()), count: survey(z.number()) });
type Books = Ref<"ledger">;

const generic: Cases = {
  "a function that makes a protocol of a schema": <T>(schema: Schema<T>) => {
    const Things = protocol("things", {
      put: tell(schema),
      swap: ask(schema, schema),
      file: submit(schema, schema),
      put2: event(schema),
      guess: survey(schema, schema),
    });
    return (things: Ref<"things">, put: Tell<string, string, "things">) => {
      void things.ask(Things.swap, ...([] as unknown as Arguments<T, AskOptions>));
      return things.tell(put, "x");
    };
  },
  "a function that makes a protocol of a schema of objects": <T extends object>(schema: Schema<T>) =>
    protocol("things", { put: tell(schema), get: ask(schema, schema) }),
  "functions that make a protocol of a schema of some kind": () => {
    const texts = <T extends string>(schema: Schema<T>) => protocol("things", { put: tell(schema) });
    const lists = <T extends unknown[]>(schema: Schema<T>) => protocol("things", { put: tell(schema) });
    const optional = <T>(schema: Schema<T | undefined>) => protocol("things", { put: tell(schema) });
    const wrapped = <T>(schema: Schema<{ value: T }>) => protocol("things", { put: tell(schema) });
    const parsed = <T extends z.ZodObject>(schema: T) => protocol("things", { put: tell(schema) });
    return [texts, lists, optional, wrapped, parsed];
  },
  "a function that makes an actor of a state": <State extends { n: number }>(state: () => State) =>
    actor(Poll, { state, on: { vote: (ctx) => ctx.state.n, count: (ctx) => ctx.state.n } }),
  "functions that make an actor of a state of some kind": () => {
    const on = { vote: () => 1, count: () => 1 };
    const objects = <State extends object>(state: () => State) => actor(Poll, { state, on });
    const lists = <State extends unknown[]>(state: () => State) => actor(Poll, { state, on });
    const texts = <Item>(items: Item[]) => actor(Poll, { state: () => ({ items }), on });
    const bare = <Item>(items: Item[]) => actor(Poll, { state: () => items, on });
    const pair = <A, B extends A[]>(a: A, b: B) =>
      actor(Poll, { state: () => ({ a, b, list: [a], none: 5 }), on });
    const maybe = <State>(state: State | null) => actor(Poll, { state: () => ({ state }), on });
    return [objects, lists, texts, bare, pair, maybe];
  },
  "a function that makes an actor of any state": <State>(state: () => State) =>
    actor(Poll, { state, on: { vote: () => 1, count: () => 1 } }),
  "a function that uses the context of actors of both kinds": (
    stored: Context<"shop", Cart>,
    transient: TransientContext<"shop", Cart>,
  ) => {
    const open = (ctx: Context<"shop", Cart>) => ctx.self.tell(Shop.open, { timeoutMs: 5 });
    open(stored);
    open(transient);
    const ref: TurnRef<"shop"> = transient.self;
    ref.tell(Shop.open);
    return transient.self.ask(Shop.items, { timeoutMs: 5 });
  },
};

const states: Cases = {
  "states whose lists have a type": () => {
    const on = { vote: () => 1, count: () => 1 };
    actor(Poll, { state: () => null, on });
    actor(Poll, { state: () => ({}), on });
    actor(Poll, { state: () => 0, on });
    actor(Poll, { state: (): { seen: string[]; last: string | null } => ({ seen: [], last: null }), on });
    actor(Poll, { state: (): string[] => [], on });
    actor(Poll, { state: (): [] => [], on });
    actor(Poll, { state: (): { none: [] } => ({ none: [] }), on });
    actor(Poll, { state: () => ({ seen: ["a"], map: new Map<string, never[]>() }), on });
    actor(Poll, { state: (): unknown => ({ seen: [] }), on });
    return actor(Poll, { state: () => ({ deep: { seen: [] as string[] } }), on });
  },
};

const frozen: Cases = {
  "a piece of the frozen state as a reply": () =>
    actor(Poll, {
      state: () => ({ votes: [1, 2] }),
      on: { vote: (ctx) => ctx.state.votes[0], count: (ctx) => ctx.state.votes.length },
    }),
  "a frozen list as a reply, and a promise of one": () => {
    const Lists = protocol("lists", {
      now: ask(z.array(z.string())),
      later: submit(z.array(z.string())),
      survey: survey(z.array(z.string())),
    });
    return actor(Lists, {
      state: (): { items: string[] } => ({ items: [] }),
      on: {
        now: (ctx) => ctx.state.items,
        later: async (ctx) => await Promise.resolve(ctx.state.items),
        survey: (ctx) => ctx.state.items.length === 0 ? undefined : ctx.state.items,
      },
    });
  },
  "frozen payloads": (shop: Ref<"shop">, ctx: Context<"shop", Cart>, system: System) => {
    ctx.self.tell(Shop.add, ctx.state.items);
    ctx.schedule("add", { everyMs: 5 }, ctx.self.at(Shop.add), ctx.state.items);
    const parcel: Frozen<{ shop: string }> = { shop: "tea" };
    void system.publish(Shop.settled, parcel);
    const Lists = protocol("lists", { note: tell(z.array(z.string()).optional()) });
    ctx.ref(Lists, "main").tell(Lists.note, ctx.state.items);
    return shop.tell(Shop.add, ctx.state.items);
  },
  "a state from pieces of the old one": (ctx: Context<"shop", Cart>) => {
    ctx.state = { ...ctx.state, items: [...ctx.state.items, "tea"] };
    ctx.state = { items: ["tea"], owner: ctx.state.owner, at: new Date(0), prices: new Map() };
  },
  "what frozen makes of each type": () => {
    same<Frozen<string[]>, readonly string[]>();
    same<Frozen<Sku>, Sku>(); // and not an object with 52 methods
    same<Frozen<Date>, Date>();
    same<Frozen<unknown>, unknown>();
    same<Frozen<Map<string, number[]>>, ReadonlyMap<string, readonly number[]>>();
    same<Frozen<Set<{ n: number }>>, ReadonlySet<{ readonly n: number }>>();
    same<Frozen<{ a: { b: 1 | 2 } } | null>, { readonly a: { readonly b: 1 | 2 } } | null>();
    same<Frozen<[string, { n: number }]>, readonly [string, { readonly n: number }]>();
    same<Frozen<readonly number[][]>, readonly (readonly number[])[]>();
    same<Frozen<{ a?: string }>, { readonly a?: string }>();
  },
  "a type that holds itself": () => {
    interface Tree {
      name: string;
      children: Tree[];
    }
    const Forest = protocol("forest", { tree: ask(unchecked<Tree>()) });
    return actor(Forest, {
      state: (): Tree => ({ name: "root", children: [] }),
      on: { tree: (ctx) => ctx.state.children[0]?.children[0] ?? ctx.state },
    });
  },
};

const payloads: Cases = {
  "no payload": (shop: Ref<"shop">, ctx: Context<"shop", null>, system: System) => {
    void shop.tell(Shop.open);
    void shop.tell(Shop.open, { id: "1" });
    void shop.ask(Shop.items, { timeoutMs: 5, signal: AbortSignal.timeout(5) });
    void system.publish(Shop.closed, { id: "1" });
    ctx.self.tell(Shop.open, { headers: { a: "b" } });
    ctx.self.submit(Shop.close, { id: "1" });
    ctx.publish(Shop.closed, { timeoutMs: 5 });
    void shop.submit(Shop.close, { timeoutMs: 5 });
    void system.publish(Shop.closed);
    void system.survey(Poll.count, { max: 3 });
    ctx.self.tell(Shop.open);
    ctx.publish(Shop.closed);
    ctx.schedule("open", { afterMs: 5 }, ctx.self.at(Shop.open));
    return shop.ask(Shop.items);
  },
  "a payload that may be left out": (shop: Ref<"shop">) => {
    void shop.ask(Shop.greet);
    void shop.ask(Shop.greet, "ada");
    void shop.ask(Shop.greet, undefined, { timeoutMs: 5 });
    void shop.tell(Shop.pay);
    return shop.tell(Shop.pay, { cents: 5 });
  },
  "what handlers get of a payload that may be left out": (on: Handlers<"shop", OpsOf<typeof Shop>, null>) => {
    same<Parameters<typeof on.greet>[1], string | undefined>();
    same<Parameters<typeof on.pay>[1], { cents: number }>();
    same<typeof on.open, (ctx: Context<"shop", null>, payload: void) => void | Promise<void>>();
  },
  "branded texts": (shop: Ref<"shop">, ctx: Context<"shop", { sku: Sku }>) => {
    ctx.self.tell(Shop.book, "tea"); // callers send the input
    ctx.self.tell(Shop.book, ctx.state.sku);
    ctx.state = { sku: ctx.state.sku };
    return shop.tell(Shop.book, "tea");
  },
  "addresses of what takes more than it is sent": (shop: Ref<"shop">, system: System, books: Books) => {
    const wide: Address<{ shop: string; cents: number }> = books.at(Ledger.record);
    void shop.submit(Shop.settle, { cents: 1 }, {
      replyTo: books.at(Ledger.record),
      failTo: books.at(Ledger.refused),
    });
    system.subscribe(Shop.settled, books.at(Ledger.tick) as Address<unknown>);
    system.subscribe(Shop.closed, books.at(Ledger.tick));
    return system.subscribe(Shop.settled, wide as Address<{ shop: string }>);
  },
};

const Choice = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("a") }),
  z.object({ kind: z.literal("b"), n: z.number() }),
]);
type Choice = z.infer<typeof Choice>;
const Choices = protocol("choices", {
  put: tell(Choice),
  maybe: tell(Choice.optional()),
  swap: ask(Choice, Choice),
  book: submit(Choice, Choice),
  chosen: event(Choice, { subject: (choice) => choice.kind }),
  offer: survey(Choice, Choice),
});

const unions: Cases = {
  "a literal of a union of objects, in every mode": async (system: System, chosen: Readonly<Choice>) => {
    const ref = system.ref(Choices, "x");
    await ref.tell(Choices.put, { kind: "b", n: 1 });
    await ref.tell(Choices.put, chosen);
    await ref.tell(Choices.maybe);
    await ref.tell(Choices.maybe, { kind: "a" }, { id: "1" });
    const swapped = await ref.ask(Choices.swap, { kind: "b", n: 1 });
    if (swapped.kind === "b") swapped.n.toFixed();
    const ticket = await ref.submit(Choices.book, { kind: "a" }, { replyTo: ref.at(Choices.put) });
    const booked = await ticket.reply();
    if (booked.kind === "b") booked.n.toFixed();
    await system.publish(Choices.chosen, { kind: "b", n: 1 });
    for await (const offer of system.survey(Choices.offer, { kind: "b", n: 1 }, { max: 1 })) {
      if (offer.kind === "b") offer.n.toFixed();
    }
    system.subscribe(Choices.chosen, ref.at(Choices.put));
    system.subscribe(Choices.chosen, (choice) => choice.kind === "b" ? choice.n : 0);
    return system.subscribe(Choices.offer, ref.at(Choices.book));
  },
  "a literal of a union of objects, in a turn": () =>
    actor(Choices, {
      state: (): { last: Choice } => ({ last: { kind: "a" } }),
      on: {
        put(ctx, choice) {
          ctx.self.tell(Choices.put, { kind: "b", n: 1 });
          ctx.self.submit(Choices.book, { kind: "b", n: 1 }, { replyTo: ctx.self.at(Choices.put) });
          ctx.schedule("put", { afterMs: 5 }, ctx.self.at(Choices.put), { kind: "b", n: 1 });
          ctx.schedule("maybe", { afterMs: 5 }, ctx.self.at(Choices.maybe));
          ctx.publish(Choices.chosen, ctx.state.last);
          ctx.state = { last: choice };
        },
        maybe() {},
        swap: (ctx) => ctx.state.last,
        book: () => ({ kind: "b", n: 1 }),
        offer: (_ctx, choice) => choice.kind === "a" ? undefined : choice,
      },
    }),
  "subscriptions that are awaited, listed and ended": async (system: System, ref: Ref<"choices">) => {
    using subscription = system.subscribe(Choices.chosen, ref.at(Choices.put));
    await subscription.ready;
    using listening = system.subscribe(Choices.chosen, () => {});
    await listening.ready;
    for await (const { to, subject } of system.subscriptions(Choices.chosen)) {
      same<typeof to, Address>();
      same<typeof subject, string | undefined>();
      await system.unsubscribe(Choices.chosen, to);
    }
    const ended: boolean = await system.unsubscribe(Choices.offer, ref.at(Choices.offer));
    return ended;
  },
  "a function that speaks any tell of a protocol": <I, O>(
    ref: Ref<"choices">,
    operation: Tell<I, O, "choices">,
    ...args: Arguments<I, SendOptions>
  ) => ref.tell(operation, ...args),
  "JSON as payload, reply and state": () => {
    type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
    const Documents = protocol("documents", {
      put: tell(unchecked<Json>()),
      check: tell(z.json()),
      get: ask(unchecked<Json>()),
    });
    const put = async (ref: Ref<"documents">, json: Json) => {
      await ref.tell(Documents.put, json);
      await ref.tell(Documents.check, { a: [1, { b: null }] });
      return await ref.ask(Documents.get);
    };
    const documents = actor(Documents, {
      state: (): { value: Json } => ({ value: null }),
      on: {
        put(ctx, value) {
          ctx.self.tell(Documents.put, ctx.state.value);
          ctx.state = { value };
        },
        check(ctx, value) {
          ctx.state = { value };
        },
        get: (ctx) => ctx.state.value,
      },
    });
    return [put, documents];
  },
};

type OpsOf<P> = P extends Protocol<string, infer Ops> ? Ops : never;

// Callers send a text, handlers get a number; handlers return a date, askers get a text.
const zodIn = z.string().transform((text) => text.length);
const zodOut = z.date().transform((date) => date.toISOString());
const valibotIn = v.pipe(v.string(), v.transform((text) => text.length));
const valibotOut = v.pipe(v.date(), v.transform((date) => date.toISOString()));
const arktypeIn = type("string").pipe((text) => text.length);
const arktypeOut = type("Date").pipe((date) => date.toISOString());

const transforms: Cases = {
  zod: async (key: string, system: System) => {
    const Times = protocol("times", {
      at: ask(zodIn, zodOut),
      later: submit(zodIn, zodOut),
      poll: survey(zodIn, zodOut),
      heard: event(zodIn),
    });
    same<typeof Times.at, Ask<string, Date, number, string, "times">>();
    same<Awaited<ReturnType<Ticket<string>["reply"]>>, string>();
    const ref = system.ref(Times, key);
    const text: string = await ref.ask(Times.at, "ada");
    const later: string = await (await ref.submit(Times.later, "ada")).reply();
    for await (const reply of system.survey(Times.poll, "ada")) same<typeof reply, string>();
    system.subscribe(Times.poll, (length: number) => length > 3 ? new Date(length) : undefined);
    system.subscribe(Times.heard, (length) => same<typeof length, number>());
    await system.publish(Times.heard, text + later);
    return actor(Times, {
      state: () => null,
      on: {
        at: (_ctx, length) => new Date(length),
        later: (_ctx, length) => Promise.resolve(new Date(length)),
        poll: (_ctx, length) => length > 3 ? new Date(length) : undefined,
      },
    });
  },
  valibot: async (key: string, system: System) => {
    const Times = protocol("times", { at: ask(valibotIn, valibotOut), heard: event(valibotIn) });
    same<typeof Times.at, Ask<string, Date, number, string, "times">>();
    same<typeof Times.heard, Event<string, number, "times">>();
    const text: string = await system.ref(Times, key).ask(Times.at, "ada");
    actor(Times, { state: () => null, on: { at: (_ctx, length) => new Date(length) } });
    return text;
  },
  arktype: async (key: string, system: System) => {
    const Times = protocol("times", { at: ask(arktypeIn, arktypeOut), heard: event(arktypeIn) });
    same<typeof Times.at, Ask<string, Date, number, string, "times">>();
    const text: string = await system.ref(Times, key).ask(Times.at, "ada");
    actor(Times, { state: () => null, on: { at: (_ctx, length) => new Date(length) } });
    return text;
  },
  "a reply address takes the reply's input": (system: System, ctx: Context<"ledger", null>) => {
    const Times = protocol("times", { later: submit(zodIn, zodOut) });
    const Dates = protocol("dates", { keep: tell(z.date()), forward: tell(zodIn) });
    const dates = system.ref(Dates, "main");
    ctx.ref(Dates, "main").tell(Dates.forward, "what came in goes on");
    return system.ref(Times, "main").submit(Times.later, "ada", { replyTo: dates.at(Dates.keep) });
  },
};

const declarations: Cases = {
  "a protocol with an explicit type": () => {
    const Counter: Protocol<"counter", {
      add: Tell<number>;
      reset: Tell<void>;
      read: Ask<void, number>;
      settle: Submit<number, string>;
      full: Event<{ n: number }>;
      guess: Survey<void, number>;
      parse: Ask<string, Date, number, string>;
    }> = protocol("counter", {
      add: tell(z.number()),
      reset: tell(),
      read: ask(z.number()),
      settle: submit(z.number(), z.string()),
      full: event(z.object({ n: z.number() }), { subject: (full) => String(full.n) }),
      guess: survey(z.number()),
      parse: ask(zodIn, zodOut),
    });
    const inferred = protocol("counter", { add: tell(z.number()) });
    same<typeof inferred.add, typeof Counter.add>();
    return actor(Counter, {
      state: () => 0,
      on: {
        add: (ctx, n) => {
          ctx.state += n;
        },
        reset: (ctx) => {
          ctx.state = 0;
        },
        read: (ctx) => ctx.state,
        settle: (ctx, n) => `${ctx.state}${n}`,
        guess: () => undefined,
        parse: (_ctx, length) => new Date(length),
      },
    });
  },
  "a helper that is typed with the context": () => {
    const append = (ctx: Context<"shop", Cart>, item: string) => {
      ctx.state = { ...ctx.state, items: [...ctx.state.items, item] };
    };
    const Note = protocol("shop", { note: tell(z.string()), add: tell(z.array(z.string())) });
    return actor(Note, {
      state: (): Cart => ({ items: [], owner: { name: "" }, at: new Date(0), prices: new Map() }),
      on: { note: append, add: (ctx, items) => items.forEach((item) => append(ctx, item)) },
    });
  },
  "handlers that are typed apart": () => {
    const on: Handlers<"poll", OpsOf<typeof Poll>, { n: number }> = {
      vote: (ctx) => ctx.state.n,
      count: (ctx, nothing) => {
        same<typeof nothing, void>();
        return ctx.state.n;
      },
    };
    return actor(Poll, { state: () => ({ n: 1 }), on });
  },
  "a handle by the name of its protocol": (system: System) => {
    const ada = system.ref(Shop, "ada");
    same<typeof ada, Ref<"shop">>();
    return ada;
  },
  "asks and surveys of a transient actor": () =>
    actor(Poll, {
      transient: true,
      state: () => ({ n: 0 }),
      on: {
        async vote(ctx) {
          same<typeof ctx, TransientContext<"poll", { n: number }>>();
          const items = await ctx.ref(Shop, "tea").ask(Shop.items, { timeoutMs: 5 });
          for await (const count of ctx.survey(Poll.count)) ctx.state = { n: ctx.state.n + count };
          return items.length + ctx.state.n;
        },
        count: (ctx) => ctx.ref(Shop, "tea").ask(Shop.items).then((items) => items.length),
      },
    }),
  "a helper for stored actors in one that is transient": () => {
    const count = (ctx: Context<"poll", null>) => ctx.key.length;
    return actor(Poll, { transient: true, state: () => null, on: { vote: count, count } });
  },
  "all that a turn can do": (ctx: Context<"ledger", null>) => {
    const id: string = ctx.ref(Shop, "tea").submit(Shop.settle, { cents: 1 }, {
      replyTo: ctx.self.at(Ledger.record),
      failTo: ctx.self.at(Ledger.refused),
    });
    ctx.subscribe(Shop.settled, ctx.self.at(Ledger.record), { subject: "de.*" });
    ctx.unsubscribe(Shop.settled, ctx.self.at(Ledger.record));
    ctx.schedule("tick", { at: new Date(ctx.now + 5) }, ctx.self.at(Ledger.tick));
    ctx.cancel("tick");
    return id;
  },
  "headers of a turn passed on, and limits of handlers": () =>
    actor(Ledger, {
      state: () => null,
      on: {
        record: (ctx) => {
          const tenant: string = ctx.headers.tenant ?? "none";
          ctx.self.tell(Ledger.tick, { headers: { ...ctx.headers, tenant } });
        },
        refused() {},
        tick() {},
      },
      turnMs: 30_000,
      concurrency: 10,
    }),
  "a handler that promises nothing": () =>
    actor(Ledger, {
      state: () => null,
      on: { record: async () => {}, refused: () => Promise.resolve(), tick: () => {} },
    }),
};

Deno.test("all modes, schemas and helpers compile: see the cases of this file", () => {
  const cases = [generic, states, frozen, payloads, unions, transforms, declarations].flatMap((group) =>
    Object.values(group)
  );
  assert.ok(cases.every((use) => typeof use === "function"));
});
