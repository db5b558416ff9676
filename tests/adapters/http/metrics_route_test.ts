import assert from "node:assert/strict";
import { ingress } from "@posthorn/posthorn/http";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { IngressSystem } from "../../../adapters/http/port.ts";
import { assertProblem, Desk } from "./desk.ts";

const prometheusType = "text/plain; version=0.0.4; charset=utf-8";
const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

Deno.test("GET /metrics is text of Prometheus, or OpenMetrics if the client likes that better", async () => {
  await using desk = new Desk({ metrics: true });
  for (
    const [accept, type] of [
      [undefined, prometheusType],
      ["*/*", prometheusType],
      ["text/html", prometheusType],
      ["application/openmetrics-text", openMetricsType],
      ["application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2", openMetricsType],
      ["text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.1", prometheusType],
      ["application/openmetrics-text;q=0", prometheusType],
      [";;;=,\\", prometheusType],
    ] as const
  ) {
    const response = await desk.app.request("/metrics", accept === undefined ? {} : { headers: { accept } });
    assert.equal(response.headers.get("content-type"), type, accept);
    assert.equal(response.headers.get("vary"), "Accept");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal((await response.text()).endsWith("# EOF\n"), type === openMetricsType);
  }
});

Deno.test("HEAD /metrics has the headers alone, and no other method is answered", async () => {
  await using desk = new Desk({ metrics: true });
  const head = await desk.app.request("/metrics", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-type"), await head.text()], [
    200,
    prometheusType,
    "",
  ]);
  await assertProblem(await desk.app.request("/metrics", { method: "POST" }), 405, "method-not-allowed");
});

Deno.test("GET /metrics answers while the system stops and when it has", async () => {
  await using desk = new Desk({ metrics: true });
  const stopped = desk.system.stop();
  assert.equal((await desk.get("/metrics")).status, 200);
  await stopped;
  assert.equal((await desk.get("/metrics")).status, 200);
});

/** A system of which only a listener, and an error of its counters, are asked for. */
class Listened {
  readonly clock = new VirtualClock();
  readonly health = { status: "running" } as const;
  readonly observe = { protocols: () => Promise.resolve({ items: [] }) };
  listeners = 0;

  inspect(_: unknown, options: unknown): Disposable {
    assert.deepEqual(options, { sampled: true });
    this.listeners++;
    return { [Symbol.dispose]() {} };
  }

  stats(): never {
    throw new Error("a fault with a secret in it");
  }
}

Deno.test("an ingress listens to a system only if it was asked for metrics, once, and to a sample", async () => {
  const system = new Listened();
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  await ingress(system as unknown as IngressSystem, { expose: [], onError }).request("/metrics");
  assert.equal(system.listeners, 0);
  const app = ingress(system as unknown as IngressSystem, { expose: [], metrics: true, onError });
  for (let times = 0; times < 3; times++) {
    const response = await app.request("/metrics");
    assert.doesNotMatch(await response.clone().text(), /secret/);
    await assertProblem(response, 500, "internal");
  }
  assert.equal(system.listeners, 1);
  assert.equal(errors.length, 3);
});

Deno.test("apps that are made over one system without end share one listener, and each system has its own", async () => {
  const systems = [new Listened(), new Listened()];
  for (const system of systems) {
    for (let times = 0; times < 10; times++) {
      const app = ingress(system as unknown as IngressSystem, { expose: [], metrics: true, onError() {} });
      await app.request("/metrics");
    }
  }
  assert.deepEqual(systems.map(({ listeners }) => listeners), [1, 1]);
});

Deno.test("an app that is made later has what was measured since the first one", async () => {
  await using desk = new Desk({ metrics: true });
  await desk.get("/metrics"); // it measures
  assert.equal((await desk.post("/actors/order/ada/add", { sku: "tea", cents: 1 })).status, 202);
  await desk.clock.settle();
  const later = ingress(desk.system, { expose: [], metrics: true });
  const text = await (await later.request("/metrics")).text();
  assert.match(text, /^posthorn_turn_seconds_count\{protocol="order",operation="add"\} 1$/m);
  assert.equal(text, await (await desk.get("/metrics")).text());
});
