import { simulate } from "./simulate.ts";
import { withScene } from "./scenes.ts";
const [scene, from, count, trace] = Deno.args;
for (let s = Number(from); s < Number(from) + Number(count); s++) {
  const r = await simulate(s, { weather: (w) => withScene(w, scene as never), ...(trace && {onStep: (t: string) => console.log(t)}) });
  if (r.failure) console.log(s, r.failure, trace ? JSON.stringify(r.weather): "");
}
