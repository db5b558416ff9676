// What prom-client, the client library of Prometheus for JavaScript, writes of the same numbers, byte for byte.

import assert from "node:assert/strict";
import fc from "fast-check";
import * as promClient from "prom-client";
import {
  contentTypes,
  exposition,
  type Family,
  type Format,
  type Labels,
} from "../../../adapters/telemetry/exposition.ts";
import { Histogram } from "../../../runtime/base/histogram.ts";

const registryTypes = {
  prometheus: promClient.Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: promClient.Registry.OPENMETRICS_CONTENT_TYPE,
} as const;

/** The same metrics as prom-client writes them. `observed` are the values of each histogram. */
async function byPromClient(
  families: readonly Family[],
  format: Format,
  observed: readonly number[],
): Promise<string> {
  const registry = new promClient.Registry();
  registry.setContentType(registryTypes[format] as promClient.PrometheusContentType);
  for (const { name, help, type, samples } of families) {
    const configuration = {
      name: `posthorn_${name}`,
      help,
      labelNames: Object.keys(samples[0]?.[0] ?? {}),
      registers: [registry],
    };
    if (type === "histogram") {
      const buckets = [...samples[0][1].bounds];
      const histogram = new promClient.Histogram({ ...configuration, buckets });
      for (const [labels] of samples) for (const value of observed) histogram.observe(labels, value);
    } else if (type === "counter") {
      const counter = new promClient.Counter(configuration);
      for (const [labels, value] of samples) counter.inc(labels, value);
    } else {
      const gauge = new promClient.Gauge(configuration);
      for (const [labels, value] of samples) gauge.set(labels, value);
    }
  }
  const text = await registry.metrics();
  // It puts an empty line between metrics of Prometheus, and writes whole bounds of OpenMetrics without their point, which
  // the specification wants.
  if (format === "prometheus") return text.replace(/\n+/g, "\n");
  return text.replace(/le="(\d+)"/g, 'le="$1.0"');
}

function histogramOf(bounds: readonly number[], values: readonly number[]): Histogram {
  const histogram = new Histogram(bounds);
  for (const value of values) histogram.observe(value);
  return histogram;
}

const hostile = 'a"b\\c\nposthorn_dead_total 9';
const observed = [0.0001, 0.003, 0.25, 1, 7, 4_000];
const histogram = histogramOf([0.0001, 0.005, 0.5, 1, 1_024], observed);
const families: readonly Family[] = [
  { type: "counter", name: "accepted_total", help: "Messages accepted", samples: [[{}, 12]] },
  {
    type: "gauge",
    name: "waiting",
    help: "Messages in mailboxes",
    samples: [[{ protocol: "order" }, 3], [{ protocol: hostile }, 0.5], [{ protocol: "" }, 1e21]],
  },
  {
    type: "histogram",
    name: "wait_seconds",
    help: "How long messages waited",
    samples: [
      [{ protocol: "order", operation: "add" }, histogram],
      [{ protocol: "~other", operation: hostile }, histogram],
    ],
  },
  { type: "histogram", name: "commit_seconds", help: "How long commits took", samples: [[{}, histogram]] },
];

for (const format of ["prometheus", "openMetrics"] as const) {
  Deno.test(`exposition() writes ${format} as prom-client does`, async () => {
    assert.equal(exposition(families, format), await byPromClient(families, format, observed));
  });
}

Deno.test("exposition() writes any label and any number as prom-client does", async () => {
  const labels = fc.record({ protocol: fc.string({ unit: "binary" }), operation: fc.string() });
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  const samples = fc.uniqueArray(fc.tuple(labels, value), {
    minLength: 1,
    maxLength: 5,
    selector: ([{ protocol, operation }]) => JSON.stringify([protocol, operation]),
  });
  await fc.assert(
    fc.asyncProperty(samples, fc.constantFrom("prometheus", "openMetrics"), async (samples, format) => {
      const family: Family = { type: "gauge", name: "waiting", help: "Messages", samples };
      // `-0` is 0 there
      const positive = samples.map(([labels, value]): readonly [Labels, number] => [labels, value + 0]);
      assert.equal(
        exposition([{ ...family, samples: positive }], format),
        await byPromClient([{ ...family, samples: positive }], format, []),
      );
    }),
    { seed: 3, numRuns: 100 },
  );
});

Deno.test("exposition() has the content types of prom-client", () => {
  assert.equal(contentTypes.prometheus, registryTypes.prometheus);
  assert.equal(contentTypes.openMetrics, registryTypes.openMetrics);
});

Deno.test("exposition() writes no metric but the end of the text if there is none", () => {
  assert.equal(exposition([], "prometheus"), "");
  assert.equal(exposition([], "openMetrics"), "# EOF\n");
});
