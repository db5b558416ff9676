// Two services in one worker that speak to each other over HTTP, as two Durable Objects would.

import { System } from "@posthorn/posthorn";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { Hono } from "hono";
import { Ledger, ledger, Order, order } from "../runtime/remote/services.ts";

const keys = [{ id: "edge", secret: "0123456789abcdef0123456789abcdef" }];

/** Starts both, lets one send to the other, and says what came of it. */
async function exchange(origin: string): Promise<unknown> {
  const app = new Hono();
  const fetch = (request: Request) => Promise.resolve(app.fetch(request)); // as the stub of an object does
  const services = { shop: { url: `${origin}/shop`, fetch }, books: { url: `${origin}/books`, fetch } };
  const shopTransport = httpTransport({
    services,
    keys,
    greets: false,
    expose: [Order.add, Order.lines, Order.settle],
  });
  const booksTransport = httpTransport({ services, keys, greets: false, expose: [Ledger.note] });
  app.route("/shop", shopTransport.routes());
  app.route("/books", booksTransport.routes());
  const shop = new System({ name: "shop", actors: [order()], transport: shopTransport, log: false });
  const books = new System({
    name: "books",
    actors: [ledger()],
    transport: booksTransport,
    remote: [Order],
    log: false,
  });
  try {
    const ada = books.ref(Order, "ada");
    await ada.tell(Order.add, "tea");
    const lines = await ada.ask(Order.lines);
    const ticket = await ada.submit(Order.settle, 5);
    return { lines, reply: await ticket.reply({ timeoutMs: 5_000 }) };
  } finally {
    await Promise.all([books.stop(), shop.stop()]);
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await exchange(new URL(request.url).origin));
  },
};
