import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import type { Outcome } from "../../contender.ts";
import { percentilesOf } from "../percentiles.ts";
import { processorOf } from "./processor.ts";

const Front = protocol("front", { pass: tell(unchecked<number>()) });
const Back = protocol("back", { take: tell(unchecked<number>()) });

/**
 * Two systems with a connection each on one database. A turn of the first sends to an actor that only the second one
 * hosts; measures the time from the one turn until the other, one message at a time.
 */
export async function another(url: string, server: number, count: number): Promise<Outcome> {
  const store = () => postgres(url, { schema: "another" });
  let passedMs = 0;
  let taken = Promise.withResolvers<number>();
  const front = actor(Front, {
    state: () => 0,
    on: {
      async pass(ctx, index) {
        ctx.state++;
        passedMs = performance.now();
        await ctx.ref(Back, "a").tell(Back.take, index);
      },
    },
  });
  const back = actor(Back, {
    state: () => 0,
    on: {
      take(ctx) {
        ctx.state++;
        taken.resolve(performance.now());
      },
    },
  });
  const first = new System({ actors: [front], store: store() });
  const second = new System({ actors: [back], store: store() });
  await Promise.all([first.ready(), second.ready()]);
  const latenciesMs: number[] = [];
  let done = 0;
  const one = async (index: number) => {
    taken = Promise.withResolvers();
    await first.ref(Front, "a").tell(Front.pass, index);
    latenciesMs.push(await taken.promise - passedMs);
    done++;
  };
  for (let index = 0; index < count; index++) await one(index); // as many warm up
  latenciesMs.length = 0;
  done = 0;
  const end = processorOf(server);
  const startMs = performance.now();
  for (let index = 0; index < count; index++) await one(index);
  const elapsedMs = performance.now() - startMs;
  const also = { ...percentilesOf(latenciesMs), ...end(count) };
  await Promise.all([first.stop(), second.stop()]);
  return { elapsedMs, check: done, also };
}
