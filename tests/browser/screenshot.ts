// deno task screenshot [FILE]  takes the picture of the console that is in README: docs/console.png, in about a minute

import {
  actor,
  event,
  protocol,
  RetryableError,
  submit,
  System,
  tell,
  TerminalError,
} from "@posthorn/posthorn";
import { console as posthornConsole } from "@posthorn/posthorn/console";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";
import { chromiumPath } from "./chromium.ts";
import { launch } from "./given.ts";

/** How long the shop is open before the picture is taken, in milliseconds. */
const openMs = 62_000;

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const Order = protocol("order", {
  place: tell(z.object({ sku: z.string(), cents: z.number() })),
  charge: tell(z.object({ cents: z.number() })),
  placed: event(z.string()),
});
const Carrier = protocol("carrier", { pick: submit(z.string(), z.string()), track: tell(z.string()) });
const Ledger = protocol("ledger", { record: tell(z.string()) });

const order = actor(Order, {
  state: () => ({ cents: 0, lines: 0 }),
  on: {
    async place(ctx, { sku, cents }) {
      await delay(1 + cents % 7);
      ctx.state = { cents: ctx.state.cents + cents, lines: ctx.state.lines + 1 };
      ctx.publish(Order.placed, sku);
    },
    charge(_ctx, { cents }) {
      if (cents > 90_000) {
        throw new TerminalError("The bank refused the card: limit exceeded", { code: "card-refused" });
      }
      throw new RetryableError("The bank does not answer", { afterMs: 30_000 });
    },
  },
});
const carrier = actor(Carrier, { state: () => 0, on: { pick: () => "today", track: () => {} } });
const ledger = actor(Ledger, { state: () => 0, on: { record: (ctx) => void ctx.state++ } });

await using system = new System({
  actors: [order, carrier, ledger],
  store: sqlite(":memory:"),
  log: () => {},
});
await system.ready();
await system.subscribe(Order.placed, system.ref(Ledger, "main").at(Ledger.record)).ready;
const app = posthornConsole(system, { actions: true });
const end = new AbortController();
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, signal: end.signal, onListen: () => {} },
  app.fetch,
);
const path = chromiumPath();
if (path === undefined) throw new Error("Cannot take a picture: run `deno task browser --install`");
const browser = await launch(path);
try {
  const page = await browser.newPage({ viewport: { width: 1180, height: 860 }, colorScheme: "light" });
  await page.goto(`http://127.0.0.1:${server.addr.port}/overview`);
  for (const key of ["ada", "bob"]) await system.ref(Order, key).tell(Order.charge, { cents: 99_000 });
  await system.ref(Order, "eve").tell(Order.charge, { cents: 450 });
  await system.ref(Order, "eve").tell(Order.place, { sku: "tea", cents: 450 });
  const untilMs = performance.now() + openMs;
  for (let placed = 0; performance.now() < untilMs; placed++) {
    const burst = 1 + Math.round(2 * (1 + Math.sin(placed / 60)));
    for (let one = 0; one < burst; one++) {
      void system.ref(Order, `customer-${(placed * 7 + one) % 400}`).tell(Order.place, {
        sku: "tea",
        cents: 100 + placed % 50,
      });
    }
    await delay(25);
  }
  await page.screenshot({ path: Deno.args[0] ?? "docs/console.png" });
} finally {
  await browser.close();
  end.abort();
}
