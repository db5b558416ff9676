import type { Outcome } from "../contender.ts";
import { bareCommitOf, rowOfStep } from "./lone.ts";
import { percentilesOf } from "./percentiles.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { Carts } from "./turns.ts";
import { Following } from "./watched_store.ts";

/** How many of one kind are measured before the other has its turn. */
const blockLength = 50;

/**
 * Tells, one after another, to an actor that is loaded and idle: how long from the call until the commit of its turn has
 * returned. And as many bare commits of a row of that kind, block by block in turn. The check is what the actor counted.
 */
export async function tellBesideBare(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const value = await rowOfStep();
    const bare = await bareCommitOf(kind, folder);
    await using carts = new Carts(kind.make(folder), new Following(), 1);
    const tells: number[] = [];
    const commits: number[] = [];
    const block = async (length: number, keep: boolean) => {
      for (let index = 0; index < length; index++) {
        const { sentMs, doneMs } = await carts.alone(0);
        if (keep) tells.push(doneMs - sentMs);
      }
      for (let index = 0; index < length; index++) {
        value[value.length - 1] = index % 10 + 48; // what does not change is not written
        const beganMs = performance.now();
        await bare.commit(value);
        if (keep) commits.push(performance.now() - beganMs);
      }
    };
    await carts.total(0); // loads it
    for (let done = 0; done < count / 5; done += blockLength) await block(blockLength, false);
    const warming = await carts.total(0);
    const startMs = performance.now();
    for (let done = 0; done < count; done += blockLength) {
      await block(Math.min(blockLength, count - done), true);
    }
    const elapsedMs = performance.now() - startMs;
    const check = await carts.total(0) - warming;
    bare.close();
    return {
      elapsedMs,
      check,
      also: { tellP50: percentilesOf(tells).p50, commitP50: percentilesOf(commits).p50 },
    };
  });
}
