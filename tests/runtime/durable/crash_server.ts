// A process to be killed: actors on a store, behind HTTP. It is started in advance, and opens the store on
// command. It runs on Deno, Node and Bun.

import { once } from "node:events";
import process from "node:process";
import { actor, ask, event, protocol, submit, System, tell } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Store } from "@posthorn/posthorn/store";
import * as z from "zod";
import { listen } from "../../runtimes/listen.ts";

const Item = z.object({ id: z.string() });
/** The number of effects of each id. */
type Counts = Readonly<Record<string, number>>;

const Tally = protocol("tally", {
  add: tell(Item),
  copy: tell(Item),
  job: submit(Item, z.string()),
  slow: submit(z.object({ delayMs: z.number() }), z.object({ atMs: z.number() })),
  counts: ask(z.record(z.string(), z.number())),
  happened: event(Item),
});
/** Runs in one of two processes, and gets messages from the other. */
const Remote = protocol("remote", {
  ping: tell(z.object({ sentMs: z.number() })),
  latencies: ask(z.array(z.number())),
});
const Relay = protocol("relay", { ping: tell(z.object({})) });

function count(ctx: { state: Counts }, id: string): void {
  ctx.state = { ...ctx.state, [id]: (ctx.state[id] ?? 0) + 1 };
}

const tally = actor(Tally, {
  state: (): Counts => ({}),
  on: {
    add(ctx, { id }) {
      count(ctx, id);
      ctx.ref(Tally, "copies").tell(Tally.copy, { id });
    },
    copy: (ctx, { id }) => count(ctx, id),
    job(ctx, { id }) {
      count(ctx, id);
      return `done ${id}`;
    },
    async slow(_ctx, { delayMs }) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return { atMs: Date.now() };
    },
    counts: (ctx) => ctx.state,
  },
  mailbox: { capacity: 100_000 },
  retry: { attempts: 30 },
});
const remote = actor(Remote, {
  state: (): readonly number[] => [],
  on: {
    ping(ctx, { sentMs }) {
      ctx.state = [...ctx.state, Date.now() - sentMs];
    },
    latencies: (ctx) => ctx.state,
  },
});
const relay = actor(Relay, {
  state: () => null,
  on: { ping: (ctx) => ctx.ref(Remote, "main").tell(Remote.ping, { sentMs: Date.now() }) },
});

async function storeOf(kind: string, path: string): Promise<Store> {
  if (kind === "sqlite") return sqlite(path);
  if (kind === "denoKv") return denoKv(path);
  const { postgres } = await import("@posthorn/posthorn/postgres"); // not every runtime has its driver
  return postgres(path);
}

const [kind, path, role] = process.argv.slice(2);
const actors = role === "remote" ? [tally, remote] : role === "relay" ? [tally, relay] : [tally];
const exposed = role === "remote" ? [Tally, Remote] : role === "relay" ? [Tally, Relay] : [Tally];
console.log("ready");
await once(process.stdin, "data"); // until it is told to start
const store = await storeOf(kind, path);
const system = new System(role === "front" ? { actors: [], peers: [Tally], store } : { actors, store });
await system.ready();
for (const key of ["left", "right"]) {
  system.subscribe(Tally.happened, system.ref(Tally, key).at(Tally.copy));
}
const app = ingress(system, { expose: exposed, accept: [Tally.happened] });
console.log(await listen(app.fetch));
