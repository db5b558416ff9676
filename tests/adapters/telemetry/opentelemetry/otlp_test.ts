// Deno's own export of spans, over two processes.

import assert from "node:assert/strict";
import { OtlpReceiver, type ReceivedSpan } from "./otlp_receiver.ts";

/** Starts a process of the shop. */
function start(receiver: OtlpReceiver, service: string, ...args: readonly string[]): Deno.ChildProcess {
  const script = new URL("shop_process.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", script, ...args],
    env: receiver.env(service),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** The port that a process prints when it serves. */
async function portOf({ stdout }: Deno.ChildProcess): Promise<number> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return Number(value);
}

async function kill(process: Deno.ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
}

Deno.test("a trace from an HTTP request through two actors in two processes, one of which is killed, is one trace", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-otlp-" });
  await using receiver = new OtlpReceiver();
  const path = `${folder}/shop.db`;
  const named = (name: string) => receiver.spans.find((span) => span.name === name);
  const first = start(receiver, "first", path, receiver.url, "stuck");
  try {
    const url = `http://127.0.0.1:${await portOf(first)}/actors/order/ada/place`;
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", body: `"tea"`, headers });
    assert.equal(answer.status, 202);
    await answer.body?.cancel();
    const names = ["POST", "send order.place", "process order.place", "send stock.take"];
    await receiver.until(() => names.every((name) => named(name) !== undefined));
    await receiver.until(() => receiver.metrics.has("messaging.client.sent.messages"));
  } finally {
    await kill(first);
  }
  const second = start(receiver, "second", path, receiver.url);
  try {
    await portOf(second);
    await receiver.until(() => named("process stock.take") !== undefined && named("GET") !== undefined);
    await receiver.until(() => receiver.metrics.has("messaging.process.duration"));
  } finally {
    await kill(second);
    await Deno.remove(folder, { recursive: true });
  }
  const line = ({ service, name, parentSpanId }: ReceivedSpan) =>
    `${service}: ${name} < ${receiver.spans.find(({ spanId }) => spanId === parentSpanId)?.name ?? "nobody"}`;
  assert.deepEqual(receiver.spans.map(line).toSorted(), [
    "first: POST < nobody",
    "first: process order.place < send order.place",
    "first: send order.place < POST",
    "first: send stock.take < process order.place",
    "second: GET < process stock.take",
    "second: process stock.take < send stock.take",
  ]);
  const [{ traceId }] = receiver.spans;
  assert(receiver.spans.every((span) => span.traceId === traceId));
  assert.deepEqual(receiver.outside, [`00-${traceId}-${named("GET")!.spanId}-01`]);
  const { attributes } = named("process stock.take")!;
  assert.equal(attributes["messaging.system"], "posthorn");
  assert.equal(attributes["messaging.destination.name"], "stock/main");
});
