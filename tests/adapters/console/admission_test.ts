import assert from "node:assert/strict";
import { console as posthornConsole, type ConsoleOptions } from "@posthorn/posthorn/console";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { fakeSystem } from "./fake_system.ts";

/** What `Deno.serve` gives with a request from this machine. */
const here = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 } };

interface Asked {
  readonly headers?: Record<string, string>;
  readonly env?: object;
  readonly url?: string;
}

function ask(options: ConsoleOptions, { headers, env, url = "http://localhost:8000/overview" }: Asked) {
  return posthornConsole(fakeSystem(), options).request(url, { headers }, env ?? here);
}

async function refused(asked: Asked, words: RegExp): Promise<void> {
  const answer = await ask({}, asked);
  assert.equal(answer.status, 403);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const text = await answer.text();
  assert.match(text, words);
  assert.match(text, /authorize/);
}

async function admitted(asked: Asked): Promise<void> {
  const answer = await ask({}, asked);
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
}

Deno.test("without authorize, a console answers a request from this machine for localhost", async () => {
  for (
    const host of [
      "localhost",
      "localhost:8000",
      "LOCALHOST:1",
      "127.0.0.1:80",
      "127.1.2.3",
      "[::1]",
      "[::1]:8000",
    ]
  ) {
    await admitted({ headers: { host } });
  }
  for (const hostname of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    await admitted({ headers: { host: "localhost" }, env: { remoteAddr: { hostname } } });
  }
});

Deno.test("without authorize, a console refuses a name that another site has pointed to this machine", async () => {
  const hosts = [
    "evil.example",
    "localhost.evil.example",
    "evil.example:8000",
    "127.0.0.1.nip.io",
    "localhost@evil.example",
    "127.0.0.1.",
    "0.0.0.0",
    "10.0.0.1",
    "[::2]",
    "",
    "localhost:8000:8000",
  ];
  for (const host of hosts) await refused({ headers: { host } }, /The request is for/);
  await refused({ url: "http://evil.example/overview" }, /The request is for "evil\.example"/);
});

Deno.test("without authorize, a console refuses a request from another machine", async () => {
  for (const hostname of ["192.168.1.7", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "127.evil"]) {
    await refused({ headers: { host: "localhost" }, env: { remoteAddr: { hostname } } }, /comes from/);
  }
});

Deno.test("without authorize, a console refuses a request of which the server does not say where it comes from", async () => {
  const unknown = [
    {},
    { remoteAddr: {} },
    { remoteAddr: { transport: "unix", path: "/run/socket" } },
    { incoming: {} },
    { incoming: { socket: {} } },
    { requestIP: () => null },
    { KV: { hostname: "127.0.0.1" } },
  ];
  for (const env of unknown) {
    await refused({ headers: { host: "localhost" }, env }, /does not say where this request comes from/);
  }
});

Deno.test("the address of a request is read as Deno, Node and Bun tell it", async () => {
  const from = (address: string) => [
    { remoteAddr: { hostname: address } },
    { incoming: { socket: { remoteAddress: address } } },
    { requestIP: () => ({ address }) },
    { server: { requestIP: () => ({ address }) } },
  ];
  for (const env of from("127.0.0.1")) await admitted({ headers: { host: "localhost" }, env });
  for (const env of from("8.8.8.8")) {
    await refused({ headers: { host: "localhost" }, env }, /comes from 8\.8\.8\.8/);
  }
});

Deno.test("without authorize, a console refuses what a proxy has forwarded", async () => {
  const headers = [
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "CF-Connecting-IP",
    "True-Client-IP",
  ];
  for (const name of headers) {
    await refused({ headers: { host: "localhost", [name]: "1" } }, /A proxy has forwarded/);
  }
});

