// The entry for Deno Deploy as a real process, on a file.

import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

/** The entry as a process. */
class App implements AsyncDisposable {
  readonly origin: string;
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<string>;

  private constructor(process: Deno.ChildProcess, origin: string, output: Promise<string>) {
    this.#process = process;
    this.origin = origin;
    this.#output = output;
  }

  static async start(kvPath: string): Promise<App> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--unstable-kv", "--unstable-cron", "examples/deploy/main.ts"],
      cwd: root,
      env: { KV_PATH: kvPath, PORT: "0", NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
    const heard = [read(process.stdout, hear), read(process.stderr, () => {})];
    const output = Promise.all(heard).then((texts) => texts.join(""));
    function hear(text: string): void {
      const origin = /^Listening on (http:\S+)\/$/m.exec(text)?.[1];
      if (origin !== undefined) resolve(origin);
    }
    output.then((text) => reject(new Error(`The app ended: ${text}`)));
    return new App(process, await listening, output);
  }

  /** Stops it as the platform does. */
  async interrupt(): Promise<{ readonly code: number; readonly tookMs: number; readonly output: string }> {
    const beganMs = performance.now();
    this.#process.kill("SIGINT");
    const { code } = await this.#process.status;
    return { code, tookMs: performance.now() - beganMs, output: await this.#output };
  }

  async post(path: string, payload?: unknown): Promise<Response> {
    const headers: HeadersInit = payload === undefined ? {} : { "content-type": "application/json" };
    const body = payload === undefined ? null : JSON.stringify(payload);
    return await fetch(`${this.origin}/actors/cart/${path}`, { method: "POST", headers, body });
  }

  async json(response: Promise<Response>): Promise<unknown> {
    return await (await response).json();
  }

  async storeStatus(): Promise<string> {
    for (;;) {
      const { store } = await (await fetch(`${this.origin}/healthz`)).json();
      if (store.status !== "opening") return store.status;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has already ended
    }
    await this.#process.status;
    await this.#output;
  }
}

async function read(stream: ReadableStream<Uint8Array>, hear: (text: string) => void): Promise<string> {
  let text = "";
  for await (
    const part of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
  ) {
    text += part;
    hear(text);
  }
  return text;
}

Deno.test("The entry for Deno Deploy ends cleanly within a second, and keeps what it accepted", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-deploy-" });
  try {
    const path = `${folder}/posthorn.kv`;
    const carts = Array.from({ length: 20 }, (_, index) => `cart-${index}`);
    let location: string;
    {
      await using app = await App.start(path);
      assert.equal(await app.storeStatus(), "unverified");
      await app.json(app.post("ada/add", { sku: "tea", cents: 450 }));
      const submitted = await app.post("ada/settle");
      assert.equal(submitted.status, 202);
      await submitted.body?.cancel();
      location = submitted.headers.get("location")!;
      const answers = await Promise.all(
        carts.map((key) => app.post(`${key}/add`, { sku: "tea", cents: 50 })),
      );
      for (const answer of answers) {
        assert.equal(answer.status, 202);
        await answer.body?.cancel();
      }
      const { code, tookMs, output } = await app.interrupt(); // most messages are not handled yet
      assert.equal(code, 0, output);
      assert.ok(tookMs < 1_000, `it took ${tookMs} ms to end`);
      assert.match(
        output,
        /^The store \(Deno KV, file\) is unverified: .*is a database assigned to this app\?$/m,
      );
      assert.match(output, /^Stopped\.$/m);
    }
    {
      await using app = await App.start(path);
      assert.equal(await app.storeStatus(), "durable");
      const reply = fetch(`${app.origin}${location}`, { headers: { prefer: "wait=5" } });
      assert.deepEqual(await app.json(reply), { cart: "ada", cents: 450 });
      for (const key of carts) assert.equal(await app.json(app.post(`${key}/total`)), 50);
      assert.equal(await app.json(app.post("ada/total")), 0);
      const { code, output } = await app.interrupt();
      assert.equal(code, 0, output);
      assert.match(output, /^The store \(Deno KV, file\) is durable: it has kept data since /m);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
