import assert from "node:assert/strict";
import { Hono } from "hono";
import { callerOf } from "../../../runtime/ingress/caller.ts";

async function callerWith(authorization?: string): Promise<string> {
  const headers = authorization === undefined ? undefined : { authorization };
  const app = new Hono().get("/", async (context) => context.text(await callerOf(context)));
  return await (await app.request("/", { headers })).text();
}

Deno.test("callerOf() tells callers apart by their Authorization, and gives none of it away", async () => {
  const ada = await callerWith("Bearer ada");
  assert.equal(ada, await callerWith("Bearer ada"));
  assert.notEqual(ada, await callerWith("Bearer bob"));
  assert.match(ada, /^[0-9a-f]{64}$/);
  assert.doesNotMatch(ada, /ada$/);
});

Deno.test("callerOf() is nobody in particular without Authorization", async () => {
  assert.equal(await callerWith(), "");
});
