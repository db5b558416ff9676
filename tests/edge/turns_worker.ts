/** How many turns one object makes in a second. */

import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
import * as z from "zod";
import { counted } from "./counted_storage.ts";

const Tally = protocol("tally", { add: tell(z.object({ n: z.number() })), total: ask(z.number()) });
const tally = actor(Tally, {
  state: () => 0,
  on: {
    add: (ctx, { n }) => void (ctx.state += n),
    total: (ctx) => ctx.state,
  },
  mailbox: { capacity: 100_000 },
});

/** What the worker answers. */
export interface Turns {
  readonly turns: number;
  readonly rows: number;
  readonly ms: number;
}

export class PostOffice {
  readonly #written = { rows: 0, alarms: 0 };
  readonly #system;

  constructor({ storage }: { readonly storage: ObjectStorage }) {
    this.#system = new System({ actors: [tally], store: durableObject(counted(storage, this.#written)) });
  }

  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const [turns, actors, waiting] = ["turns", "actors", "waiting"].map((name) =>
      Number(searchParams.get(name))
    );
    const ids = searchParams.has("ids");
    const refs = Array.from({ length: actors }, (_, n) => this.#system.ref(Tally, `t${n}`));
    const totals = () => Promise.all(refs.map((ref) => ref.ask(Tally.total, { timeoutMs: 60_000 })));
    const before = await totals();
    const rows = this.#written.rows;
    const began = performance.now();
    for (let from = 0; from < turns; from += waiting) {
      const some = Array.from({ length: Math.min(waiting, turns - from) }, (_, n) => from + n);
      await Promise.all(
        some.map((n) => refs[n % actors].tell(Tally.add, { n: 1 }, ids ? { id: `${began}-${n}` } : {})),
      );
    }
    const after = await totals();
    const ms = performance.now() - began;
    const done = after.reduce((sum, total, n) => sum + total - before[n], 0);
    if (done !== turns) return new Response(`${done} of ${turns} turns`, { status: 500 });
    return Response.json({ turns, rows: this.#written.rows - rows, ms } satisfies Turns);
  }

  async alarm(): Promise<void> {
    await this.#system.sweep();
  }
}

export { default } from "../../examples/edge/worker.ts";
