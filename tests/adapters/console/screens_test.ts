import assert from "node:assert/strict";
import { console as posthornConsole, type ConsoleSystem } from "@posthorn/posthorn/console";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { Hono } from "hono";
import { fakeObservation, fakeSystem } from "./fake_system.ts";
import { Order, Shop } from "./shop_system.ts";
import { hostileEvents, hostileObservation, hostilePages, hostileTexts } from "./hostile.ts";

const authorize = () => true;

/** The names of the elements of a page, and the targets of its links. */
function partsOf(html: string): { tags: Set<string>; links: string[] } {
  const tags = new Set(Array.from(html.matchAll(/<([a-z][a-z0-9]*)/gi), ([, name]) => name.toLowerCase()));
  const links = Array.from(html.matchAll(/\s(?:href|src|action)="([^"]*)"/g), ([, link]) => link);
  return { tags, links };
}

Deno.test("no text of a system becomes markup, on any page", async () => {
  const ordinary = await tagsWith("a");
  for (const text of hostileTexts) {
    const found = await tagsWith(text);
    assert.deepEqual([...found].filter((tag) => !ordinary.has(tag)), [], text);
  }

  async function tagsWith(text: string): Promise<Set<string>> {
    const listeners: Parameters<ConsoleSystem["inspect"]>[0][] = [];
    const system = fakeSystem({
      observe: hostileObservation(text, 0),
      health: {
        status: "stopping",
        reason: text,
        store: { name: text, status: "unavailable", reason: text },
        transport: { name: text, status: "refused", reason: text },
        broken: [{ protocol: "order", key: text, reason: text }],
      },
      inspect(listener) {
        listeners.push(listener);
        return { [Symbol.dispose]: () => {} };
      },
    });
    const app = posthornConsole(system, { authorize, actions: true });
    await (await app.request("/overview")).body?.cancel();
    for (const event of hostileEvents(text)) listeners[0](event);
    const all = new Set<string>();
    for (const page of hostilePages(text)) {
      const answer = await app.request(`/${page}`);
      assert.equal(answer.status, page.startsWith("nothing") ? 404 : 200, page);
      const html = await answer.text();
      assert.ok(!/<[^>]*\son[a-z]+\s*=/i.test(html.replace(/"[^"]*"/g, '""')), `${page} has a handler`);
      const { tags, links } = partsOf(html);
      for (const tag of tags) all.add(tag);
      for (const link of links) assert.match(link, /^(\.\/[a-z-]+[.?]?|#main$)/, `${page} links to ${link}`);
    }
    return all;
  }
});

Deno.test("a mark in a name turns nothing around in what the console asks before something is lost", async () => {
  const mark = "\u202e";
  const app = posthornConsole(fakeSystem({ observe: hostileObservation(mark, 0) }), {
    authorize,
    actions: true,
  });
  for (
    const page of [
      "schedules",
      "dead-letters?reason=" + encodeURIComponent(mark),
      `actor?protocol=order&key=${mark}`,
    ]
  ) {
    const html = await (await app.request(`/${page}`)).text();
    const asked = html.match(/<details class="confirm"[^]*?<\/details>/g)!.join("");
    assert.ok(asked.includes(mark), page);
    const texts = asked.replace(/<[^>]*"[^>]*>/g, ""); // the ids and fields of forms are not shown
    assert.ok(!texts.replace(/<bdi>[^<]*<\/bdi>/g, "").includes(mark), page);
  }
});

Deno.test("a link to an actor or a message leads back to exactly that key and id", async () => {
  for (const text of hostileTexts) {
    const asked: unknown[] = [];
    const observe = {
      ...hostileObservation(text, 0),
      actor(actor: unknown) {
        asked.push(actor);
        return Promise.resolve(undefined);
      },
    };
    const app = posthornConsole(fakeSystem({ observe }), { authorize });
    const html = await (await app.request("/failing")).text();
    const link = /href="(\.\/actor[^"]*)"/.exec(html)![1].replaceAll("&amp;", "&");
    await (await app.request(new URL(link, "http://console/failing").href)).body?.cancel();
    assert.deepEqual(asked, [{ protocol: "order", key: text }]);
  }
});

Deno.test("every answer of a console forbids what is not its own, and is not kept", async () => {
  const app = posthornConsole(fakeSystem(), { authorize });
  for (
    const [method, path] of [["GET", "/overview"], ["GET", "/"], ["GET", "/nothing"], ["POST", "/pause"]]
  ) {
    const { headers } = await app.request(path, { method });
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(
      policy,
      /^default-src 'none'; script-src 'nonce-[\w+/=]+'; style-src 'nonce-[\w+/=]+';/,
      path,
    );
    for (
      const rule of ["form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'", "connect-src 'self'"]
    ) {
      assert.ok(policy.includes(rule), `${path} lacks ${rule}`);
    }
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("referrer-policy"), "same-origin");
    assert.equal(headers.get("cache-control"), "no-store", path);
  }
});

Deno.test("two answers have different nonces, and only its own script and style have one", async () => {
  const app = posthornConsole(fakeSystem(), { authorize });
  const nonces = new Set<string>();
  for (let run = 0; run < 2; run++) {
    const answer = await app.request("/overview");
    const nonce = /'nonce-([^']+)'/.exec(answer.headers.get("content-security-policy")!)![1];
    const html = await answer.text();
    assert.equal(html.split(`nonce="${nonce}"`).length, 3);
    assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| style="/);
    nonces.add(nonce);
  }
  assert.equal(nonces.size, 2);
});

