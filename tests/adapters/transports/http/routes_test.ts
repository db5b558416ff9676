// The routes of a transport: before, while and after its system runs, and behind a proxy.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { httpTransport, type HttpTransportOptions } from "@posthorn/posthorn/http-transport";
import { Hono } from "hono";
import { Order, order } from "../../../runtime/remote/services.ts";
import { isInstalled } from "./installed.ts";
import { keys } from "./network.ts";
import { signed } from "./signed.ts";

const inbox = "https://shop.test/posthorn/inbox/order";

function shop(options: Partial<HttpTransportOptions> = {}) {
  const transport = httpTransport({
    services: { books: {} },
    keys,
    expose: [Order.add, Order.lines],
    ...options,
  });
  const app = new Hono().route("/posthorn", transport.routes());
  const start = () => new System({ name: "shop", actors: [order()], transport, log: false });
  return { transport, app, start };
}

/** A request that is valid now. */
const now = (url: string, nonce: string) => signed(url, { created: Math.floor(Date.now() / 1_000), nonce });

Deno.test("a request that comes before its system has started waits for it", async () => {
  const { app, start } = shop();
  const answering = app.fetch(now(inbox, "n1"));
  await using system = start();
  assert.equal((await answering).status, 200);
  assert.deepEqual(await system.ref(Order, "ada").ask(Order.lines), ["tea"]);
});

Deno.test("when its system has stopped, a request is refused, and another system may take the transport", async () => {
  const { app, start } = shop();
  const first = start();
  await first.ready();
  await first.stop();
  const response = await app.fetch(now(inbox, "n1"));
  assert.deepEqual([response.status, (await response.json()).code], [503, "unavailable"]);
  await using second = start();
  await second.ready();
  const served = await app.fetch(now(inbox, "n1"));
  assert.equal(served.status, 200, await served.text());
});

Deno.test("two systems cannot have one transport at the same time", async () => {
  const { start } = shop();
  await using first = start();
  await first.ready();
  await using second = start();
  await assert.rejects(second.ready(), /another system has it/);
  assert.equal(first.health.transport?.status, "connected");
});

Deno.test("behind a proxy that changes the path, the path is the one that others name", async () => {
  const { app, start } = shop({ path: "/shop/v1/" });
  await using system = start();
  await system.ready();
  const named = now("https://example.com/shop/v1/inbox/order", "n1");
  assert.equal((await app.fetch(new Request(inbox, named))).status, 200);
  assert.equal((await app.fetch(now(inbox, "n2"))).status, 401);
  const greeting = signed("https://example.com/shop/v1", {
    method: "GET",
    created: Math.floor(Date.now() / 1_000),
    nonce: "n3",
  });
  assert.equal((await app.fetch(new Request("https://shop.test/posthorn", greeting))).status, 200);
});

Deno.test({
  name: "the shell on the page signs a request that is accepted" +
    (isInstalled("curl", "openssl", "bash")
      ? ""
      : " (it needs curl, openssl and bash: apt-get install curl openssl)"),
  ignore: !isInstalled("curl", "openssl", "bash"),
  async fn() {
    const page = await Deno.readTextFile(new URL("../../../../docs/http-transport.md", import.meta.url));
    const script = /```bash\n([^]*?)```/.exec(page)![1].replaceAll(
      "/billing/inbox/ledger",
      "/billing/inbox/order",
    )
      .replace('"key":"2026","operation":"book","length":3', '"key":"2026","operation":"add","length":5')
      .replace("\n450\n", '\n"tea"\n');
    const key = { id: "2026-11", secret: "32 bytes or more, the same in both services" };
    const transport = httpTransport({
      services: { orders: {} },
      keys: [key],
      expose: [Order.add, Order.lines],
    });
    const app = new Hono().route("/billing", transport.routes());
    await using system = new System({ name: "billing", actors: [order()], transport, log: false });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
    try {
      const { stdout } = await new Deno.Command("bash", {
        args: ["-ec", script],
        env: { SECRET: key.secret, ORIGIN: `http://127.0.0.1:${server.addr.port}` },
      }).output();
      assert.match(new TextDecoder().decode(stdout), /"taken":1}/);
      assert.deepEqual(await system.ref(Order, "2026").ask(Order.lines), ["tea"]);
    } finally {
      await server.shutdown();
    }
  },
});
