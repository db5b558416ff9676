// What the stores can do, as the pages show it: made from their traits. `deno run -A .ci/stores_table.ts` writes it there.

import { denoKv } from "@posthorn/posthorn/deno-kv";
import { durableObject, type ObjectStorage } from "@posthorn/posthorn/durable-object";
import { memoryStore } from "@posthorn/posthorn/memory";
import { postgres } from "@posthorn/posthorn/postgres";
import { sqlite } from "@posthorn/posthorn/sqlite";
import type { Store, StoreTraits } from "@posthorn/posthorn/store";

const stores: Readonly<Record<string, Store>> = {
  'sqlite("./posthorn.db")': sqlite("./posthorn.db"),
  'sqlite("./posthorn.db", { synchronous: "normal" })': sqlite("./posthorn.db", { synchronous: "normal" }),
  "postgres(url)": postgres("postgres://db.example/app"),
  "denoKv() on Deno Deploy": denoKv("https://api.deno.com/v2/databases/1/connect"),
  "denoKv(url) of a server of your own": denoKv("https://kv.example"),
  'denoKv("./posthorn.kv")': denoKv("./posthorn.kv", { remote: false }),
  "durableObject(ctx.storage)": durableObject({} as ObjectStorage),
  "memoryStore()": memoryStore(),
};

/** The runtimes on which a store is tested, by the function that makes it. */
const runtimes: Readonly<Record<string, string>> = {
  sqlite: "Deno, Node, Bun",
  postgres: "Deno, workerd",
  denoKv: "Deno",
  durableObject: "workerd",
  memoryStore: "Deno, Node, Bun",
};

const durability: Readonly<Record<StoreTraits["durability"], string>> = {
  nothing: "nothing",
  process: "the end of the process",
  power: "a loss of power",
};

/** The pages that may show the table. */
export const pagesWithTable = ["README.md", "docs/stores.md"];

const begin = "<!-- stores: made by .ci/stores_table.ts -->";
const end = "<!-- end of stores -->";

/** The table, as Markdown. */
export function storesTable(): string {
  const heads = [
    "store",
    "runs on",
    "a commit survives",
    "processes",
    "one commit takes",
    "a crash is noticed after",
  ];
  const rows = Object.entries(stores).map(([code, { traits }]) => [
    code.replace(/(sqlite|postgres|denoKv|durableObject|memoryStore)\([^)]*\)/g, "`$&`"),
    runtimesOf(code),
    durability[traits.durability],
    processes(traits),
    room(traits),
    noticed(traits),
  ]);
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The cells of the table that a page has, without what the formatter adds. */
export function tableIn(page: string): string {
  const from = page.indexOf(begin) + begin.length;
  return page.slice(from, page.indexOf(end)).trim().replace(/ {2,}/g, " ").replace(/-{3,}/g, "---");
}

function runtimesOf(code: string): string {
  const [maker] = /^\w+/.exec(code)!;
  if (!(maker in runtimes)) {
    throw new Error(`Say in .ci/stores_table.ts on which runtimes ${maker} is tested`);
  }
  return runtimes[maker];
}

function processes({ processes, name }: StoreTraits): string {
  if (name === "memory") return "this one";
  return processes === "many" ? "many" : "one at a time";
}

/** When the work of a crashed process is continued. */
function noticed({ name, processes, heartbeatMs }: StoreTraits): string {
  if (name === "Durable Object") return "30 s (its alarm)";
  return processes === "one" ? "its next start" : `${3 * heartbeatMs / 1_000} s`;
}

function room({ limits: { bytes, writes, checks } }: StoreTraits): string {
  const counts = [[writes, "writes"], [checks, "checks"]] as const;
  const parts = [
    ...(Number.isFinite(bytes) ? [sizeText(bytes)] : []),
    ...counts.filter(([count]) => Number.isFinite(count)).map(([count, what]) => `${count} ${what}`),
  ];
  return parts.length === 0 ? "any size" : parts.join(", ");
}

function sizeText(bytes: number): string {
  const kib = bytes / 1_024;
  return kib >= 1_024 ? `${Math.floor(kib / 102.4) / 10} MiB` : `${Math.floor(kib)} KiB`;
}

/** Whether a page shows the table. */
export function hasTable(page: string): boolean {
  return page.includes(begin) && page.includes(end);
}

if (import.meta.main) {
  for (const name of pagesWithTable) {
    const file = new URL(`../${name}`, import.meta.url);
    const page = await Deno.readTextFile(file);
    if (!hasTable(page)) continue;
    const [before, after] = [
      page.slice(0, page.indexOf(begin) + begin.length),
      page.slice(page.indexOf(end)),
    ];
    await Deno.writeTextFile(file, `${before}\n\n${storesTable()}\n\n${after}`);
  }
}
