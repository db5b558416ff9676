import assert from "node:assert/strict";
import { StoreError } from "@posthorn/posthorn";
import { SuperJSON } from "superjson";
import { surveyStream } from "../../../../adapters/http/streams/survey_stream.ts";

/** Replies followed by an end; counts how often it was closed early. */
class Replies implements AsyncIterator<unknown, "max" | "deadline"> {
  readonly #replies: unknown[];
  readonly #end: "max" | "deadline";
  left = 0;

  constructor(replies: unknown[], end: "max" | "deadline" = "deadline") {
    this.#replies = [...replies];
    this.#end = end;
  }

  next(): Promise<IteratorResult<unknown, "max" | "deadline">> {
    const [value] = this.#replies;
    const done = this.#replies.length === 0;
    this.#replies.shift();
    return Promise.resolve(done ? { done: true, value: this.#end } : { done: false, value });
  }

  return(): Promise<IteratorResult<unknown, "max" | "deadline">> {
    this.left++;
    return Promise.resolve({ done: true, value: this.#end });
  }
}

async function linesOf(replies: Replies, asSuperjson = false): Promise<unknown[]> {
  const text = await new Response(surveyStream(replies, asSuperjson)).text();
  assert.ok(text.endsWith("\n"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("surveyStream() writes a line for each reply, and a last one with the end and the count", async () => {
  assert.deepEqual(await linesOf(new Replies([{ cents: 1 }, "two\n"], "max")), [
    { reply: { cents: 1 } },
    { reply: "two\n" },
    { done: "max", replies: 2 },
  ]);
});

Deno.test("surveyStream() of no replies is the last line alone", async () => {
  assert.deepEqual(await linesOf(new Replies([])), [{ done: "deadline", replies: 0 }]);
});

Deno.test("surveyStream() writes null for a reply that JSON has no word for", async () => {
  assert.deepEqual((await linesOf(new Replies([undefined])))[0], { reply: null });
});

Deno.test("surveyStream() writes replies in superjson if the client accepts it", async () => {
  const [line] = await linesOf(new Replies([new Date(1)]), true) as { reply: { json: string } }[];
  assert.deepEqual(new SuperJSON().parse(JSON.stringify(line.reply)), new Date(1));
});

Deno.test("surveyStream() leaves the survey when its reader leaves", async () => {
  const replies = new Replies([1, 2, 3]);
  await surveyStream(replies, false).cancel();
  assert.equal(replies.left, 1);
});

for (const [asSuperjson, unfit] of [[false, 2n], [false, new Map()], [true, { constructor: 1 }]] as const) {
  Deno.test(`surveyStream() writes a problem for a reply that cannot be written${asSuperjson ? " as superjson" : ""}: ${typeof unfit}, and goes on`, async () => {
    const lines = await linesOf(new Replies([1, unfit, 3]), asSuperjson) as Record<
      string,
      { code?: string }
    >[];
    assert.deepEqual(lines.map((line) => Object.keys(line)[0]), ["reply", "problem", "reply", "done"]);
    assert.equal(lines[1].problem.code, "not-representable");
    assert.deepEqual(lines[3], { done: "deadline", replies: 3 });
  });
}

Deno.test("surveyStream() ends with the problem that ended the survey, and onFailure is called", async () => {
  const replies = new Replies([1]);
  const next = replies.next.bind(replies);
  let calls = 0;
  replies.next = () =>
    ++calls === 1 ? next() : Promise.reject(new StoreError("store-full", "Cannot write /srv/db"));
  const told: unknown[] = [];
  const text = await new Response(surveyStream(replies, false, (error) => told.push(error))).text();
  assert.doesNotMatch(text, /srv/);
  const [reply, ended, nothing] = text.split("\n");
  assert.deepEqual([JSON.parse(reply), JSON.parse(ended).problem.code, nothing], [
    { reply: 1 },
    "store-full",
    "",
  ]);
  assert.equal(told.length, 1);
});
