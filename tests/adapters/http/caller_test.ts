import assert from "node:assert/strict";
import { Hono } from "hono";
import { Callers } from "../../../adapters/http/caller.ts";
import { Desk } from "./desk.ts";

async function callerWith(authorization: string | undefined, callers = new Callers()): Promise<string> {
  const headers = authorization === undefined ? undefined : { authorization };
  const app = new Hono().get("/", async (context) => context.text(await callers.of(context)));
  return await (await app.request("/", { headers })).text();
}

/** Counts digests until it is disposed of. */
class Digests implements Disposable {
  count = 0;
  readonly #digest = crypto.subtle.digest;

  constructor() {
    const digest = this.#digest;
    crypto.subtle.digest = (...args: Parameters<typeof digest>) => {
      this.count++;
      return digest.apply(crypto.subtle, args);
    };
  }

  [Symbol.dispose](): void {
    crypto.subtle.digest = this.#digest;
  }
}

Deno.test("Callers differ by their Authorization header, which cannot be derived from their names", async () => {
  const ada = await callerWith("Bearer ada");
  assert.equal(ada, await callerWith("Bearer ada"));
  assert.notEqual(ada, await callerWith("Bearer bob"));
  assert.match(ada, /^[0-9a-f]{64}$/);
  assert.doesNotMatch(ada, /ada$/);
});

Deno.test("Callers have an empty name without an Authorization header", async () => {
  assert.equal(await callerWith(undefined), "");
});

Deno.test("Callers are digested once, as long as no thousand others come in between", async () => {
  const callers = new Callers();
  using digests = new Digests();
  const ada = await callerWith("Bearer ada", callers);
  for (let index = 0; index < 999; index++) {
    await callerWith(`Bearer ${index}`, callers);
    assert.equal(await callerWith("Bearer ada", callers), ada);
  }
  assert.equal(digests.count, 1_000);
  await callerWith("Bearer one more", callers);
  assert.equal(await callerWith("Bearer ada", callers), ada);
  assert.equal(digests.count, 1_002);
});

Deno.test("Callers with a header that is too long to be remembered are digested each time", async () => {
  const callers = new Callers();
  using digests = new Digests();
  const long = `Bearer ${"x".repeat(2_048)}`;
  assert.equal(await callerWith(long, callers), await callerWith(long, callers));
  assert.equal(digests.count, 2);
});

Deno.test("an ingress digests an Authorization once for many requests, and none for an ask without a key", async () => {
  await using desk = new Desk();
  using digests = new Digests();
  const headers = { authorization: "Bearer ada" };
  for (let index = 0; index < 3; index++) {
    assert.equal((await desk.post("/actors/order/ada/count", undefined, headers)).status, 200);
  }
  assert.equal(digests.count, 0);
  for (let index = 0; index < 3; index++) {
    assert.equal((await desk.post("/actors/order/ada/clear", undefined, headers)).status, 202);
  }
  assert.equal(digests.count, 1);
});
