// A worker of Cloudflare whose actors are in PostgreSQL, which it reaches through Hyperdrive.

import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { postgres } from "@posthorn/posthorn/postgres";

const Order = protocol("order", {
  add: tell(unchecked<number>()),
  total: ask(unchecked<number>()),
});

const order = actor(Order, {
  state: () => 0,
  on: {
    add: (ctx, amount) => void (ctx.state += amount),
    total: (ctx) => ctx.state,
  },
});
const actors = [order];

export default {
  async fetch(request: Request, env: { HYPERDRIVE: { connectionString: string } }): Promise<Response> {
    const store = postgres(env.HYPERDRIVE.connectionString, { watch: "poll" });
    await using system = new System({ actors, store });
    return await ingress(system, { expose: [Order] }).fetch(request);
  },
};
