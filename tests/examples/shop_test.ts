// The shop of the guide as a real process, with the permissions that docs/self-hosting.md lists.

import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const guide = await Deno.readTextFile(new URL("docs/self-hosting.md", root));

/** The arguments of the command on the page, for these files and ports. */
function documentedArgs(folder: string, servicesPort: number): string[] {
  const command = /^deno (run --no-prompt[^]*?)main\.ts$/m.exec(guide)?.[1] ?? "";
  const flags = command.split(/[\s\\]+/).filter((word) => word !== "");
  return flags.map((flag) =>
    flag.replace("127.0.0.1:8000", `127.0.0.1:0,127.0.0.1:${servicesPort}`).replace("./data", folder)
  );
}

/** A bank and a carrier that record the keys of calls, and answer when the test lets them. */
class Services implements AsyncDisposable {
  readonly calls: { readonly path: string; readonly key: string }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #aborted = new AbortController();
  #answers = Promise.withResolvers<void>();
  #called = Promise.withResolvers<void>();

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const path = new URL(request.url).pathname;
      this.calls.push({ path, key: request.headers.get("idempotency-key")! });
      this.#called.resolve();
      await request.body?.cancel();
      await this.#answers.promise;
      return Response.json({ paid: true, tracking: "T1" });
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** Resolves when it was called. */
  get called(): Promise<void> {
    return this.#called.promise;
  }

  answer(): void {
    this.#answers.resolve();
  }

  keysOf(path: string): string[] {
    return this.calls.filter((call) => call.path === path).map(({ key }) => key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.answer();
    this.#aborted.abort();
    await this.#server.shutdown();
  }
}

/** The shop as a process. */
class Shop implements AsyncDisposable {
  readonly origin: string;
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<string>;

  private constructor(process: Deno.ChildProcess, origin: string, output: Promise<string>) {
    this.#process = process;
    this.origin = origin;
    this.#output = output;
  }

  static async start(folder: string, services: Services): Promise<Shop> {
    const process = new Deno.Command(Deno.execPath(), {
      args: [...documentedArgs(folder, services.port), "--quiet", "examples/shop/main.ts"],
      cwd: root,
      env: {
        ADMIN_TOKEN: "secret",
        DB: `${folder}/shop.db`,
        HOST: "127.0.0.1",
        PORT: "0",
        SERVICES: `http://127.0.0.1:${services.port}`,
        NO_COLOR: "1",
      },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const output = Promise.all([
      read(process.stdout, (text) => {
        const origin = /(http:\S+)/.exec(text)?.[1];
        if (origin !== undefined) resolve(origin);
      }),
      read(process.stderr, () => {}),
    ]).then((texts) => texts.join(""));
    output.then((text) => reject(new Error(`The shop ended: ${text}`)));
    return new Shop(process, await promise, output);
  }

  async post(path: string, payload?: unknown): Promise<unknown> {
    const response = await fetch(`${this.origin}/${path}`, {
      method: "POST",
      headers: { "authorization": "Bearer secret", "content-type": "application/json" },
      ...(payload !== undefined && { body: JSON.stringify(payload) }),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Resolves when the order has this status. */
  async becomes(status: string): Promise<void> {
    for (;;) {
      const view = await this.post("api/actors/order/o1/view") as { readonly status: string };
      if (view.status === status) return;
    }
  }

  follow(): Promise<Response> {
    return fetch(`${this.origin}/admin/events/order/changed`, {
      headers: { authorization: "Bearer secret" },
    });
  }

  async end(signal: Deno.Signal): Promise<{ readonly code: number; readonly output: string }> {
    this.#process.kill(signal);
    const { code } = await this.#process.status;
    return { code, output: await this.#output };
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
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    text += decoder.decode(part, { stream: true });
    hear(text);
  }
  return text;
}

async function backup(from: string, to: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", "examples/shop/backup.ts", from, to],
    cwd: root,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

Deno.test("the shop that is killed while the bank is asked charges once, and ships when it is started again", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  try {
    {
      await using shop = await Shop.start(folder, services);
      await shop.post("admin/actors/stock/tea/fill", { count: 10, cents: 450 });
      await shop.post("api/actors/order/o1/place", { sku: "tea", count: 2, email: "ada@example.com" });
      await shop.becomes("unpaid");
      await shop.post("api/actors/order/o1/pay", { card: "4242" });
      await services.called;
      await shop.end("SIGKILL");
    }
    services.answer();
    {
      await using shop = await Shop.start(folder, services);
      await shop.becomes("shipped");
      assert.deepEqual(await shop.post("admin/actors/report/main/today"), { orders: 1, cents: 900 });
      const [first, second, ...more] = services.keysOf("/charge");
      assert.equal(second, first, "the bank knows the second call by its key");
      assert.deepEqual([more, services.keysOf("/ship").length], [[], 1]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a backup of the running shop is a shop of its own, with all that was accepted before", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  services.answer();
  try {
    await Deno.mkdir(`${folder}/restored`);
    {
      await using shop = await Shop.start(folder, services);
      await shop.post("admin/actors/stock/tea/fill", { count: 10, cents: 450 });
      await shop.post("api/actors/order/o1/place", { sku: "tea", count: 2, email: "ada@example.com" });
      await shop.becomes("unpaid");
      await backup(`${folder}/shop.db`, `${folder}/restored/shop.db`);
      await shop.post("admin/actors/stock/tea/fill", { count: 1, cents: 450 });
    }
    await using shop = await Shop.start(`${folder}/restored`, services);
    assert.equal(await shop.post("admin/actors/stock/tea/left"), 8);
    await shop.post("api/actors/order/o1/pay", { card: "4242" });
    await shop.becomes("shipped");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("SIGTERM ends the shop with code 0, although somebody follows its events", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  try {
    await using shop = await Shop.start(folder, services);
    const stream = await shop.follow();
    assert.equal(stream.status, 200);
    const [{ code, output }, events] = await Promise.all([shop.end("SIGTERM"), stream.text()]);
    assert.equal(code, 0, output);
    assert.match(output, /^The shop is closed; 0 messages wait in /m);
    assert.match(events, /^retry: /m); // it ended regularly
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
