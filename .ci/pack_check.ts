// What a project does that has installed the package from npm: .ci/pack.ts compiles and runs it there.

import { actor, ask, protocol, type Store, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { type Operation, unchecked } from "@posthorn/posthorn/protocol";

const Cart = protocol("cart", { add: tell(unchecked<{ cents: number }>()), total: ask(unchecked<number>()) });
const cart = actor(Cart, {
  state: () => ({ cents: 0 }),
  on: {
    add: (ctx, line) => {
      ctx.state = { cents: ctx.state.cents + line.cents };
    },
    total: (ctx) => ctx.state.cents,
  },
});

const store: Store = memoryStore();
const system = new System({ actors: [cart], store });
const total: Operation = Cart.total;
const ada = system.ref(Cart, "ada");
// @ts-expect-error: a line has cents
const wrong = () => ada.tell(Cart.add, { sku: "tea" });
await ada.tell(Cart.add, { cents: 450 });
const cents: number = await ada.ask(Cart.total);
const app = ingress(system, { expose: [] });
const { status } = await app.request("/actors/cart/ada/total", { method: "POST" });
if (cents !== 450 || status !== 404 || total.name !== "total" || typeof wrong !== "function") {
  throw new Error(`total ${cents}, status ${status}`);
}
await system.stop();
