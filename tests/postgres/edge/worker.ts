// A worker on PostgreSQL through Hyperdrive. A socket belongs to the request that has opened it, so each request
// opens the store, and closes it when its work is done.

import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";

interface Environment {
  readonly HYPERDRIVE: { readonly connectionString: string };
}

const Book = protocol("book", {
  write: tell(unchecked<string>()),
  read: ask(unchecked<readonly string[]>()),
});
const book = actor(Book, {
  state: (): readonly string[] => [],
  on: {
    write: (ctx, line) => void (ctx.state = [...ctx.state, line]),
    read: (ctx) => ctx.state,
  },
});

export default {
  async fetch(request: Request, { HYPERDRIVE }: Environment): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const open = (schema = searchParams.get("schema")!) =>
      postgres(HYPERDRIVE.connectionString, { schema, watch: "poll" });
    if (pathname === "/conformance") return Response.json(await failuresOf(open));
    const system = new System({ actors: [book], store: open(), log: false });
    try {
      const ref = system.ref(Book, "ada");
      if (pathname === "/read") return Response.json(await ref.ask(Book.read));
      await ref.tell(Book.write, await request.text(), { id: searchParams.get("id")! });
      return new Response(null, { status: 202 });
    } finally {
      await system.stop();
    }
  },
};

/** Cases whose cost is that of the server, which is the same for every client. */
const heavy = /at the limits|random calls|large value|much larger/;

/** Runs the other cases, each in a schema of its own, and returns how many there were and what failed. */
async function failuresOf(open: (schema: string) => ReturnType<typeof postgres>) {
  const failures: string[] = [];
  let number = 0;
  const prefix = `edge_${crypto.randomUUID().slice(0, 8)}_`;
  const all = storeConformance({ open: () => ({ store: open(`${prefix}${++number}`) }) });
  const cases = all.filter(({ name }) => !heavy.test(name));
  for (const { name, run } of cases) {
    await run().catch((error) => failures.push(`${name}: ${error.stack}`));
  }
  return { count: cases.length, failures, prefix };
}
