// The page of metrics, and the dashboard beside it, name what /metrics gives.

import assert from "node:assert/strict";
import { parser } from "@prometheus-io/lezer-promql";
import { everyMetric } from "../adapters/telemetry/every_metric.ts";
import { blocksOf, textOf } from "./page.ts";

const page = await textOf("docs/metrics.md");
const dashboard = JSON.parse(await textOf("docs/grafana-dashboard.json")) as Dashboard;

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
}

/** The labels of each number that /metrics gives, by its name. */
const labelsOf = new Map<string, ReadonlySet<string>>();
for (const line of (await everyMetric("prometheus")).split("\n")) {
  const [, name, labels = ""] = /^(posthorn_\w+)(?:\{(.*)\})? [\d.]+$/.exec(line) ?? [];
  if (name === undefined) continue;
  const names = Array.from(labels.matchAll(/(\w+)="/g), ([, label]) => label);
  labelsOf.set(name, new Set(["instance", ...names])); // Prometheus adds who was asked
}

/** Fails unless an expression is PromQL, and names only numbers and labels that there are. Returns the numbers. */
function requireKnown(written: string, where: string): readonly string[] {
  const expression = written.replaceAll(/\$__(rate_interval|range)\b/g, "5m"); // as Grafana does
  const names: string[] = [];
  const labels: string[] = [];
  parser.parse(expression).iterate({
    enter({ name, from, to, type, node }) {
      assert.ok(!type.isError, `${where}: it is no PromQL at ${expression.slice(from)}: ${expression}`);
      const text = expression.slice(from, to);
      if (name === "Identifier" && node.parent?.name === "VectorSelector") names.push(text);
      else if (name === "LabelName") labels.push(text);
    },
  });
  assert.ok(names.length > 0, `${where}: it reads nothing: ${expression}`);
  for (const name of names) {
    const known = labelsOf.get(name);
    assert.ok(known !== undefined, `${where}: /metrics gives no ${name}`);
    for (const label of labels) assert.ok(known.has(label), `${where}: ${name} has no label ${label}`);
  }
  return names;
}

Deno.test("the dashboard of Grafana shows ten figures, which are explained and do not overlap", () => {
  const { panels } = dashboard;
  assert.equal(panels.length, 10);
  assert.equal(new Set(panels.map(({ id }) => id)).size, 10);
  for (const { title, description, gridPos: { x, w } } of panels) {
    assert.ok(title.length > 0 && description.length > 20, title);
    assert.ok(x + w <= 24, title);
  }
  const cells = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
  assert.equal(new Set(cells).size, 10);
});

Deno.test("each expression of the dashboard is PromQL, and names metrics and labels that /metrics gives", () => {
  const shown = new Set<string>();
  for (const { title, targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      for (const name of requireKnown(expr, title)) shown.add(name);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const kept = new RegExp(`by \\([^)]*\\b${label}\\b[^)]*\\)`).test(expr);
        assert.ok(kept, `${title}: no label ${label} is left of ${expr}`);
      }
    }
  }
  assert.ok(shown.size > 15);
  const [, instance] = dashboard.templating.list;
  const [, name] = /label_values\((\w+), instance\)/.exec(JSON.stringify(instance.query))!;
  assert.ok(labelsOf.has(name), name);
});

Deno.test("an expression that names what there is not is found", () => {
  assert.throws(() => requireKnown("rate(posthorn_nothing[5m])", "x"), /gives no posthorn_nothing/);
  assert.throws(
    () => requireKnown("sum by (key) (posthorn_waiting)", "x"),
    /posthorn_waiting has no label key/,
  );
  assert.throws(() => requireKnown("sum(rate(posthorn_accepted_total[5m])", "x"), /no PromQL/);
});

Deno.test("each alert on the page is PromQL, and names metrics that /metrics gives", () => {
  const alerts = blocksOf(page, "promql");
  assert.ok(alerts.length >= 4);
  for (const alert of alerts) requireKnown(alert, "docs/metrics.md");
});

Deno.test("the page lists every metric with its labels, and no other", () => {
  const listed = new Map<string, string[]>();
  for (const [, names, labels] of page.matchAll(/^\| (`.+?) +\| ([^|]*?) +\| [^|]+\|$/gm)) {
    for (const [, name] of names.matchAll(/`(\w+)`/g)) {
      listed.set(`posthorn_${name}`, Array.from(labels.matchAll(/`(\w+)`/g), ([, label]) => label));
    }
  }
  const given = new Map<string, string[]>();
  for (const [name, labels] of labelsOf) {
    const family = name.replace(/_(bucket|sum|count)$/, "");
    given.set(family, [...labels].filter((label) => label !== "instance" && label !== "le"));
  }
  assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(given));
});