Deno.test("without authorize, nothing of a console is served to others: neither its pages, nor its files, nor its actions", async () => {
  const app = posthornConsole(fakeSystem(), { actions: true });
  for (const path of ["/", "/overview", "/console.js", "/console.css", "/console.svg", "/nothing"]) {
    const answer = await app.request(path, { headers: { host: "evil.example" } }, here);
    assert.equal(answer.status, 403, path);
  }
  const answer = await app.request("/pause", { method: "POST", headers: { host: "evil.example" } }, here);
  assert.equal(answer.status, 403);
});

Deno.test("authorize decides for each request, wherever it comes from", async () => {
  const options: ConsoleOptions = {
    authorize: (context) => Promise.resolve(context.req.header("authorization") === "Bearer ada"),
  };
  const other = { env: { remoteAddr: { hostname: "8.8.8.8" } }, url: "https://shop.example/overview" };
  assert.equal((await ask(options, other)).status, 403);
  assert.equal((await ask(options, { ...other, headers: { authorization: "Bearer ada" } })).status, 200);
});

Deno.test("a response of authorize is given as it is", async () => {
  const answer = await ask({ authorize: (context) => context.redirect("/login") }, {});
  assert.equal(answer.status, 302);
  assert.equal(answer.headers.get("location"), "/login");
  assert.equal(answer.headers.get("cache-control"), "no-store");
});

Deno.test("what authorize resolves with that is not an access is a refusal", async () => {
  for (const access of [undefined, null, "", "yes", 1, {}]) {
    assert.equal((await ask({ authorize: () => access as never }, {})).status, 403);
  }
});

Deno.test("what authorize throws goes to the app of the program, and whoever asked is told nothing of it", async () => {
  const thrown = new Error("the directory is away");
  const seen: unknown[] = [];
  const app = new Hono();
  app.onError((error, context) => {
    seen.push(error);
    return context.text("no", 500);
  });
  app.route("/console", posthornConsole(fakeSystem(), { authorize: () => Promise.reject(thrown) }));
  const answer = await app.request("/console/overview");
  assert.equal(await answer.text(), "no");
  assert.deepEqual(seen, [thrown]);
  await assert.rejects(async () => await ask({ authorize: () => Promise.reject(thrown) }, {}), thrown);
});

Deno.test("what authorize throws goes to the app of the program also if it is no error", async () => {
  for (const thrown of ["text", null, undefined]) {
    const app = new Hono();
    app.onError((error, context) => context.json({ isThis: error.cause === thrown }, 500));
    app.route("/console", posthornConsole(fakeSystem(), { authorize: () => Promise.reject(thrown) }));
    const answer = await app.request("/console/overview");
    assert.deepEqual([answer.status, await answer.json()], [500, { isThis: true }]);
  }
});

Deno.test("an HTTPException of authorize is answered as it says", async () => {
  const authorize = () => {
    throw new HTTPException(401, {
      res: new Response("sign in", { status: 401, headers: { "www-authenticate": "Basic" } }),
    });
  };
  const answer = await ask({ authorize }, {});
  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get("www-authenticate"), "Basic");
  assert.equal(await answer.text(), "sign in");
});

Deno.test("authorize may let somebody look who changes nothing", async () => {
  const app = new Hono().route(
    "/",
    posthornConsole(fakeSystem(), { actions: true, authorize: () => "read" }),
  );
  assert.equal((await app.request("/overview")).status, 200);
  const headers = { "sec-fetch-site": "same-origin" };
  const answer = await app.request("/pause", { method: "POST", headers, body: "protocol=order" });
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /changes nothing/);
});

Deno.test("a console refuses options that do not exist, and those of a wrong type", () => {
  const system = fakeSystem();
  const refuses = (options: unknown, words: RegExp) =>
    assert.throws(() => posthornConsole(system, options as ConsoleOptions), {
      name: "TypeError",
      message: words,
    });
  refuses(
    { authorise: () => true },
    /authorise of console: there is no such option\. Did you mean authorize\?/,
  );
  refuses({ authorize: "ada" }, /Cannot use authorize of console: it must be a function: it is a string/);
  refuses({ actions: "yes" }, /Cannot use actions of console: it must be true or false: it is a string/);
});
