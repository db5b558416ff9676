// A trace over services, delays, retries, replies, publications, surveys and answers given later is whole or absent.

import assert from "node:assert/strict";
import { context } from "@opentelemetry/api";
import {
  actor,
  ask,
  event,
  type LaterOf,
  protocol,
  submit,
  survey,
  type System,
  tell,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import * as z from "zod";
import { Services } from "../../../runtime/remote/services.ts";
import { Recorder, register, w3c } from "./recorder.ts";

const Kitchen = protocol("kitchen", {
  cook: submit(z.string(), z.string()),
  stew: submit(z.string(), z.string()),
  done: tell(z.string()),
  clean: tell(z.string()),
  ready: ask(z.boolean()),
  quote: survey(z.string(), z.string()),
  cooked: event(z.string()),
});
const Table = protocol("table", {
  order: tell(z.string()),
  served: tell(z.string()),
  heard: tell(z.string()),
});
const Waiter = protocol("waiter", { look: tell(z.string()) });

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

/** Two services that do all that a message can cause. Their messages have headers of their own, or not. */
class Restaurant implements AsyncDisposable {
  readonly recorder = new Recorder();
  readonly services = new Services();
  /** Of each turn, the flags of the trace of its message. */
  readonly turns: string[] = [];
  readonly #stored: boolean;
  readonly #own: { readonly headers?: Readonly<Record<string, string>> };

  constructor(stored: boolean, own: boolean) {
    this.#stored = stored;
    this.#own = own ? { headers: { own: "1" } } : {};
  }

  async open(): Promise<System> {
    const own = this.#own;
    const turn = (what: string, { headers }: { headers: Readonly<Record<string, string>> }) => {
      const { traceparent = "" } = headers;
      this.turns.push(`${what} ${traceparent.startsWith(traceId, 3) ? traceparent.slice(53) : "lost"}`);
    };
    const kitchen = actor(Kitchen, {
      state: (): { answer?: LaterOf<typeof Kitchen.stew> } => ({}),
      on: {
        cook(ctx, dish) {
          turn("cook", ctx);
          ctx.publish(Kitchen.cooked, dish, own);
          ctx.ref(Kitchen, "sink").tell(Kitchen.clean, dish, { ...own, afterMs: 500 });
          return dish;
        },
        stew(ctx, dish) {
          turn("stew", ctx);
          const answer = ctx.later();
          ctx.state = { answer };
          ctx.ref(Kitchen, ctx.key).tell(Kitchen.done, dish, { ...own, afterMs: 300 });
          return answer;
        },
        done(ctx, dish) {
          turn("done", ctx);
          ctx.reply(ctx.state.answer!, dish);
        },
        clean(ctx) {
          turn("clean", ctx);
          if (ctx.attempt === 1) throw new Error("again");
        },
        ready: (ctx) => (turn("ready", ctx), true),
        quote: (ctx, dish) => (turn("quote", ctx), dish),
      },
      retry: { attempts: 2, baseMs: 10, maxMs: 10 },
    });
    const table = actor(Table, {
      state: () => 0,
      on: {
        order(ctx, dish) {
          turn("order", ctx);
          const replyTo = ctx.self.at(Table.served);
          ctx.ref(Kitchen, "main").submit(Kitchen.cook, dish, { ...own, replyTo });
          ctx.ref(Kitchen, "pot").submit(Kitchen.stew, dish, { ...own, replyTo });
        },
        served: (ctx) => turn("served", ctx),
        heard: (ctx) => turn("heard", ctx),
      },
    });
    const waiter = actor(Waiter, {
      transient: true,
      state: () => 0,
      on: {
        async look(ctx, dish) {
          turn("look", ctx);
          await ctx.ref(Kitchen, "main").ask(Kitchen.ready, own);
          for await (const _ of ctx.survey(Kitchen.quote, dish, { ...own, max: 1 })) turn("quoted", ctx);
        },
      },
    });
    const options = () => ({
      intercept: [openTelemetry({ tracerProvider: this.recorder, metrics: false })],
      ...this.#stored && { store: memoryStore() },
    });
    const kitchens = await this.services.start("kitchens", [kitchen], { ...options(), expose: [Kitchen] });
    const tables = await this.services.start("tables", [table, waiter], { ...options(), remote: [Kitchen] });
    kitchens.subscribe(Kitchen.quote, kitchens.ref(Kitchen, "main").at(Kitchen.quote));
    tables.subscribe(Kitchen.cooked, tables.ref(Table, "ear").at(Table.heard));
    await this.services.pass(1_000);
    return tables;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.services[Symbol.asyncDispose]();
  }
}

for (const stored of [false, true]) {
  const where = stored ? "with stores" : "in memory";
  Deno.test(`all that a message causes is in its trace, or nothing of it if that is not sampled, ${where}`, async () => {
    for (const flags of ["00", "01", "02", "03"]) {
      for (const [own, manages] of [[false, true], [true, true], [true, false]]) {
        register(w3c);
        if (!manages) context.disable();
        await using it = new Restaurant(stored, own);
        const tables = await it.open();
        const { recorder, turns } = it;
        const headers = { traceparent: `00-${traceId}-${spanId}-${flags}` };
        void tables.ref(Table, "1").tell(Table.order, "soup", { headers });
        void tables.ref(Waiter, "1").tell(Waiter.look, "soup", { headers });
        for (let second = 0; second < 5; second++) await it.services.pass(1_000);
        const what = `${flags} ${own} ${manages}: ${recorder.tree.join(", ")}`;
        const sampled = flags === "01" || flags === "03";
        assert.equal(turns.length, 13, turns.join(", ")); // each of the twelve, and the waiter once more
        assert(turns.every((turn) => turn.endsWith(` ${sampled ? "01" : flags}`)), turns.join(", "));
        const ids = new Set([spanId, ...recorder.spans.map((span) => span.spanId)]);
        assert.equal(recorder.spans.length, sampled ? 9 + 12 : 0, what);
        assert(recorder.spans.every((span) => span.traceId === traceId && ids.has(span.parentId!)), what);
        assert(recorder.spans.every(({ ended }) => ended), what);
      }
    }
  });
}
