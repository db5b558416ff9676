/**
 * Starts on a SQLite file and asks an actor that is at rest there: `rest_start.ts FILE KEY STARTED`. Loads
 * only Posthorn, and prints the time of each step since the process was started.
 */
import { actor, ask, protocol, System, unchecked } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";

const [file, key, started] = Deno.args;
const sinceStartMs = () => performance.timeOrigin + performance.now() - Number(started);
const mainMs = sinceStartMs();
const Cart = protocol("cart", { total: ask(unchecked<number>()) });
const cart = actor(Cart, {
  state: () => ({ cents: 0, lines: 0 }),
  on: { total: (ctx) => ctx.state.lines },
});
const system = new System({ actors: [cart], store: sqlite(file) });
await system.ready();
const readyMs = sinceStartMs();
const check = await system.ref(Cart, key).ask(Cart.total);
const answerMs = sinceStartMs() - readyMs;
await system.stop({ drainMs: 0 });
console.log(JSON.stringify({ elapsedMs: readyMs, check, also: { mainMs, readyMs, answerMs } }));
