// The saga of the README, in a process that is killed while its caller waits for the answer.

import assert from "node:assert/strict";
import { textOf } from "../docs/page.ts";

const root = new URL("../../", import.meta.url).pathname;

/** The shop in a process of its own, in a folder of its own. */
class Shop {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(cwd: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "serve",
        "-A",
        "--no-check",
        "--port",
        "0",
        "-c",
        `${root}deno.json`,
        `${root}examples/saga/shop.ts`,
      ],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#child.stdout.cancel();
  }

  /** Where it listens. */
  async url(): Promise<string> {
    let text = "";
    const lines = this.#child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await lines.read();
      text += value ?? "";
      const port = /Listening on http:\/\/[^ ]*:(\d+)\//.exec(text)?.[1];
      if (port !== undefined) {
        await lines.cancel();
        return `http://127.0.0.1:${port}`;
      }
      if (done) throw new Error(`the shop has ended: ${text}`);
    }
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#ended;
  }
}

Deno.test("the caller of the README's saga gets its answer over a SIGKILL", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const first = new Shop(folder);
    const placed = await fetch(`${await first.url()}/actors/order/1/place`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sku: "tea", cents: 450 }),
    });
    await placed.body?.cancel();
    const location = placed.headers.get("location");
    assert.equal(placed.status, 202);
    await first.kill();
    const second = new Shop(folder);
    const answer = await fetch(`${await second.url()}${location}`, { headers: { prefer: "wait=60" } });
    assert.deepEqual(await answer.json(), { order: "1", parcel: "a parcel of tea" });
    assert.equal(answer.status, 200);
    await second.kill();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the handlers of the README's saga have at most eight lines", async () => {
  const text = await textOf("examples/saga/shop.ts");
  const handlers = text.slice(text.indexOf("  on: {\n"), text.indexOf("  },\n});\nconst bank"));
  const lines = handlers.split("\n").slice(1).filter((line) =>
    !/^\s*(}|\w+\(.*\{$)/.test(line) && line.trim() !== ""
  );
  assert.ok(lines.length <= 8, lines.join("\n"));
  assert.ok((await textOf("README.md")).includes(text.slice(text.indexOf("const Line"))));
});
