import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import assert from "node:assert/strict";
import * as z from "zod";

const Storm = protocol("storm", { blow: tell(), stop: tell(), blown: ask(z.number()) });

/** Two of them send to each other endlessly, until each is stopped. */
const storm = actor(Storm, {
  state: () => ({ blown: 0, over: false }),
  on: {
    blow(ctx) {
      if (ctx.state.over) return;
      ctx.state = { blown: ctx.state.blown + 1, over: false };
      ctx.ref(Storm, ctx.key === "east" ? "west" : "east").tell(Storm.blow);
    },
    stop(ctx) {
      ctx.state = { ...ctx.state, over: true };
    },
    blown: (ctx) => ctx.state.blown,
  },
});

Deno.test("sockets, timers and signals are served while messages never end", async () => {
  await using system = new System({ actors: [storm] });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ingress(system, { expose: [Storm.blown] }).fetch,
  );
  await system.ref(Storm, "east").tell(Storm.blow);

  const counts: number[] = [];
  for (let request = 0; request < 20; request++) {
    const url = `http://127.0.0.1:${server.addr.port}/actors/storm/east/blown`;
    counts.push(await (await fetch(url, { method: "POST" })).json());
  }
  const ticks = Promise.withResolvers<void>();
  let left = 5;
  const interval = setInterval(() => --left === 0 && ticks.resolve(), 1);
  await ticks.promise;
  clearInterval(interval);
  const signalled = Promise.withResolvers<void>();
  const onSignal = () => signalled.resolve();
  Deno.addSignalListener("SIGUSR2", onSignal);
  Deno.kill(Deno.pid, "SIGUSR2");
  await signalled.promise;
  Deno.removeSignalListener("SIGUSR2", onSignal);

  // The storm never paused: no response came because of a pause.
  for (const [index, count] of counts.entries()) assert.ok(count > (counts[index - 1] ?? 0), `${counts}`);
  const before = await system.ref(Storm, "east").ask(Storm.blown);
  assert.ok(before > counts.at(-1)!);
  for (const key of ["east", "west"]) await system.ref(Storm, key).tell(Storm.stop);
});
