import type { Store } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";

/** A store as it is measured. */
export interface StoreKind {
  /** As the command line names it. */
  readonly id: string;
  /** As tables name it, with how durable it is. */
  readonly label: string;
  /** What a commit outlives. */
  readonly durability: string;
  /** A new and empty one, in a folder that exists. */
  make(folder: string): Store;
}

/** Every store, in the form in which its users would take it. */
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

/** The store of that name. */
export function storeKind(id: string): StoreKind {
  const kind = storeKinds.find((kind) => kind.id === id);
  if (kind === undefined) throw new Error(`There is no store ${id}`);
  return kind;
}

/** Does something in a new folder, which goes afterwards. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-bench-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
