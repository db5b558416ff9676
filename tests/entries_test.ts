// What an import of an entry of the package loads: only what the entry needs.

import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);
const { name, exports, tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, string>>;
};

/**
 * What a store loads: itself, and the part of the durable engine that it carries and that works before it is open, with
 * what that needs of the core.
 */
const stores = [
  "runtime/base/",
  "runtime/ports/",
  "runtime/language/",
  "runtime/messages/",
  "runtime/scheduling/",
  "runtime/turns/",
  "runtime/activations/",
  "runtime/durable/engine.ts",
  "runtime/durable/hosted_actor.ts",
  "runtime/durable/persistence.ts",
  "runtime/durable/opening.ts",
  "runtime/durable/startup_queue.ts",
  "runtime/durable/pending_subscriptions.ts",
  "runtime/durable/local_respondents.ts",
  "@std/ulid",
];

/**
 * What a transport loads: itself, and the part for other services that works before it is open, with what that needs of
 * the core.
 */
const transports = [
  "runtime/base/",
  "runtime/ports/",
  "runtime/language/",
  "runtime/messages/",
  "runtime/scheduling/",
  "runtime/durable/startup_queue.ts",
  "runtime/remote/engine.ts",
  "runtime/remote/remote.ts",
  "runtime/remote/registry.ts",
  "runtime/remote/pending_replies.ts",
  "@std/ulid",
];

/**
 * What each entry may load before anything is called: files, the files of folders, and packages. The rest of the durable
 * engine is loaded when a store is opened, and superjson when a value or a request needs it.
 */
const mayLoad: Readonly<Record<string, readonly string[]>> = {
  ".": [
    "mod.ts",
    "actors/",
    "actors/builtin/",
    "runtime/",
    "runtime/base/",
    "runtime/language/",
    "runtime/messages/",
    "runtime/scheduling/",
    "runtime/ports/",
    "runtime/turns/",
    "runtime/activations/",
    "@std/async",
    "@std/ulid",
  ],
  "./protocol": ["runtime/language/"],
  "./http": ["adapters/http/", "adapters/http/body/", "runtime/base/", "runtime/language/", "hono"],
  "./console": [
    "adapters/console/",
    "adapters/console/assets/",
    "adapters/console/measures/",
    "adapters/console/parts/",
    "adapters/console/screens/",
    "runtime/base/",
    "hono",
  ],
  "./store": [
    "adapters/stores/mod.ts",
    "runtime/durable/observe_store.ts",
    "runtime/durable/control_store.ts",
    ...stores,
  ],
  "./transport": ["adapters/transports/mod.ts", ...transports],
  "./kafka": ["adapters/transports/kafka/", ...transports],
  "./nats": ["adapters/transports/nats/", ...transports],
  "./rabbitmq": ["adapters/transports/rabbitmq/", ...transports],
  "./http-transport": ["adapters/transports/http/", ...transports, "hono"],
  "./opentelemetry": ["adapters/telemetry/opentelemetry/", "runtime/base/", "@opentelemetry/api"],
  "./memory": [
    "adapters/memory.ts",
    "adapters/stores/memory/",
    "adapters/transports/memory/",
    ...stores,
    ...transports,
  ],
  "./sqlite": ["adapters/stores/sqlite/", ...stores],
  "./deno-kv": ["adapters/stores/deno_kv/", ...stores],
  "./postgres": ["adapters/stores/postgres/", "runtime/durable/transactions.ts", ...stores],
  "./copy": [
    "adapters/copy.ts",
    "adapters/run_command.ts",
    "adapters/store_of.ts",
    "runtime/base/",
    "runtime/ports/",
    "runtime/durable/copy.ts",
    "@std/ulid",
  ],
  "./inspect": [
    "adapters/inspect.ts",
    "adapters/inspect/",
    "adapters/run_command.ts",
    "adapters/store_of.ts",
    "runtime/base/",
    "runtime/ports/",
    "runtime/observation/",
    "runtime/durable/control_store.ts",
    "runtime/durable/observe_store.ts",
    "@std/ulid",
  ],
  "./durable-object": ["adapters/stores/durable_object/", ...stores],
  "./testing/conformance": [
    "testing/",
    "testing/conformance/",
    "testing/conformance/transport/",
    "runtime/base/",
    "runtime/ports/",
    "@std/ulid",
  ],
};

