import { System, type SystemOptions } from "@posthorn/posthorn";
import { ingress, problemResponse } from "@posthorn/posthorn/http";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { HTTPException } from "hono/http-exception";
import { order } from "./order.ts";
import type { Outside } from "./outside.ts";
import { Carrier, CarrierName, Order, Report, Stock } from "./protocols.ts";
import { report } from "./report.ts";
import { services } from "./services.ts";
import { stock } from "./stock.ts";

/** Starts the system. Without a store the actors are in memory. */
export async function openShop(
  outside: Outside,
  options: Pick<SystemOptions, "store" | "clock" | "log"> = {},
): Promise<System> {
  const actors = [order, stock, report("owner@shop.example"), ...services(outside)];
  const system = new System({ actors, ...options });
  await system.ready();
  const books = system.ref(Report, "main");
  await system.subscribe(Order.changed, books.at(Report.record), { subject: "shipped" }).ready;
  for (const name of CarrierName.options) {
    await system.subscribe(Carrier.quote, system.ref(Carrier, name).at(Carrier.quote)).ready;
  }
  await system.schedule("nightly", { cron: "0 2 * * *", timeZone: "Europe/Berlin" }, books.at(Report.send));
  return system;
}

/** The HTTP app: one part for buyers, and one for the owner behind a bearer token. */
export function shop(system: System, adminToken: string): Hono {
  const app = new Hono();
  app.onError((error) => error instanceof HTTPException ? error.getResponse() : problemResponse(error));
  app.route(
    "/api",
    ingress(system, { expose: [Order.place, Order.checkout, Order.view, Carrier.quote] }),
  );

  app.use("/admin/*", bearerAuth({ token: adminToken }));
  app.get("/admin/dead-letters", (context) => context.json(system.deadLetters.list()));
  app.post("/admin/dead-letters/:id", async (context) => {
    await system.deadLetters.resend(context.req.param("id"));
    return context.body(null, 204);
  });
  app.route(
    "/admin",
    ingress(system, {
      expose: [Stock.fill, Stock.left, Report.today, Order.changed],
      metrics: true,
      healthReasons: true,
    }),
  );
  return app;
}
