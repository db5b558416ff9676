import { postgres } from "@posthorn/posthorn/postgres";
import type { Outcome } from "../../contender.ts";
import { percentilesOf } from "../percentiles.ts";
import { Carts, warmingOf } from "../turns.ts";
import { Following } from "../watched_store.ts";
import { processorOf, type Spent } from "./processor.ts";

const store = (url: string) => postgres(url, { schema: "carts" });

/** Durable turns with many messages in flight, and what they cost both sides. The check is what the actors have counted. */
export async function turnsOf(url: string, server: number, actors: number, count: number): Promise<Outcome> {
  const following = new Following();
  await using carts = new Carts(store(url), following, actors);
  const warming = warmingOf(actors, count);
  await carts.flood(warming);
  following.begin();
  const end = processorOf(server);
  const startMs = performance.now();
  await carts.flood(count);
  const elapsedMs = performance.now() - startMs;
  const spent = end(count);
  const { commits, parts, writes, removals, latenciesMs } = following;
  const also = {
    ...spent,
    ...percentilesOf(latenciesMs),
    partsPerCommit: parts / commits,
    rowsPerTurn: (writes + removals) / count,
  };
  return { elapsedMs, check: await carts.totals() - warming, also };
}

/** The number of blocks in which lone messages are measured. */
const blocks = 10;

/**
 * One message at a time to one actor: the time until its turn is committed, and what it costs both sides in the cheapest
 * of ten blocks: what other programs do between two messages makes the next one dearer. As many warm up.
 */
export async function alone(url: string, server: number, count: number): Promise<Outcome> {
  const following = new Following();
  await using carts = new Carts(store(url), following, 1);
  for (let index = 0; index < count; index++) await carts.alone(0);
  following.begin();
  const toDone: number[] = [];
  let cheapest: Spent | undefined;
  const startMs = performance.now();
  const length = Math.ceil(count / blocks);
  for (let done = 0; done < count; done += length) {
    const size = Math.min(length, count - done);
    const end = processorOf(server);
    for (let index = 0; index < size; index++) {
      const { sentMs, doneMs } = await carts.alone(0);
      toDone.push(doneMs - sentMs);
    }
    const spent = end(size);
    if (cheapest === undefined || sum(spent) < sum(cheapest)) cheapest = spent;
  }
  const elapsedMs = performance.now() - startMs;
  const also = { ...cheapest!, ...percentilesOf(toDone), commits: following.commits / count };
  return { elapsedMs, check: await carts.total(0) - count, also };
}

function sum({ clientMicros, serverMicros }: Spent): number {
  return clientMicros + serverMicros;
}
