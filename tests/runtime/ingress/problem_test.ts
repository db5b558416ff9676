import assert from "node:assert/strict";
import { Hono } from "hono";
import {
  DeadLetterError,
  DeadlineError,
  IdReusedError,
  InvalidPayloadError,
  LimitError,
  MailboxFullError,
  OutcomeUnknownError,
  PosthornError,
  StillRunningError,
  StoppedError,
  StoreError,
  TerminalError,
  TooLargeError,
  UnknownError,
} from "@posthorn/posthorn";
import { problemResponse, refuseMethod, RequestError } from "../../../runtime/ingress/problem.ts";
import { assertProblem } from "./desk.ts";

async function answerTo(error: unknown): Promise<Response> {
  return await new Hono().get("/", () => problemResponse(error)).request("/");
}

const table: readonly (readonly [error: PosthornError, status: number])[] = [
  [new InvalidPayloadError("No", [{ message: "Expected number", path: ["a", 0] }]), 400],
  [new PosthornError("invalid-key", "No"), 400],
  [new PosthornError("invalid-id", "No"), 400],
  [new UnknownError("unknown-protocol", "No"), 404],
  [new UnknownError("unknown-operation", "No"), 404],
  [new UnknownError("unknown-reply", "No"), 404],
  [new UnknownError("expired-reply", "No"), 410],
  [new PosthornError("invalid-after", "No"), 400],
  [new StillRunningError("No"), 409],
  [new TooLargeError("order/ada add", "bytes", 2, 1), 413],
  [new StoreError("store-unavailable", "No"), 503],
  [new StoreError("store-full", "No"), 503],
  [new StoreError("store-closed", "No"), 503],
  [new OutcomeUnknownError("No"), 503],
  [new PosthornError("newer-state", "No"), 503],
  [new PosthornError("not-storable", "No"), 422],
  [new IdReusedError("id-reused", "No"), 422],
  [new TerminalError("No"), 422],
  [new TerminalError("No", { code: "sold-out" }), 422],
  [new TerminalError("No", { code: "mailbox-full" }), 422],
  [new MailboxFullError("order/ada", 1, 1), 429],
  [new LimitError("too-many-actors", "No"), 429],
  [new LimitError("too-many-replies", "No"), 429],
  [new StoppedError("No"), 503],
  [new DeadlineError("No"), 504],
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

Deno.test("problemResponse() says what went wrong where the caller can do something about it", async () => {
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

Deno.test("refuseMethod() names the method and those that there are", async () => {
  const app = new Hono().all("/", (context) => refuseMethod(context, "GET, HEAD"));
  app.onError((error) => problemResponse(error));
  const response = await app.request("/", { method: "DELETE" });
  assert.equal(response.headers.get("allow"), "GET, HEAD");
  const { detail } = await assertProblem(response, 405, "method-not-allowed");
  assert.equal(detail, "DELETE is not allowed here: use GET, HEAD");
});