/** The entries for tests, which may load anything. */
const unbounded = ["./testing", "./testing/simulation"];

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier: string };
  readonly isDynamic?: boolean;
}

interface Info {
  readonly roots: readonly string[];
  readonly modules: readonly { readonly specifier: string; readonly dependencies?: readonly Dependency[] }[];
}

Deno.test("every entry of the package says what it may load", () => {
  assert.deepEqual([...Object.keys(mayLoad), ...unbounded].toSorted(), Object.keys(exports).toSorted());
});

Deno.test("deno task check looks at the documentation of every entry", () => {
  const linted = /deno doc --lint --no-npm ([^&]*) &&/.exec(tasks.check)![1].split(" ");
  assert.deepEqual(linted.toSorted(), Object.values(exports).map((file) => file.slice(2)).toSorted());
});

for (const [entry, allowed] of Object.entries(mayLoad)) {
  Deno.test(`${name}${entry.slice(1)} loads only what it is for`, async () => {
    const loaded = await loadedBy(exports[entry]);
    assert.ok(loaded.includes(exports[entry].slice(2)));
    for (const module of loaded) {
      const folder = module.slice(0, module.lastIndexOf("/") + 1);
      const found = allowed.some((one) => one === module || one === folder);
      assert.ok(found, `${entry} loads ${module} at its start: load it with import() when it is needed`);
    }
  });
}

Deno.test("only the entries of stores, and those for tests, lead to the durable engine", async () => {
  const leading: string[] = [];
  for (const [entry, file] of Object.entries(exports)) {
    const reached = await loadedBy(file, { later: true });
    if (reached.some((module) => module.startsWith("runtime/durable/"))) leading.push(entry);
  }
  assert.deepEqual(
    leading.toSorted(),
    [
      "./copy",
      "./deno-kv",
      "./durable-object",
      "./http-transport",
      "./inspect",
      "./kafka",
      "./memory",
      "./nats",
      "./postgres",
      "./rabbitmq",
      "./sqlite",
      "./store",
      "./transport",
      ...unbounded,
    ].toSorted(),
  );
});

Deno.test("a system with a transport and no store loads of the durable engine only how rows are written", async () => {
  const loaded = await loadedBy("runtime/remote/border.ts");
  const durable = loaded.filter((module) =>
    /^runtime\/durable\/(?!rows\/)|\/(durable_intake|outbox)\.ts$/.test(module)
  );
  assert.deepEqual(durable, []);
});

const [major, minor] = Deno.version.deno.split(".").map(Number);

Deno.test({
  name: "a protocol takes a caller at most 1 KiB, bundled and compressed",
  ignore: major === 2 && minor < 9, // bundling was less good before
  fn: async () => {
    const bundle = await run("bundle", "--minify", "--platform", "browser", "tests/bundled_caller.ts");
    const compressed = new Blob([bundle]).stream().pipeThrough(new CompressionStream("gzip"));
    const { byteLength } = await new Response(compressed).arrayBuffer();
    assert.ok(byteLength <= 1_024, `it takes ${byteLength} bytes`);
  },
});

/**
 * The files and packages that are loaded with a module, before anything of them is called; with `later` also those that
 * may be loaded afterwards.
 */
async function loadedBy(file: string, { later = false } = {}): Promise<string[]> {
  const { roots, modules } = JSON.parse(await run("info", "--json", file)) as Info;
  const dependencies = new Map(modules.map(({ specifier, dependencies = [] }) => [specifier, dependencies]));
  const found = new Set(roots);
  const packages = new Set<string>();
  for (const module of found) {
    for (const { specifier, code, isDynamic } of dependencies.get(module) ?? []) {
      if (code === undefined || (isDynamic && !later)) continue;
      const own = code.specifier.startsWith(root.href) && !code.specifier.startsWith(`${root.href}links/`);
      if (own) found.add(code.specifier);
      else packages.add(/^(@[^/]+\/)?[^/]+/.exec(specifier)![0]);
    }
  }
  return [...Array.from(found, (url) => url.slice(root.href.length)), ...packages];
}

async function run(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
