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

/** A bank and a carrier that record the keys of calls, and answer at once but where the test holds or refuses them. */
class Services implements AsyncDisposable {
  /** The path whose calls are refused for good. */
  refused = "";
  readonly #calls: { readonly path: string; readonly key: string }[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #next = Promise.withResolvers<void>();
  #held = "";
  #called = Promise.withResolvers<void>();
  #answers = Promise.withResolvers<void>();

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const path = new URL(request.url).pathname.slice(1);
      this.#calls.push({ path, key: request.headers.get("idempotency-key")! });
      this.#next.resolve();
      this.#next = Promise.withResolvers();
      await request.body?.cancel();
      if (path === this.#held) {
        this.#called.resolve();
        await this.#answers.promise;
      }
      if (path === this.refused) return new Response(null, { status: 422 });
      return Response.json({ paid: true, tracking: "T1", days: 1 });
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** From now on the calls of this path get no answer. Resolves when there is one. */
  hold(path: string): Promise<void> {
    this.#held = path;
    this.#answers = Promise.withResolvers();
    this.#called = Promise.withResolvers();
    return this.#called.promise;
  }

  release(): void {
    this.#held = "";
    this.#answers.resolve();
  }

  /** Resolves when each of these paths has been called. */
  async all(paths: readonly string[]): Promise<void> {
    while (paths.some((path) => this.countsOf(path).calls === 0)) await this.#next.promise;
  }

  /** How often a path was called, and with how many keys: that many times it took effect. */
  countsOf(path: string): { readonly calls: number; readonly effects: number } {
    const keys = this.#calls.filter((call) => call.path === path).map(({ key }) => key);
    return { calls: keys.length, effects: new Set(keys).size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
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

  /** Sends the checkout. Returns where its answer will be. */
  async checkout(): Promise<string> {
    const response = await fetch(`${this.origin}/api/actors/order/o1/checkout`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "checkout-1" },
      body: JSON.stringify({ card: "4242", carrier: "post" }),
    });
    assert.equal(response.status, 202);
    await response.body?.cancel();
    return response.headers.get("location")!;
  }

  /** The answer to the checkout, when there is one. */
  async answer(location: string): Promise<unknown> {
    const response = await fetch(`${this.origin}${location}`, { headers: { prefer: "wait=60" } });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  }

  /** Takes the checkout back. Returns the status of the answer, and its outcome. */
  async takeBack(location: string): Promise<[number, unknown]> {
    const response = await fetch(`${this.origin}${location}`, { method: "DELETE" });
    const { outcome } = await response.json();
    return [response.status, outcome];
  }

  async deadLetters(): Promise<unknown> {
    const headers = { authorization: "Bearer secret" };
    return await (await fetch(`${this.origin}/admin/dead-letters`, { headers })).json();
  }

  /** Resolves when so many are left in the stock. */
  async has(left: number): Promise<void> {
    while (await this.post("admin/actors/stock/tea/left") !== left);
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

/** A folder with an order that is placed, in a shop that was killed at once. */
async function placed(folder: string, services: Services): Promise<void> {
  await using shop = await Shop.start(folder, services);
  await shop.post("admin/actors/stock/tea/fill", { count: 10, cents: 450 });
  await shop.post("api/actors/order/o1/place", { sku: "tea", count: 2, email: "ada@example.com" });
  await shop.end("SIGKILL");
}

/** The shop whose reservation is done, and that was killed as soon as it had accepted the checkout. */
async function checkedOut(folder: string, services: Services): Promise<string> {
  await using shop = await Shop.start(folder, services);
  await shop.becomes("unpaid");
  const location = await shop.checkout();
  await shop.end("SIGKILL");
  return location;
}

/** The shop that is killed while it calls this path. */
async function killedAt(path: string, folder: string, services: Services): Promise<void> {
  const called = services.hold(path);
  await using shop = await Shop.start(folder, services);
  await called;
  await shop.end("SIGKILL");
  services.release();
}

Deno.test("the checkout of a shop that is killed at each step is answered once, and charges and ships once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  const shipped = { order: "o1", status: "shipped", cents: 900, tracking: "T1" };
  try {
    await placed(folder, services);
    const location = await checkedOut(folder, services);
    await killedAt("charge", folder, services);
    await killedAt("ship", folder, services);
    {
      await using shop = await Shop.start(folder, services);
      assert.deepEqual(await shop.answer(location), shipped);
      await shop.end("SIGKILL");
    }
    await using shop = await Shop.start(folder, services);
    assert.equal(await shop.checkout(), location, "the same request again");
    assert.deepEqual(await shop.answer(location), shipped);
    await shop.has(8);
    assert.deepEqual(await shop.post("admin/actors/report/main/today"), { orders: 1, cents: 900 });
    assert.deepEqual(await shop.deadLetters(), []);
    for (const path of ["charge", "ship"]) {
      const { calls, effects } = services.countsOf(path);
      assert.ok(calls > 1, `${path} was under way when the shop was killed`);
      assert.equal(effects, 1, `${path} is known again by its key`);
    }
    assert.equal(services.countsOf("refund").calls, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the checkout of a shop that is killed while it undoes is answered once, and undoes once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  services.refused = "ship";
  try {
    await placed(folder, services);
    const location = await checkedOut(folder, services);
    await killedAt("ship", folder, services);
    await killedAt("refund", folder, services);
    await using shop = await Shop.start(folder, services);
    assert.deepEqual(await shop.answer(location), { order: "o1", status: "cancelled", cents: 900 });
    await shop.has(10);
    const paths = ["charge", "refund", "recall", "mail"];
    await services.all(paths);
    for (const path of paths) assert.equal(services.countsOf(path).effects, 1, path);
    assert.deepEqual(await shop.post("admin/actors/report/main/today"), { orders: 0, cents: 0 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a checkout is taken back once, also if the shop is killed before it is undone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
  try {
    await placed(folder, services);
    const location = await checkedOut(folder, services);
    const called = services.hold("ship");
    {
      await using shop = await Shop.start(folder, services);
      await called;
      assert.deepEqual(await shop.takeBack(location), [200, "withdrawn"]);
      await shop.end("SIGKILL");
    }
    services.release();
    await using shop = await Shop.start(folder, services);
    await shop.has(10);
    await shop.becomes("cancelled");
    assert.deepEqual(await shop.takeBack(location), [200, "withdrawn"]);
    const paths = ["charge", "ship", "refund", "recall", "mail"];
    await services.all(paths);
    for (const path of paths) assert.equal(services.countsOf(path).effects, 1, path);
    assert.deepEqual(await shop.deadLetters(), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a backup of the running shop is a shop of its own, with all that was accepted before", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-shop-" });
  await using services = new Services();
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
    await shop.answer(await shop.checkout());
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
