import { DatabaseSync } from "node:sqlite";
import { type Store, System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { Outcome } from "../contender.ts";
import { percentilesOf } from "./percentiles.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { Carts, stepper } from "./turns.ts";
import { Following, Recording, watched } from "./watched_store.ts";

/** The number of measurements in a block of one kind. */
const blockLength = 50;

/**
 * One message at a time to one actor: measures the time from sending until it is accepted and until its turn
 * is committed, alternating in blocks with as many bare commits of the row of that actor.
 */
export async function lone(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    await using carts = new Carts(kind.make(folder), new Following(), 1);
    const value = await rowOf((store) => new Carts(store, new Following(), 1), (carts) => carts.alone(0));
    const warming = Math.ceil(count / 5);
    const toDone: number[] = [];
    const toAccepted: number[] = [];
    const figures = await besideBare(kind, folder, value, { count, warming }, async (keep) => {
      const { sentMs, acceptedMs, doneMs } = await carts.alone(0);
      if (!keep) return;
      toAccepted.push(acceptedMs - sentMs);
      toDone.push(doneMs - sentMs);
    });
    const also = {
      ...percentilesOf(toDone),
      acceptedP50: percentilesOf(toAccepted).p50,
      commitP50: figures.commitP50,
    };
    return { elapsedMs: figures.elapsedMs, check: await carts.total(0) - warming, also };
  });
}

/**
 * Sequential asks that change the state, alternating in blocks with as many bare commits of the same row with
 * one check (Deno KV) or in its own transaction (SQLite). The check is the last reply.
 */
export async function askBesideBare(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const stepping = (store: Store) => new System({ actors: [stepper.actor], store });
    const step = (system: System, x: number) =>
      system.ref(stepper.protocol, "0").ask(stepper.protocol.next, x);
    const value = await rowOf(stepping, (system) => step(system, 0));
    const system = stepping(kind.make(folder));
    const asks: number[] = [];
    let x = 0;
    const warming = Math.ceil(count / 5);
    const { elapsedMs, commitP50 } = await besideBare(
      kind,
      folder,
      value,
      { count, warming },
      async (keep) => {
        const beganMs = performance.now();
        x = await step(system, x);
        if (keep) asks.push(performance.now() - beganMs);
      },
    );
    await system.stop({ drainMs: 0 });
    return { elapsedMs, check: x - warming, also: { askP50: percentilesOf(asks).p50, commitP50 } };
  });
}

/** Measures an action and as many bare commits of a row, alternating in blocks, after a warm-up. */
async function besideBare(
  kind: StoreKind,
  folder: string,
  value: Uint8Array,
  { count, warming }: { readonly count: number; readonly warming: number },
  act: (keep: boolean) => Promise<void>,
): Promise<{ readonly elapsedMs: number; readonly commitP50: number }> {
  const bare = await (kind.id.startsWith("kv") ? bareKvCommit(kind, folder) : bareSqliteCommit(kind, folder));
  const commits: number[] = [];
  const block = async (length: number, keep: boolean) => {
    for (let index = 0; index < length; index++) await act(keep);
    for (let index = 0; index < length; index++) {
      value[value.length - 1] = index % 10 + 48; // an unchanged value would not be written
      const beganMs = performance.now();
      await bare.commit(value);
      if (keep) commits.push(performance.now() - beganMs);
    }
  };
  const blocks = async (all: number, keep: boolean) => {
    for (let done = 0; done < all; done += blockLength) await block(Math.min(blockLength, all - done), keep);
  };
  await blocks(warming, false);
  const startMs = performance.now();
  await blocks(count, true);
  const elapsedMs = performance.now() - startMs;
  bare.close();
  return { elapsedMs, commitP50: percentilesOf(commits).p50 };
}

/** The row of the actor that such an action writes. */
async function rowOf<Actors extends AsyncDisposable>(
  make: (store: Store) => Actors,
  act: (actors: Actors) => Promise<unknown>,
): Promise<Uint8Array> {
  const recording = new Recording();
  await using actors = make(watched(memoryStore(), recording));
  await act(actors);
  const rows = recording.recorded.flat().flatMap(({ writes }) => writes);
  return rows.findLast(({ key }) => key.startsWith("actor"))!.value;
}

interface BareCommit {
  commit(value: Uint8Array): unknown;
  close(): void;
}

function bareSqliteCommit({ id }: StoreKind, folder: string): BareCommit {
  const database = new DatabaseSync(id === "memory" ? ":memory:" : `${folder}/bare.db`);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${id === "sqliteFull" ? "FULL" : "NORMAL"};
    CREATE TABLE bare (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);`);
  const [begin, put, commit] = [
    "BEGIN IMMEDIATE",
    "INSERT INTO bare VALUES ('actor', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    "COMMIT",
  ].map((sql) => database.prepare(sql));
  return {
    commit(value) {
      begin.run();
      put.run(value);
      commit.run();
    },
    close: () => database.close(),
  };
}

async function bareKvCommit({ id }: StoreKind, folder: string): Promise<BareCommit> {
  const kv = await Deno.openKv(id === "kvFile" ? `${folder}/bare.kv` : ":memory:");
  const key = ["bare", "actor"];
  let versionstamp: string | null = null;
  return {
    async commit(value) {
      const result = await kv.atomic().check({ key, versionstamp }).set(key, value).commit();
      if (!result.ok) throw new Error("a bare commit failed");
      versionstamp = result.versionstamp;
    },
    close: () => kv.close(),
  };
}
