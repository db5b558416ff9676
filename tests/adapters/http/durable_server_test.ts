// One server over real HTTP, on a file, stopped and started again.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, submit, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";
import { PieceReader } from "./desk.ts";

const Shop = protocol("shop", {
  sell: tell(z.object({ cents: z.number() })),
  total: ask(z.number()),
  settle: submit(z.object({ cents: z.number() }), z.object({ paid: z.number() })),
  sold: event(z.object({ cents: z.number() })),
});

/** A server on its own port. */
class Server implements AsyncDisposable {
  readonly #system: System;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #origin: string;

  /** With `paid` a submit is answered; without it, it waits for the next start. */
  constructor(path: string, paid = true) {
    const shop = actor(Shop, {
      state: () => 0,
      on: {
        sell(ctx, { cents }) {
          ctx.state += cents;
          ctx.publish(Shop.sold, { cents });
        },
        total: (ctx) => ctx.state,
        settle: (_ctx, { cents }) => paid ? { paid: cents } : new Promise<never>(() => {}),
      },
    });
    this.#system = new System({ actors: [shop], store: sqlite(path) });
    const app = ingress(this.#system, { expose: [Shop], accept: [Shop.sold] });
    this.#server = Deno.serve({ port: 0, onListen() {} }, app.fetch);
    this.#origin = `http://localhost:${this.#server.addr.port}`;
  }

  async post(path: string, payload?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.#origin + path, {
      method: "POST",
      ...(payload === undefined ? { headers } : {
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(payload),
      }),
    });
    return answerOf(response);
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return answerOf(await fetch(this.#origin + path, { headers }));
  }

  async follow(lastEventId?: string): Promise<PieceReader> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    return new PieceReader(await fetch(`${this.#origin}/events/shop/sold`, { headers }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.stop({ drainMs: 1 });
    await this.#server.shutdown();
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: await response.json(), headers: response.headers };
}

Deno.test("a server on a file goes on after a restart: keys, replies, places and streams mean the same", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-ingress-" });
  try {
    const path = `${folder}/posthorn.db`;
    const [sell, settle, total] = ["sell", "settle", "total"].map((name) => `/actors/shop/ada/${name}`);
    const [sold, asked, wanted] = ["sold", "asked", "wanted"].map((key) => ({
      "idempotency-key": `"${key}"`,
    }));
    let first: Answer[];
    let lastEventId: string;
    {
      await using server = new Server(path, false);
      const reader = await server.follow();
      assert.equal(await reader.next(), "retry: 2000\nid: sold:0");
      first = [
        await server.post(sell, { cents: 3 }, sold),
        await server.post(total, undefined, asked),
      ];
      assert.deepEqual(first.map(({ status, body }) => [status, body]), [[202, { id: "sold" }], [200, 3]]);
      assert.equal(await reader.next(), 'id: sold:1\ndata: {"cents":3}');
      lastEventId = "sold:1";
      await reader.leave();
      await server.post("/events/shop/sold", { cents: 4 });
      first.push(await server.post(settle, { cents: 5 }, wanted));
      const { status, headers } = await server.get(first[2].headers.get("location")!);
      assert.deepEqual([status, headers.get("retry-after")], [202, "1"]);
    }
    await using server = new Server(path);
    const location = first[2].headers.get("location")!;
    const reply = await server.get(location, { prefer: "wait=30" });
    assert.deepEqual([reply.status, reply.body], [200, { paid: 5 }]);
    const again = [
      await server.post(sell, { cents: 3 }, sold),
      await server.post(total, undefined, asked),
      await server.post(settle, { cents: 5 }, wanted),
    ];
    for (const [index, { status, body, headers }] of again.entries()) {
      assert.deepEqual([status, body], [first[index].status, first[index].body]);
      for (const name of ["location", "posthorn-after"]) {
        assert.equal(headers.get(name), first[index].headers.get(name), name);
      }
    }
    const other = await server.post(sell, { cents: 9 }, sold);
    assert.deepEqual([other.status, (other.body as { code: string }).code], [422, "id-reused"]);
    const place = again[0].headers.get("posthorn-after")!;
    assert.deepEqual((await server.post(total, undefined, { "posthorn-after": place })).body, 3);
    const reader = await server.follow(lastEventId);
    assert.equal(await reader.next(), `retry: 2000\nid: ${lastEventId}`);
    assert.equal(await reader.next(), 'id: sold:2\ndata: {"cents":4}');
    await server.post(sell, { cents: 6 });
    assert.equal(await reader.next(), 'id: sold:3\ndata: {"cents":6}');
    await reader.leave();
    const { status, body } = await server.get("/healthz");
    assert.deepEqual([status, (body as { store: { status: string } }).store.status], [200, "durable"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("two servers on one file: what one accepts, the other answers for, and streams", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-ingress-" });
  try {
    const path = `${folder}/posthorn.db`;
    await using one = new Server(path);
    await using two = new Server(path);
    const reader = await two.follow();
    assert.equal(await reader.next(), "retry: 2000\nid: sold:0");
    const { headers } = await one.post("/actors/shop/ada/sell", { cents: 3 });
    const after = { "posthorn-after": headers.get("posthorn-after")! };
    assert.deepEqual((await two.post("/actors/shop/ada/total", undefined, after)).body, 3);
    assert.equal(await reader.next(), 'id: sold:1\ndata: {"cents":3}');
    await reader.leave();
    const submitted = await one.post("/actors/shop/ada/settle", { cents: 5 });
    const reply = await two.get(submitted.headers.get("location")!, { prefer: "wait=30" });
    assert.deepEqual(reply.body, { paid: 5 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
