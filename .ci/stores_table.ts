// What the stores can do, as README shows it: made from their traits. `deno run -A .ci/stores_table.ts` writes it there.

import { denoKv, memoryStore, sqlite, type Store, type StoreTraits } from "../mod.ts";

const stores: Readonly<Record<string, Store>> = {
  'sqlite("./posthorn.db")': sqlite("./posthorn.db"),
  'sqlite("./posthorn.db", { synchronous: "normal" })': sqlite("./posthorn.db", { synchronous: "normal" }),
  "denoKv() on Deno Deploy": denoKv("https://api.deno.com/v2/databases/1/connect"),
  "denoKv(url) of a server of your own": denoKv("https://kv.example"),
  'denoKv("./posthorn.kv")': denoKv("./posthorn.kv", { remote: false }),
  "memoryStore()": memoryStore(),
};

const durability: Readonly<Record<StoreTraits["durability"], string>> = {
  nothing: "nothing",
  process: "the end of the process",
  power: "a loss of power",
};

const begin = "<!-- stores: made by .ci/stores_table.ts -->";
const end = "<!-- end of stores -->";

/** The table, as Markdown. */
export function storesTable(): string {
  const heads = ["store", "a commit outlives", "processes", "one commit takes", "taken for dead after"];
  const rows = Object.entries(stores).map(([code, { traits }]) => [
    code.replace(/(sqlite|denoKv|memoryStore)\([^)]*\)/g, "`$&`"),
    durability[traits.durability],
    processes(traits),
    room(traits),
    `${3 * traits.heartbeatMs / 1_000} s`,
  ]);
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The cells of the table that a page has, without what the formatter adds. */
export function tableIn(page: string): string {
  const from = page.indexOf(begin) + begin.length;
  return page.slice(from, page.indexOf(end)).trim().replace(/ {2,}/g, " ").replace(/-{3,}/g, "---");
}

function processes({ processes, name }: StoreTraits): string {
  if (name === "memory") return "this one";
  return processes === "many" ? "many" : "one at a time";
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
  return kib >= 1_024 ? `${Math.floor(kib / 1_024)} MiB` : `${Math.floor(kib)} KiB`;
}

if (import.meta.main) {
  const readme = new URL("../README.md", import.meta.url);
  const text = await Deno.readTextFile(readme);
  const [before, after] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))];
  await Deno.writeTextFile(readme, `${before}\n\n${storesTable()}\n\n${after}`);
}
