/** A worker with low limits: one event stream at a time, and a loop of asks that runs until it is stopped. */

import { actor, ask, event, protocol, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { Hono } from "hono";
import * as z from "zod";
import { endWith } from "../../examples/edge/end_with.ts";

const Counter = protocol("counter", {
  increment: ask(z.boolean()),
  count: ask(z.number()),
  stop: tell(),
  stopped: event(),
});

const counter = actor(Counter, {
  state: () => ({ count: 0, stopped: false }),
  on: {
    increment: (ctx) => {
      ctx.state = { ...ctx.state, count: ctx.state.count + 1 };
      return !ctx.state.stopped;
    },
    count: (ctx) => ctx.state.count,
    stop: (ctx) => {
      ctx.state = { ...ctx.state, stopped: true };
    },
  },
});

export class PostOffice {
  readonly #system = new System({ actors: [counter] });
  readonly #app = new Hono().route(
    "/:tenant",
    ingress(this.#system, {
      expose: [Counter.count, Counter.stop, Counter.stopped],
      streamsMax: 1,
      keepAliveMs: 100,
    }),
  );

  constructor() {
    // Sequential asks without a pause. Responds with their number.
    this.#app.get("/:tenant/load", async (context) => {
      const most = Number(context.req.query("most"));
      const ref = this.#system.ref(Counter, "main");
      let asks = 0;
      do asks++; while (await ref.ask(Counter.increment) && asks < most);
      return context.json(asks);
    });
  }

  async fetch(request: Request): Promise<Response> {
    return endWith(request, await this.#app.fetch(request));
  }
}

export { default } from "../../examples/edge/worker.ts";
