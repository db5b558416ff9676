// The desk behind HTTP that all tests of the ingress use, and functions to send requests to it.

import assert from "node:assert/strict";
import type { Hono } from "hono";
import {
  actor,
  ask,
  event,
  protocol,
  type Store,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
  TerminalError,
} from "@posthorn/posthorn";
import { ingress, type IngressOptions } from "@posthorn/posthorn/http";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";

export const Receipt = z.object({ country: z.string(), cents: z.number() });

export const Order = protocol("order", {
  add: tell(z.object({ sku: z.string(), cents: z.number().int() })),
  clear: tell(),
  total: ask(z.enum(["EUR", "USD"]), z.number()),
  count: ask(z.number()),
  echo: ask(z.any(), z.any()),
  refuse: ask(z.string(), z.null()),
  crash: ask(z.string(), z.null()),
  hang: ask(z.null()),
  settle: submit(z.object({ cents: z.number() }), Receipt),
  reject: submit(z.string(), z.null()),
  settled: event(Receipt, { subject: ({ country }) => `${country}.shop` }),
  paused: event(z.string()),
  raised: event(Receipt, { subject: ({ country }) => country }),
  secret: tell(),
  hidden: event(Receipt),
});

export const Carrier = protocol("carrier", {
  quote: survey(z.object({ grams: z.number() }), z.object({ cents: z.number() })),
});

export const Vault = protocol("vault", { open: ask(z.string()), opened: event() });

export interface DeskOptions extends Partial<IngressOptions> {
  readonly system?: Partial<SystemOptions>;
  readonly clock?: VirtualClock;
  /** Each instance on a store needs its own seed. */
  readonly seed?: number;
}

/** The headers and body of a request. */
export interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** A problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly issues?: readonly { readonly message: string; readonly path: readonly (string | number)[] }[];
}

/** A system on a virtual clock with its ingress. `settle` and `hang` wait for `open`. */
export class Desk implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly system: System;
  readonly app: Hono;
  /** The handlers that ran, in order. */
  readonly handled: string[] = [];
  #open = Promise.withResolvers<void>();

  constructor(options: DeskOptions = {}) {
    const { system, clock = new VirtualClock(), seed = 1, ...rest } = options;
    this.clock = clock;
    this.system = new System({
      actors: [this.#order(), this.#carrier(), this.#vault()],
      clock: this.clock,
      random: seededRandom(seed),
      log: false,
      ...system,
    });
    this.app = ingress(this.system, {
      expose: [
        Order.add,
        Order.clear,
        Order.total,
        Order.count,
        Order.echo,
        Order.refuse,
        Order.crash,
        Order.hang,
        Order.settle,
        Order.reject,
        Order.settled,
        Order.paused,
        Carrier,
      ],
      accept: [Order.raised],
      ...rest,
    });
  }

  /** Releases the waiting handlers. */
  open(): Promise<void> {
    this.#open.resolve();
    return this.clock.settle();
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.send("GET", path, { headers });
  }

  /** Posts a payload as JSON, or no body if there is none. */
  post(path: string, payload?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    if (payload === undefined) return this.send("POST", path, { headers });
    const body = JSON.stringify(payload);
    return this.send("POST", path, { headers: { "content-type": "application/json", ...headers }, body });
  }

  send(method: string, path: string, init: Sent = {}): Promise<Response> {
    return Promise.resolve(this.app.request(path, { method, ...init }));
  }

  /** The cents of an order, read without HTTP. */
  total(key: string): Promise<number> {
    return this.system.ref(Order, key).ask(Order.total, "EUR");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open();
    const stopped = this.system.stop({ drainMs: 1 });
    await this.clock.advance(1);
    await stopped;
  }

  #order() {
    const handled = (text: string) => this.handled.push(text);
    return actor(Order, {
      state: () => ({ cents: 0, lines: 0 }),
      on: {
        add(ctx, { sku, cents }) {
          handled(`add ${sku}`);
          ctx.state = { cents: ctx.state.cents + cents, lines: ctx.state.lines + 1 };
        },
        clear(ctx) {
          handled("clear");
          ctx.state = { cents: 0, lines: 0 };
        },
        total: (ctx) => ctx.state.cents,
        count(ctx) {
          handled("count");
          return ctx.state.lines;
        },
        echo: (_ctx, value) => value,
        refuse(_ctx, why) {
          throw new TerminalError(why, { code: "sold-out" });
        },
        crash(_ctx, why) {
          throw new Error(why);
        },
        hang: () => this.#open.promise.then(() => null),
        settle: async (_ctx, { cents }) => {
          handled(`settle ${cents}`);
          await this.#open.promise;
          return { country: "de", cents };
        },
        reject(_ctx, why) {
          throw new TerminalError(why, { code: "card-refused" });
        },
        secret: () => void handled("secret"),
      },
      mailbox: { capacity: 8 },
    });
  }

  #carrier() {
    return actor(Carrier, {
      state: () => null,
      on: {
        quote(ctx, { grams }) {
          if (ctx.key !== "silent") return { cents: grams + ctx.key.length };
        },
      },
    });
  }

  #vault() {
    return actor(Vault, {
      state: () => null,
      on: {
        open: () => {
          this.handled.push("open");
          return "gold";
        },
      },
    });
  }
}

/** Asserts that a response is a problem, and returns it. */
export async function problemOf(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem: Problem = await response.json();
  assert.equal(problem.status, response.status);
  assert.equal(problem.type, `urn:posthorn:problem:${problem.code}`);
  return problem;
}

/** Asserts that a response is this problem. */
export async function assertProblem(response: Response, status: number, code: string): Promise<Problem> {
  const problem = await problemOf(response);
  assert.deepEqual([problem.status, problem.code], [status, code]);
  return problem;
}

/** Reads a stream of text in pieces divided by a separator. */
export class PieceReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #separator: string;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(response: Response, separator = "\n\n") {
    this.#reader = response.body!.getReader();
    this.#separator = separator;
  }

  /** The next piece; `undefined` at the end of the stream. */
  async next(): Promise<string | undefined> {
    while (!this.#rest.includes(this.#separator)) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
    const end = this.#rest.indexOf(this.#separator);
    const piece = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + this.#separator.length);
    return piece;
  }

  /** Reads this many pieces. */
  async take(count: number): Promise<(string | undefined)[]> {
    const pieces: (string | undefined)[] = [];
    while (pieces.length < count) pieces.push(await this.next());
    return pieces;
  }

  /** Cancels the stream. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
  }
}

export const superjsonType = "application/superjson+json";

/** Deletes all values whose keys begin with a prefix, as a store may do after they have expired. */
export async function letGo(store: Store, prefix: string): Promise<void> {
  const connection = await store.open({ clock: new VirtualClock() });
  const removals = await connection.list({ prefix, limit: 1_000 });
  assert.ok(removals.length > 0);
  await connection.commit([{ checks: [], writes: [], removals }]);
  await connection.close();
}
