// A process to be killed: actors on a store, behind HTTP. It is started in advance, and opens the store on
// command.

import { actor, ask, event, protocol, submit, System, tell } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { ingress } from "@posthorn/posthorn/http";
import { postgres } from "@posthorn/posthorn/postgres";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";

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

const [kind, path, role] = Deno.args;
const actors = role === "remote" ? [tally, remote] : role === "relay" ? [tally, relay] : [tally];
const exposed = role === "remote" ? [Tally, Remote] : role === "relay" ? [Tally, Relay] : [Tally];
console.log("ready");
await Deno.stdin.read(new Uint8Array(1)); // until it is told to start
const stores = { sqlite, denoKv, postgres: (url: string) => postgres(url) } as const;
const store = stores[kind as keyof typeof stores](path);
const system = new System(role === "front" ? { actors: [], peers: [Tally], store } : { actors, store });
await system.ready();
for (const key of ["left", "right"]) {
  system.subscribe(Tally.happened, system.ref(Tally, key).at(Tally.copy));
}
const app = ingress(system, { expose: exposed, accept: [Tally.happened] });
Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) }, app.fetch);
