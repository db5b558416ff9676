import assert from "node:assert/strict";
import { Hono } from "hono";
import {
  actor,
  ask,
  DeadLetterError,
  DeadlineExceededError,
  IdConflictError,
  InvalidPayloadError,
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  OutcomeUnknownError,
  PosthornError,
  protocol,
  StillRunningError,
  StoppedError,
  StoreError,
  submit,
  System,
  TerminalError,
  TooLargeError,
  unchecked,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";
import { problemResponse, refuseMethod, RequestError, statuses } from "../../../adapters/http/problem.ts";
import { oddThings } from "../../runtime/odd_things.ts";
import { assertProblem } from "./desk.ts";

async function answerTo(error: unknown): Promise<Response> {
  return await new Hono().get("/", () => problemResponse(error)).request("/");
}

const table: readonly (readonly [error: PosthornError, status: number])[] = [
  [new InvalidPayloadError("No", [{ message: "Expected number", path: ["a", 0] }]), 400],
  [new PosthornError("invalid-address", "No"), 400],
  [new PosthornError("invalid-headers", "No"), 400],
  [new PosthornError("invalid-key", "No"), 400],
  [new PosthornError("invalid-id", "No"), 400],
  [new NotFoundError("unknown-protocol", "No"), 404],
  [new NotFoundError("unknown-operation", "No"), 404],
  [new NotFoundError("unknown-reply", "No"), 404],
  [new NotFoundError("unknown-dead-letter", "No"), 404],
  [new NotFoundError("expired-reply", "No"), 410],
  [new PosthornError("invalid-after", "No"), 400],
  [new StillRunningError("No"), 409],
  [new TooLargeError("order/ada add", "bytes", 2, 1), 413],
  [new StoreError("store-unavailable", "No"), 503],
  [new StoreError("store-full", "No"), 503],
  [new StoreError("store-closed", "No"), 503],
  [new OutcomeUnknownError("No"), 503],
  [new PosthornError("newer-state", "No"), 503],
  [new PosthornError("not-storable", "No"), 422],
  [new IdConflictError("No"), 422],
  [new TerminalError("No"), 422],
  [new TerminalError("No", { code: "sold-out" }), 422],
  [new TerminalError("No", { code: "mailbox-full" }), 422],
  [new MailboxFullError("order/ada", 1, 1), 429],
  [new LimitExceededError("too-many-actors", "No"), 429],
  [new LimitExceededError("too-many-replies", "No"), 429],
  [new LimitExceededError("too-many-schedules", "No"), 500],
  [new PosthornError("constructor", "No"), 500],
  [new StoppedError("No"), 503],
  [new DeadlineExceededError("No"), 504],
  [new DeadLetterError("failed", "No"), 500],
  [new DeadLetterError("dropped", "No"), 500],
  [new DeadLetterError("too-large", "No"), 500],
  [new RequestError(413, "too-large", "No"), 413],
  [new PosthornError("something-new", "No"), 500],
];

for (const [error, status] of table) {
  Deno.test(`problemResponse() answers ${error.name} ${error.code} with ${status}`, async () => {
    const { title } = await assertProblem(await answerTo(error), status, error.code);
    assert.match(title, /^[A-Z][A-Za-z ]+$/);
  });
}

Deno.test("problemResponse() carries the schema's issues", async () => {
  const issues = [{ message: "Expected number", path: ["lines", 0, "cents"] }];
  const problem = await assertProblem(
    await answerTo(new InvalidPayloadError("No", issues)),
    400,
    "invalid-payload",
  );
  assert.deepEqual(problem.issues, issues);
});

Deno.test("problemResponse() gives details if the caller can do something about them", async () => {
  const { detail } = await assertProblem(await answerTo(new TerminalError("Sold out")), 422, "terminal");
  assert.equal(detail, "Sold out");
});

Deno.test("problemResponse() tells nothing of what went wrong inside", async () => {
  for (const error of [new Error("db:5432"), "db:5432", new DeadLetterError("failed", "db:5432")]) {
    const text = await (await answerTo(error)).text();
    assert.doesNotMatch(text, /5432/);
    assert.equal(JSON.parse(text).status, 500);
  }
});

Deno.test("problemResponse() calls what it does not know internal", async () => {
  await assertProblem(await answerTo(new TypeError("No")), 500, "internal");
});

Deno.test("problemResponse() says when to come back for 429 and 503, and only then", async () => {
  for (const [error, status] of table) {
    const retryAfter = (await answerTo(error)).headers.get("retry-after");
    assert.equal(retryAfter, status === 429 || status === 503 ? "1" : null, error.code);
  }
});

Deno.test("every code of the runtime has a status of its own", async () => {
  const root = new URL("../../../", import.meta.url);
  const thrown = /new \w*Error\(\s*(?:\d+,\s*)?"([a-z]+(?:-[a-z]+)+)"|super\("([a-z-]+)",/g;
  const codes = new Map<string, string>();
  const read = async (folder: string) => {
    for await (const { name, isFile } of Deno.readDir(new URL(folder, root))) {
      if (!isFile) await read(`${folder}${name}/`);
      else {
        // The codes that examples in the documentation throw are their own.
        const text = (await Deno.readTextFile(new URL(folder + name, root))).replace(/^ \*.*$/gm, "");
        for (const [, one, other] of text.matchAll(thrown)) codes.set(one ?? other, folder + name);
      }
    }
  };
  for (const folder of ["runtime/", "adapters/stores/", "actors/"]) await read(folder);
  for (const code of ["invalid-payload", "unknown-dead-letter", "store-full", "still-running", "stopping"]) {
    assert.ok(codes.has(code), `${code} was not found`);
  }
  for (const [code, file] of codes) {
    assert.ok(Object.hasOwn(statuses, code), `${code}, thrown in ${file}, has no status in problem.ts`);
  }
});

Deno.test("problemResponse() has fixed messages for errors of a store, which name nothing internal", async () => {
  const secret = "Cannot open /srv/tenant-42/posthorn.db with DENO_KV_ACCESS_TOKEN at https://user:word@host";
  for (
    const error of [
      new StoreError("store-unavailable", secret),
      new StoreError("store-full", secret),
      new StoreError("store-closed", secret),
      new OutcomeUnknownError(secret),
      new PosthornError("newer-state", secret),
    ]
  ) {
    const { detail } = await assertProblem(await answerTo(error), 503, error.code);
    assert.doesNotMatch(detail!, /srv|TOKEN|word|host/);
    assert.ok(detail!.length > 20);
  }
  const { detail } = await assertProblem(
    await answerTo(new TerminalError(secret, { code: "store-full" })),
    422,
    "store-full",
  );
  assert.equal(detail, secret); // those are the message of a handler
});

Deno.test("problemResponse() has at most 4 KiB, whatever its words are written as", async () => {
  for (const text of ["a", "☕", "\u0000", "\ud800", '"', "😀"]) {
    const long = text.repeat(100_000);
    const issues = Array.from({ length: 300 }, () => ({ message: long, path: Array(50).fill(long) }));
    for (
      const error of [
        new InvalidPayloadError("No", issues),
        new InvalidPayloadError(long, issues),
        new TerminalError(long, { code: long }),
        new RequestError(404, "unknown-protocol", long),
      ]
    ) {
      const body = await (await answerTo(error)).bytes();
      assert.ok(body.length <= 4_096, `${error.code.slice(0, 20)}: ${body.length}`);
      const problem = JSON.parse(new TextDecoder().decode(body));
      assert.ok(problem.detail.length >= 200);
      if (error instanceof InvalidPayloadError) assert.equal(problem.issuesTotal, 300);
    }
  }
});

Deno.test("problemResponse() gives the number of issues only if it does not contain all of them", async () => {
  const issues = (count: number) => Array.from({ length: count }, () => ({ message: "No", path: [] }));
  for (const [count, kept, total] of [[1, 1, undefined], [20, 20, undefined], [21, 20, 21]] as const) {
    const problem = JSON.parse(await (await answerTo(new InvalidPayloadError("No", issues(count)))).text());
    assert.deepEqual([problem.issues.length, problem.issuesTotal], [kept, total]);
  }
});

Deno.test("problemResponse() answers whatever was thrown, and is not stored", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const thrown of ["text", null, undefined, 7, { code: "x" }, Symbol("a"), proxy, new Error("x")]) {
    const response = await answerTo(thrown);
    assert.equal(response.headers.get("cache-control"), "no-store");
    await assertProblem(response, 500, "internal");
  }
});

for (const [what, make] of oddThings) {
  Deno.test(`problemResponse() and an ingress answer ${what} with a problem, whatever of it cannot be read`, async () => {
    const alone = await answerTo(make());
    assert.equal(alone.status, (await alone.json()).status);
    const told: unknown[] = [];
    await using system = new System({ actors: [] });
    const caller = () => {
      throw make();
    };
    const app = ingress(system, { expose: [], caller, onError: (error) => told.push(error) });
    const response = await app.request("/replies/a");
    const { status } = await response.json();
    assert.equal(response.status, status);
    assert.ok(
      status === 422 || (status === 500 && told.length === 1),
      `${status}, told ${told.length} times`,
    );
  });
}

Deno.test("whatever a handler throws, a repeat of its key has the first answer, and its reply is kept", async () => {
  const Odd = protocol("odd", {
    ask: ask(z.number(), z.number()),
    job: submit(z.number(), z.number()),
    say: submit(unchecked<{ readonly text: string }>()),
  });
  const fail = (n: number): never => {
    throw oddThings[n][1]();
  };
  const say = () => ({
    get text(): string {
      throw new Error("no");
    },
  });
  await using system = new System({
    actors: [actor(Odd, {
      state: () => null,
      retry: { attempts: 1 },
      on: { ask: (_ctx, n) => fail(n), job: (_ctx, n) => fail(n), say },
    })],
    log: false,
  });
  const app = ingress(system, { expose: [Odd], onError: () => {} });
  const post = async (operation: string, body: unknown) => {
    const headers = { "content-type": "application/json", "idempotency-key": `${body}`, prefer: "wait=5" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await app.request(`/actors/odd/a/${operation}`, init);
    return [response.status, (await response.json()).code];
  };
  for (const [n, [what]] of oddThings.entries()) {
    for (const operation of ["ask", "job"]) {
      const first = await post(operation, n);
      assert.ok(first[0] === 500 || first[0] === 422, `${what}: ${first}`);
      assert.deepEqual(await post(operation, n), first, what);
    }
  }
  assert.deepEqual(await post("say", undefined), [406, "not-representable"]);
});

Deno.test("problemResponse() answers an error whose issues have no JSON", async () => {
  const issues = [{ message: "No", path: [1n] }] as never;
  await assertProblem(await answerTo(new InvalidPayloadError("No", issues)), 500, "internal");
});

Deno.test("refuseMethod() names the method and those that there are", async () => {
  const app = new Hono().all("/", (context) => refuseMethod(context, "GET, HEAD"));
  app.onError((error) => problemResponse(error));
  const response = await app.request("/", { method: "DELETE" });
  assert.equal(response.headers.get("allow"), "GET, HEAD");
  const { detail } = await assertProblem(response, 405, "method-not-allowed");
  assert.equal(detail, "DELETE is not allowed here: use GET, HEAD");
});
