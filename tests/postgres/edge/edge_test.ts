// The store on workerd, through Hyperdrive: a real process, and a real server.

import assert from "node:assert/strict";
import { withDatabase } from "../database.ts";
import { bundledTest } from "../given.ts";
import { bundleForWorkerd } from "./bundler.ts";

bundledTest(
  "postgres on workerd, through Hyperdrive: what a store promises, and actors",
  async ({ url, schema }) => {
    const script = await bundleForWorkerd(new URL("worker.ts", import.meta.url).pathname);
    const { Miniflare } = await import("miniflare"); // loaded only if it is used, because that takes a while
    const miniflare = new Miniflare({
      modules: true,
      script,
      hyperdrives: { HYPERDRIVE: url.replace("postgres@", "postgres:any@") },
      compatibilityDate: "2026-07-01",
      compatibilityFlags: ["nodejs_compat"],
      cf: false, // otherwise it queries Cloudflare for its location
      handleStructuredLogs({ message }: { readonly message: string }) {
        // how workerd reports that the store has closed its connections
        if (!message.includes("disconnected: ")) console.error(message);
      },
    });
    try {
      const at = (path: string) => new URL(path, worker);
      const worker = await miniflare.ready;
      const { count, failures, prefix } = await (await fetch(at("/conformance"))).json();
      await withDatabase(url, async (client) => {
        for (let number = 1; number <= count; number++) {
          await client.query(`DROP SCHEMA IF EXISTS ${prefix}${number} CASCADE`);
        }
      });
      assert.deepEqual(failures, []);
      assert(count > 20);
      for (const id of ["a", "b", "b", "c"]) {
        const response = await fetch(at(`/write?schema=${schema}&id=${id}`), { method: "POST", body: id });
        assert.equal(response.status, 202);
        await response.body?.cancel();
      }
      const read = await fetch(at(`/read?schema=${schema}`));
      assert.deepEqual(await read.json(), ["a", "b", "c"]);
    } finally {
      await miniflare.dispose();
    }
  },
);
