// The transport over HTTP on workerd: it needs nothing but `fetch`, Web Crypto and streams.

import assert from "node:assert/strict";

const [major, minor] = Deno.version.deno.split(".").map(Number);
const supported = major > 2 || (major === 2 && minor >= 9);
const root = new URL("../../", import.meta.url);

let edge: { readonly url: URL; dispose(): Promise<void> };

// Started outside of the test, because miniflare leaves a message port and a timer of its HTTP client behind.
if (supported) {
  Deno.test.beforeAll(async () => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--platform", "browser", "tests/edge/http_transport_worker.ts"],
      cwd: root,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const { Miniflare } = await import("miniflare"); // loaded only if it is used, because that takes a while
    const script = new TextDecoder().decode(stdout);
    const miniflare = new Miniflare({ modules: true, script, compatibilityDate: "2026-07-01", cf: false });
    edge = { url: await miniflare.ready, dispose: () => miniflare.dispose() };
  });
  Deno.test.afterAll(() => edge?.dispose());
}

Deno.test({
  name: "two services in workerd tell, ask and submit over HTTP",
  ignore: !supported,
  async fn() {
    const response = await fetch(edge.url);
    assert.deepEqual(await response.json(), { lines: ["tea"], reply: "ada 5" });
  },
});
