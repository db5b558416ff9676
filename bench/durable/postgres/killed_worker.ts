/** `killed_worker.ts URL hold|handle KEY`: accepts a message and never ends its turn, or handles it and stops. */
import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";

const [url, what, key] = Deno.args;
const Cart = protocol("cart", { add: tell(unchecked<number>()) });
const handled = Promise.withResolvers<void>();
const cart = actor(Cart, {
  state: () => 0,
  on: {
    async add(ctx, count) {
      console.log("began");
      if (what === "hold") await new Promise(() => {});
      ctx.state += count;
      handled.resolve();
    },
  },
});
const system = new System({ actors: [cart], store: postgres(url, { schema: "killed" }) });
await system.ready();
console.log("ready");
if (what === "hold") await system.ref(Cart, key).tell(Cart.add, 1);
const forever = setInterval(() => {}, 60_000);
await handled.promise;
clearInterval(forever);
await system.stop();
