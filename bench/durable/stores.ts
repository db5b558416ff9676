import type { Store } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";

/** A store to measure. */
export interface StoreKind {
  /** The id on the command line. */
  readonly id: string;
  /** The name in tables, with its durability. */
  readonly label: string;
  /** What a commit survives. */
  readonly durability: string;
  /** Creates an empty store in an existing folder. */
  make(folder: string): Store;
}

/** All stores, configured as users would. */
export const storeKinds: readonly StoreKind[] = [
  { id: "memory", label: "memory", durability: "nothing", make: () => memoryStore() },
  {
    id: "sqliteFull",
    label: "SQLite, FULL",
    durability: "a loss of power",
    make: (folder) => sqlite(`${folder}/posthorn.db`),
  },
  {
    id: "sqliteNormal",
    label: "SQLite, NORMAL",
    durability: "the process",
    make: (folder) => sqlite(`${folder}/posthorn.db`, { synchronous: "normal" }),
  },
  {
    id: "kvFile",
    label: "Deno KV, file",
    durability: "a loss of power",
    make: (folder) => denoKv(`${folder}/posthorn.kv`),
  },
  { id: "kvMemory", label: "Deno KV, :memory:", durability: "nothing", make: () => denoKv(":memory:") },
];

/** Finds a store by its id. */
export function storeKind(id: string): StoreKind {
  const kind = storeKinds.find((kind) => kind.id === id);
  if (kind === undefined) throw new Error(`There is no store ${id}`);
  return kind;
}

/** Runs an action in a new folder, which is deleted afterwards. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-bench-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
