import assert from "node:assert/strict";
import { post } from "../runtime/durable/crash_fleet.ts";
import { EventStream } from "./event_stream.ts";

const written = "events/book/written";

/** Speaks in all five modes to `programs/modes.ts`, which has written down these texts before, and writes `a` and `b`. */
export async function requireModes(url: string, before: readonly string[]): Promise<void> {
  const ask = async (path: string, body?: unknown) => await (await post(url, path, body)).json();
  assert.deepEqual(await ask("actors/book/ada/texts"), before, "what it has kept");

  // An event stream that its client leaves makes room for another one: the program allows two.
  for (let count = 0; count < 5; count++) await (await EventStream.open(url, written)).close();
  const stream = await EventStream.open(url, written);
  for (const text of ["a", "b"]) {
    const told = await post(url, "actors/book/ada/write", { text }, `${text}-${before.length}`);
    await told.body?.cancel();
    assert.equal(told.status, 202);
  }
  assert.deepEqual(await ask("actors/book/ada/texts"), [...before, "a", "b"]);
  assert.deepEqual([await stream.next(), await stream.next()], [{ text: "a" }, { text: "b" }]);
  await stream.close();

  const submitted = await post(url, "actors/book/ada/print", { delayMs: 50 });
  await submitted.body?.cancel();
  assert.equal(submitted.status, 202);
  const reply = await fetch(new URL(submitted.headers.get("location")!, url), {
    headers: { prefer: "wait=5" },
  });
  assert.deepEqual([reply.status, await reply.json()], [200, [...before, "a", "b"].join("")]);

  const survey = await post(url, "surveys/book/like?timeoutMs=5000", "b");
  const lines = (await survey.text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines, [{ reply: "ada" }, { done: "all", replies: 1 }]);

  const refused = await post(url, "actors/book/ada/write", { text: 5 });
  assert.deepEqual([refused.status, (await refused.json()).code], [400, "invalid-payload"]);
}