Deno.test("a console works under any path, and its own path leads to its first page", async () => {
  for (const mount of ["/", "/console", "/ops/:tenant/console", "/deep/er"]) {
    const path = mount.replace(":tenant", "a%2Fb");
    const app = new Hono().route(mount, posthornConsole(fakeSystem(), { authorize }));
    for (const own of path === "/" ? ["/"] : [path, `${path}/`]) {
      const answer = await app.request(own);
      assert.equal(answer.status, 302, own);
      const location = new URL(answer.headers.get("location")!, `http://localhost${own}`).pathname;
      assert.equal(location, `${path === "/" ? "" : path}/overview`);
      assert.equal((await app.request(location)).status, 200);
      const head = await app.request(own, { method: "HEAD" });
      assert.deepEqual([head.status, head.headers.get("location")], [302, answer.headers.get("location")]);
    }
  }
});

Deno.test("a console works under a path that no header can hold as it is", async () => {
  const app = new Hono()
    .route("/コンソール", posthornConsole(fakeSystem(), { authorize }))
    .route("/of/:tenant", posthornConsole(fakeSystem(), { authorize }));
  for (const path of ["/コンソール", "/of/%0d%0ax-evil:%201"]) {
    const { status, headers } = await app.request(`http://localhost${path}`);
    assert.equal(status, 302, path);
    assert.equal(headers.get("x-evil"), null);
    const location = new URL(headers.get("location")!, `http://localhost${path}`);
    assert.equal((await app.request(location)).status, 200, location.href);
  }
});

Deno.test("a path that looks like another host leads nowhere else", async () => {
  const app = new Hono().route("/console", posthornConsole(fakeSystem(), { authorize }));
  for (
    const path of [
      "/console//evil.example/",
      "/console///evil.example",
      "/console/..%2f..",
      "/console/%2f%2fevil.example",
    ]
  ) {
    const { status, headers } = await app.request(`http://localhost${path}`);
    if (status === 302) assert.match(headers.get("location")!, /^\.\/(overview|[^/]+\/overview)$/, path);
    else assert.equal(status, 404, path);
  }
});

Deno.test("what belongs to no page is not found, and other methods change nothing", async () => {
  const app = posthornConsole(fakeSystem(), { authorize, actions: true });
  const found = async (path: string, method = "GET") => (await app.request(path, { method })).status;
  assert.equal(await found("/nothing"), 404);
  assert.equal(await found("/actor"), 404);
  assert.equal(await found("/actor?protocol=order"), 404);
  assert.equal(await found("/actors"), 404);
  assert.equal(await found("/story"), 404);
  assert.equal(await found("/pause"), 404);
  assert.equal(await found("/overview", "POST"), 404);
  assert.equal(await found("/overview", "DELETE"), 404);
  assert.equal(await found("/pause", "PUT"), 404);
  assert.equal(await found("/overview", "HEAD"), 200);
});

Deno.test("a page says what went wrong if the system cannot answer", async () => {
  const observe = fakeObservation({ topics: () => Promise.reject(new Error("the store is <away>")) });
  const app = posthornConsole(fakeSystem({ observe }), { authorize });
  const answer = await app.request("/topics");
  assert.equal(answer.status, 500);
  assert.match(await answer.text(), /the store is &lt;away&gt;/);
});

Deno.test("a page that cannot be shown says how the system and its store are", async () => {
  const closed = () => Promise.reject(new Error("the store is closed"));
  const observe = fakeObservation({ instances: closed, deadLetters: closed });
  const stopped = fakeSystem({ observe, health: { status: "stopped" } });
  const app = posthornConsole(stopped, { authorize });
  for (const page of ["overview", "dead-letters", "service"]) {
    const answer = await app.request(`/${page}`);
    assert.equal(answer.status, 500);
    const html = await answer.text();
    assert.match(html, /<h1>This page cannot be shown<\/h1>/);
    assert.match(html, /this process<\/dt><dd><span class="badge bad">stopped</);
  }
  const ill = fakeSystem({
    observe: fakeObservation({ topics: () => Promise.reject(new Error("no answer")) }),
    health: {
      status: "running",
      store: { name: "postgres", status: "unavailable", reason: "no connection" },
    },
  });
  const html = await (await posthornConsole(ill, { authorize }).request("/topics")).text();
  assert.match(html, /store postgres<\/dt><dd><span class="badge bad">unavailable<.*no connection/);
});

