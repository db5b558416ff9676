// What must not compile of delays and schedules: `deno check`, and every `deno test`, fails where a line below
// `@ts-expect-error` compiles after all.

import assert from "node:assert/strict";
import {
  ask,
  type Context,
  event,
  type InputOf,
  protocol,
  type Ref,
  submit,
  survey,
  type System,
  tell,
  type TransientContext,
  type When,
} from "@posthorn/posthorn";
import * as z from "zod";

const Order = protocol("order", {
  add: tell(z.string()),
  count: ask(z.string(), z.number()),
  settle: submit(z.number(), z.string()),
  settled: event(z.string()),
});
const Carrier = protocol("carrier", { quote: survey(z.string(), z.number()) });

type Cases = Readonly<Record<string, (...args: never[]) => unknown>>;

const delays: Cases = {
  "a delay on an ask": (ada: Ref<"order">) => {
    // @ts-expect-error: an ask is now
    return ada.ask(Order.count, "x", { afterMs: 5 });
  },
  "a delay on an ask in a turn": (ctx: TransientContext<"order", null>) => {
    // @ts-expect-error: an ask is now
    return ctx.self.ask(Order.count, "x", { at: new Date() });
  },
  "a delay on an event": (system: System) => {
    // @ts-expect-error: subscribers get it now
    return system.publish(Order.settled, "x", { afterMs: 5 });
  },
  "a delay on a survey": (system: System) => {
    // @ts-expect-error: respondents are asked now
    return system.survey(Carrier.quote, "x", { afterMs: 5 });
  },
  "a misspelt delay": (ada: Ref<"order">) => {
    // @ts-expect-error: afterMs
    return ada.tell(Order.add, "x", { delayMs: 5 });
  },
  "a delay and a time": (ada: Ref<"order">) => {
    // @ts-expect-error: one of the two
    return ada.submit(Order.settle, 5, { afterMs: 5, at: new Date() });
  },
  "a number as a date": (ctx: Context<"order", null>) => {
    // @ts-expect-error: at is a Date
    ctx.self.tell(Order.add, "x", { at: 5 });
  },
};

const schedules: Cases = {
  "cron with ifAbsent": (ctx: Context<"order", null>) => {
    // @ts-expect-error: it goes on by itself
    ctx.schedule("x", { cron: "0 2 * * *", ifAbsent: true }, ctx.self.at(Order.add), "x");
  },
  "an interval with ifAbsent": (system: System, ada: Ref<"order">) => {
    // @ts-expect-error: it goes on by itself
    return system.schedule("x", { everyMs: 5, ifAbsent: true }, ada.at(Order.add), "x");
  },
  "a time zone without cron": (ctx: Context<"order", null>) => {
    // @ts-expect-error: every so often has no zone
    ctx.schedule("x", { everyMs: 5, timeZone: "Europe/Berlin" }, ctx.self.at(Order.add), "x");
  },
  "a time zone of a date": (ctx: Context<"order", null>) => {
    // @ts-expect-error: a date has its own
    ctx.schedule("x", { at: new Date(), timeZone: "Europe/Berlin" }, ctx.self.at(Order.add), "x");
  },
  "options behind the payload of a schedule": (ctx: Context<"order", null>) => {
    // @ts-expect-error: they stand in the time
    ctx.schedule("x", { afterMs: 5 }, ctx.self.at(Order.add), "x", { ifAbsent: true });
  },
  "a schedule from outside without its payload": (system: System, ada: Ref<"order">) => {
    // @ts-expect-error: what is to be added
    return system.schedule("x", { afterMs: 5 }, ada.at(Order.add));
  },
  "a schedule from outside for a ref": (system: System, ada: Ref<"order">) => {
    // @ts-expect-error: for an address
    return system.schedule("x", { afterMs: 5 }, ada);
  },
  "a loop over schedules that does not await": function* (system: System) {
    // @ts-expect-error: they are read a page at a time
    yield* system.schedules();
  },
};

/** What compiles. */
const right: Cases = {
  "delays": async (ada: Ref<"order">, ctx: Context<"order", null>) => {
    await ada.tell(Order.add, "x", { afterMs: 5, timeoutMs: 5, id: "a" });
    const reply: string = await (await ada.submit(Order.settle, 5, { at: new Date(), failTo: undefined }))
      .reply();
    ctx.self.tell(Order.add, reply, { at: new Date() });
    const id: string = ctx.self.submit(Order.settle, 5, { afterMs: 5 });
    return id;
  },
  "schedules": async (system: System, ada: Ref<"order">, ctx: Context<"order", null>, when: When) => {
    const payload: InputOf<typeof Order.add> = "x";
    ctx.schedule("x", when, ctx.self.at(Order.add), payload);
    ctx.schedule("x", { afterMs: 5, ifAbsent: true }, ctx.self.at(Order.add), payload);
    await system.schedule("x", { cron: "@daily" }, ada.at(Order.add), payload);
    for await (const { actor, when, dueMs } of system.schedules(ada)) {
      if ("cron" in when) await system.cancelSchedule(actor, `${when.cron} ${dueMs}`);
    }
    for await (const _ of system.schedules({ protocol: "order" }));
    return await system.cancelSchedule(ada, "x");
  },
};

Deno.test("misuse of time does not compile: see the cases of this file", () => {
  const cases = [delays, schedules, right].flatMap((group) => Object.values(group));
  assert.ok(cases.every((misuse) => typeof misuse === "function"));
});
