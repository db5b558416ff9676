// The target of fuzzing: one actor of each kind behind a real server, with a record of requests and
// responses.

import { setImmediate } from "node:timers";
import {
  actor,
  ask,
  event,
  protocol,
  type Store,
  submit,
  survey,
  System,
  tell,
  TerminalError,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";

const Line = z.object({ sku: z.string().max(100), cents: z.number().int() });
const Receipt = z.object({ cents: z.number() });

export const Order = protocol("order", {
  add: tell(Line),
  clear: tell(),
  total: ask(z.enum(["EUR", "USD"]), z.number()),
  echo: ask(z.any(), z.any()),
  map: ask(z.map(z.string(), z.number())),
  refuse: ask(z.string(), z.null()),
  crash: ask(z.null()),
  settle: submit(z.object({ cents: z.number() }), Receipt),
  reject: submit(z.string(), z.null()),
  many: tell(z.array(z.number()).max(1_000)),
  settled: event(Receipt, { subject: ({ cents }) => cents > 0 ? "paid.full" : "paid.nothing" }),
  noted: event(z.string().max(1_000)),
  hidden: tell(),
});
const Carrier = protocol("carrier", { quote: survey(z.object({ grams: z.number() }), z.number()) });

/** Texts that no response may contain: of an error, of a state, of a path of the program. */
export const secrets = [
  "inside-word",
  "state-word",
  "posthorn-fuzz",
  "file://",
  "node_modules",
  ".ts:",
  "/srv/",
];

export const bodyBytesMax = 4_000;

/** The response of the ingress to one request. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  /** Absent if it is not a problem, since it may be a stream. */
  readonly problem: string | undefined;
  readonly method: string;
  readonly path: string;
}

/** A served system. */
export class Target implements AsyncDisposable {
  readonly #system: System;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #begun = 0;
  #ended = 0;
  /** The number of state changes by handlers. */
  changes = 0;
  /** The responses since the last call. */
  answers: Answer[] = [];
  /** The errors passed to onError since the last call. */
  told: unknown[] = [];

  private constructor(store: Store | undefined) {
    this.#system = new System({
      actors: [this.#order(), this.#carrier()],
      limits: { ids: 500, replies: 2_000, deadLetters: 100, actors: 5_000 },
      deduplicationWindowMs: 20_000,
      replyRetentionMs: 20_000,
      log: false,
      ...(store === undefined ? {} : { store }),
    });
    const app = ingress(this.#system, {
      expose: [
        Order.add,
        Order.clear,
        Order.total,
        Order.echo,
        Order.map,
        Order.refuse,
        Order.crash,
        Order.settle,
        Order.reject,
        Order.many,
        Order.settled,
        Order.noted,
        Carrier,
      ],
      accept: [Order.noted],
      metrics: true,
      bodyBytesMax,
      depthMax: 16,
      timeoutMsMax: 500,
      streamsMax: 50,
      onError: (error) => void this.told.push(error),
    });
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      this.#begun++;
      const response = await app.fetch(request);
      const type = response.headers.get("content-type") ?? "";
      const problem = response.status < 400 ? undefined : await response.clone().text();
      const { method, url } = request;
      this.answers.push({ status: response.status, type, problem, method, path: url });
      this.#ended++;
      return response;
    });
  }

  static async open(store?: Store): Promise<Target> {
    const target = new Target(store);
    const system = target.#system;
    await system.ready();
    system.subscribe(Carrier.quote, system.ref(Carrier, "dhl").at(Carrier.quote));
    await target.rest();
    return target;
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** Waits until no request is in progress. */
  async rest(): Promise<void> {
    for (;;) {
      const { waiting, running } = this.#system.stats();
      if (this.#begun === this.#ended && waiting + running === 0) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.stop({ drainMs: 1_000 });
    await this.#server.shutdown();
  }

  #order() {
    const changed = () => void this.changes++;
    return actor(Order, {
      state: () => ({ cents: 0, word: "state-word" }),
      on: {
        add(ctx, { cents }) {
          changed();
          ctx.state = { ...ctx.state, cents: ctx.state.cents + cents };
        },
        clear(ctx) {
          changed();
          ctx.state = { ...ctx.state, cents: 0 };
        },
        many: changed,
        total: (ctx) => ctx.state.cents,
        echo: (_ctx, value) => value,
        map: () => new Map([["a", 1]]),
        refuse() {
          throw new TerminalError("It is sold out", { code: "sold-out" });
        },
        crash() {
          throw new Error("inside-word at /srv/posthorn");
        },
        settle(ctx, { cents }) {
          changed();
          ctx.state = { ...ctx.state, cents: ctx.state.cents - cents };
          ctx.publish(Order.settled, { cents });
          return { cents };
        },
        reject() {
          throw new TerminalError("The card is refused", { code: "card-refused" });
        },
        hidden: changed,
      },
    });
  }

  #carrier() {
    return actor(Carrier, { state: () => null, on: { quote: (_ctx, { grams }) => grams * 2 } });
  }
}
