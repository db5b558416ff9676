/**
 * The five modes on the edge, durable. `deno bundle --platform browser examples/edge/worker.ts` makes a worker that
 * runs on workerd unchanged: neither this file nor its imports use anything of Deno or Node.
 */

import { actor, ask, event, protocol, submit, survey, System, tell } from "@posthorn/posthorn";
import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
import { ingress } from "@posthorn/posthorn/http";
import { Hono } from "hono";
import * as z from "zod";
import { endWith } from "./end_with.ts";

const Line = z.object({ sku: z.string(), cents: z.number().int() });
const Receipt = z.object({ order: z.string(), cents: z.number() });
const Arrival = z.object({ order: z.string(), city: z.string() });
const Parcel = z.object({ grams: z.number().positive() });
const Quote = z.object({ carrier: z.string(), cents: z.number() });

const Order = protocol("order", {
  add: tell(Line), //                                         notification
  hold: tell(z.object({ forMs: z.number().positive() })), //  schedules the next one
  release: tell(),
  total: ask(z.number()), //                                  request / synchronous response
  settle: submit(Receipt), //                                 request / asynchronous response
  arrived: event(Arrival, { subject: ({ city }) => city }), // publish / subscribe
});
const Carrier = protocol("carrier", {
  open: tell(), //                                            subscribes to the next one
  quote: survey(Parcel, Quote), //                            publish / asynchronous response
});

const order = actor(Order, {
  state: () => ({ cents: 0 }),
  on: {
    add: (ctx, { cents }) => {
      ctx.state = { cents: ctx.state.cents + cents };
    },
    // The alarm of the object rings then, also if nobody has spoken to it since.
    hold: (ctx, { forMs }) => ctx.schedule("release", { afterMs: forMs }, ctx.self.at(Order.release)),
    release: (ctx) => {
      ctx.state = { cents: 0 };
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
    // Once and for all: a subscription is durable. Done at each start, it would cost rows at each start.
    open: (ctx) => ctx.subscribe(Carrier.quote, ctx.self.at(Carrier.quote)),
    quote: (ctx, { grams }) => ({ carrier: ctx.key, cents: grams * centsPerKilogram[ctx.key] / 1_000 }),
  },
});

/** What the platform gives to an object. */
interface ObjectContext {
  readonly storage: ObjectStorage;
}

/**
 * The post office of one tenant, in a Durable Object: there is one object of each name worldwide, so no actor exists
 * twice, and all that one turn does to the actors of a tenant is one transaction. The platform starts the object when
 * somebody speaks to it or its alarm rings, and stops it when it has nothing to do. A plain worker could not host a
 * system: everything that a request starts there ends with its response.
 */
export class PostOffice {
  readonly #system;
  readonly #app;

  constructor({ storage }: ObjectContext) {
    this.#system = new System({ actors: [order, carrier], store: durableObject(storage) });
    this.#app = new Hono().route(
      "/:tenant",
      ingress(this.#system, { expose: [Order, Carrier], accept: [Order.arrived] }),
    );
  }

  async fetch(request: Request): Promise<Response> {
    return endWith(request, await this.#app.fetch(request));
  }

  /** What is due is sent, and what was left behind is handled. */
  async alarm(): Promise<void> {
    await this.#system.sweep();
  }
}

/** The bindings in `wrangler.jsonc`. */
interface Bindings {
  readonly POST_OFFICE: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export default {
  /**
   * The application names the object: here the first part of the path is the tenant, `/ada/actors/order/1/add`. An
   * application would take the tenant from whoever is logged in, and check it before.
   */
  fetch(request: Request, { POST_OFFICE }: Bindings): Response | Promise<Response> {
    const tenant = /^\/([a-z0-9-]{1,64})\//.exec(new URL(request.url).pathname)?.[1];
    if (tenant === undefined) return new Response("The path must begin with a tenant.", { status: 404 });
    return POST_OFFICE.getByName(tenant).fetch(request);
  },
};
