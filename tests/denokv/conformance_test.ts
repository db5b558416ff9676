// The cases for stores over a real denokv server, if it is installed: `deno task denokv` installs it.

import { denoKv } from "@posthorn/posthorn/deno-kv";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { DenokvServer, hasServer, token } from "./server.ts";

const missing = !hasServer();

Deno.test({
  name: `a denokv server does what every store must${
    missing ? " (ignored: `deno task denokv` brings the server)" : ""
  }`,
  ignore: missing,
  async fn(context) {
    Deno.env.set("DENO_KV_ACCESS_TOKEN", token);
    await using server = await DenokvServer.start();
    let count = 0;
    const open = () => ({ store: denoKv(server.url, { prefix: `case-${count++}` }) });
    for (const { name, run } of storeConformance({ open })) await context.step(name, run);
  },
});
