import { sqlite } from "@posthorn/posthorn/sqlite";
import { httpOutside, printedOutside } from "./outside.ts";
import { openShop, shop } from "./shop.ts";

const adminToken = Deno.env.get("ADMIN_TOKEN");
if (!adminToken) {
  console.error("Cannot open the shop: ADMIN_TOKEN is not set: choose a text that nobody can guess");
  Deno.exit(1);
}
const origin = Deno.env.get("SERVICES");
const outside = origin ? httpOutside(origin) : printedOutside();
const path = Deno.env.get("DB") ?? "./data/shop.db";
const system = await openShop(outside, { store: sqlite(path) });
const server = Deno.serve({
  hostname: Deno.env.get("HOST") ?? "127.0.0.1",
  port: Number(Deno.env.get("PORT") ?? 8_000),
  onListen: ({ hostname, port }) => console.log(`The shop is open: http://${hostname}:${port}`),
}, shop(system, adminToken).fetch);

const signals = ["SIGINT", "SIGTERM"] as const;
for (const signal of signals) Deno.addSignalListener(signal, stop);

async function stop(): Promise<void> {
  for (const signal of signals) Deno.removeSignalListener(signal, stop); // a second signal ends the process at once
  const closed = server.shutdown(); // accepts no new connections; requests under way are answered
  const { kept } = await system.stop(); // ends event streams and running turns; other messages stay in the store
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  console.log(`The shop is closed; ${kept} messages wait in ${path}.`);
  Deno.exit();
}