Deno.test("a question that cannot be asked is the fault of who asks, on every screen of a live system", async () => {
  for (const store of [undefined, sqlite(":memory:")]) {
    const shop = new Shop(store === undefined ? {} : { store });
    await using system = shop.system;
    await system.ready();
    const app = posthornConsole(system, { authorize });
    const values = [
      "%00",
      "..",
      "~topic",
      "%ff",
      "a".repeat(5_000),
      "%F0%9F%A6%8A",
      "-1",
      "%1f",
      "{}",
      "[]",
      "__proto__",
    ];
    for (const value of values) {
      for (
        const page of [
          `protocols?after=${value}`,
          `actors?protocol=${value}`,
          `actors?protocol=order&after=${value}`,
          `actors?protocol=order&prefix=${value}&waiting=1`,
          `actor?protocol=${value}&key=a`,
          `actor?protocol=order&key=${value}`,
          `failing?protocol=${value}&after=${value}`,
          `dead-letters?protocol=${value}&reason=${value}&operation=${value}&after=${value}`,
          `schedules?after=${value}`,
          `topics?after=${value}`,
          `replies?status=${value}&after=${value}`,
          `service?after=${value}`,
          `story?id=${value}`,
          `search?q=${value}`,
        ]
      ) {
        const answer = await app.request(`/${page}`);
        assert.ok(
          [200, 400, 404].includes(answer.status),
          `${answer.status} ${page.slice(0, 100)}: ${await answer.clone().text()}`,
        );
        await answer.body?.cancel();
      }
    }
  }
});

Deno.test("another site can embed nothing of a console", async () => {
  const app = posthornConsole(fakeSystem(), { authorize });
  const status = async (headers: Record<string, string>) =>
    (await app.request("/overview", { headers })).status;
  assert.equal(
    await status({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }),
    403,
  );
  assert.equal(
    await status({ "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }),
    403,
  );
  assert.equal(
    await status({
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "iframe",
    }),
    403,
  );
  assert.equal(
    await status({
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    }),
    200,
  );
  assert.equal(
    await status({ "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }),
    200,
  );
});

Deno.test("a search shows an actor once, also if its key begins with its protocol", async () => {
  const shop = new Shop();
  await using system = shop.system;
  for (const key of ["order/ox", "oy"]) await system.ref(Order, key).tell(Order.remind);
  const app = posthornConsole(system, { authorize: () => true });
  const page = await (await app.request("/search?q=order/o")).text();
  const keys = [...page.matchAll(/data-key="([^"]*)"/g)].map(([, key]) => key);
  assert.deepEqual(keys, ["order/order/ox", "order/oy"]);
});

Deno.test("a state has a line for each of its parts, unless they would be mostly indentation", async () => {
  const shown = async (state: string) => {
    const actor = { protocol: "order", key: "ada", state, waiting: { count: 0, more: false }, paused: false };
    const observe = fakeObservation({
      actor: () => Promise.resolve({ ...actor, messages: [], schedules: [], subscriptions: [] }),
    });
    const app = posthornConsole(fakeSystem({ observe }), { authorize: () => true });
    return await (await app.request("/actor?protocol=order&key=ada")).text();
  };
  assert.ok((await shown(`[{"a":"[[[\\"[["},[]]`)).includes(
    "[\n  {\n    &quot;a&quot;: &quot;[[[\\&quot;[[&quot;\n  },\n  []\n]",
  ));
  const deep = `${"[".repeat(1_000)}${"1,".repeat(30_000)}1${"]".repeat(1_000)}`;
  const page = await shown(deep);
  assert.ok(page.includes(deep));
  assert.ok(page.length < 100_000, `the page has ${page.length} UTF-16 units`);
});

Deno.test("a list of a million rows is a page, and says that there are more", async () => {
  const asked: { limit?: number; after?: string }[] = [];
  const observe = fakeObservation({
    protocols: () =>
      Promise.resolve({
        items: [{
          protocol: "order",
          hosted: true,
          paused: false,
          actors: { count: 10_000, more: true },
          waiting: { count: 10_000, more: true },
          failing: { count: 0, more: false },
        }],
      }),
    actors(filter) {
      asked.push(filter);
      const from = Number(filter.after ?? 0);
      const items = Array.from({ length: filter.limit! }, (_, index) => ({
        protocol: "order",
        key: `customer-${from + index}`,
        waiting: { count: 100, more: true },
      }));
      return Promise.resolve({ items, next: String(from + items.length) });
    },
  });
  const app = posthornConsole(fakeSystem({ observe }), { authorize });
  assert.match(await (await app.request("/overview")).text(), /10,000\+/);
  const html = await (await app.request("/actors?protocol=order")).text();
  assert.ok(html.length < 100_000);
  assert.match(html, /100\+/);
  const next = /rel="next" href="([^"]+)"/.exec(html)![1].replaceAll("&amp;", "&");
  const second = await (await app.request(new URL(next, "http://console/").href)).text();
  assert.match(second, /customer-50</);
  assert.match(second, /First page/);
  assert.deepEqual(asked.map(({ limit, after }) => [limit, after]), [[50, undefined], [50, "50"]]);
});
