/**
 * The five modes on the edge. `deno bundle --platform browser examples/edge/worker.ts` makes a worker that
 * runs on workerd unchanged: neither this file nor its imports use anything of Deno or Node.
 */

import { actor, ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";
import { endWith } from "./end_with.ts";

const Line = z.object({ sku: z.string(), cents: z.number().int() });
const Receipt = z.object({ order: z.string(), cents: z.number() });
const Arrival = z.object({ order: z.string(), city: z.string() });
const Parcel = z.object({ grams: z.number().positive() });
const Quote = z.object({ carrier: z.string(), cents: z.number() });

const Order = protocol("order", {
  add: tell(Line), //                                         notification
  total: ask(z.number()), //                                  request / synchronous response
  settle: submit(Receipt), //                                 request / asynchronous response
  arrived: event(Arrival, { subject: ({ city }) => city }), // publish / subscribe
});
const Carrier = protocol("carrier", { quote: survey(Parcel, Quote) }); // publish / asynchronous response

const order = actor(Order, {
  state: () => ({ cents: 0 }),
  on: {
    add: (ctx, { cents }) => {
      ctx.state = { cents: ctx.state.cents + cents };
    },
    total: (ctx) => ctx.state.cents,
    async settle(ctx) {
      await new Promise((resolve) => setTimeout(resolve, 200)); // in place of a request to a bank
      return { order: ctx.key, cents: ctx.state.cents };
    },
  },
});

const centsPerKilogram: Readonly<Record<string, number>> = { pigeon: 200, coach: 50 };
const carrier = actor(Carrier, {
  state: () => null,
  on: {
    quote: (ctx, { grams }) => ({ carrier: ctx.key, cents: grams * centsPerKilogram[ctx.key] / 1_000 }),
  },
});

/**
 * The system lives in a Durable Object. In a plain worker, everything that a request starts ends with its
 * response, timers included, and another request must not use it, so two requests could not share a system.
 * All requests to a Durable Object share one context; and there is one object of each name worldwide, so no
 * actor exists twice.
 *
 * This system is in memory: the state of its actors is lost when the platform stops the object.
 */
export class PostOffice {
  readonly #app;

  constructor() {
    const system = new System({ actors: [order, carrier] });
    for (const name of Object.keys(centsPerKilogram)) {
      system.subscribe(Carrier.quote, system.ref(Carrier, name).at(Carrier.quote));
    }
    this.#app = ingress(system, { expose: [Order, Carrier], accept: [Order.arrived] });
  }

  async fetch(request: Request): Promise<Response> {
    return endWith(request, await this.#app.fetch(request));
  }
}

/** The bindings in the configuration of the worker. */
interface Bindings {
  readonly POST_OFFICE: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export default {
  /** Sends every request to one object. An application with tenants would have one for each tenant. */
  fetch(request: Request, { POST_OFFICE }: Bindings): Promise<Response> {
    return POST_OFFICE.getByName("main").fetch(request);
  },
};
