/**
 * Measures the goals of the project other than one rate per workload: `goals.ts [--only A,B] [--runs N]
 * [--size full|smoke]` prints the sections as Markdown.
 */
import { parseArgs } from "node:util";
import { bytesSection } from "./goals/bytes.ts";
import { coldStartSection } from "./goals/cold_start.ts";
import { fairnessSection } from "./goals/fairness.ts";
import { featuresSection } from "./goals/features.ts";
import { growthSection } from "./goals/growth.ts";
import { ingressSection } from "./goals/ingress.ts";
import { latencySection } from "./goals/latency.ts";
import { leaksSection } from "./goals/leaks.ts";
import { memorySection } from "./goals/memory.ts";
import { observersSection } from "./goals/observers.ts";
import type { GoalOptions } from "./goals/process.ts";
import { choose, listOf, parseCount } from "./options.ts";
import type { Section } from "./section.ts";

/** The name of a section, by which it can be measured alone. */
export interface GoalSection {
  readonly id: string;
  readonly measure: (options: GoalOptions) => Promise<Section>;
}

/** All sections, in the order of the report. */
export const sections: readonly GoalSection[] = [
  { id: "latency", measure: latencySection },
  { id: "bytes", measure: bytesSection },
  { id: "leaks", measure: leaksSection },
  { id: "ingress", measure: ingressSection },
  { id: "coldStart", measure: coldStartSection },
  { id: "fairness", measure: fairnessSection },
  { id: "memory", measure: memorySection },
  { id: "growth", measure: growthSection },
  { id: "features", measure: featuresSection },
  { id: "observers", measure: observersSection },
];

/** Measures the sections one at a time, because concurrent measurements would disturb each other. */
export async function goalSections(
  options: GoalOptions & { readonly only?: readonly string[] },
): Promise<Section[]> {
  const measured: Section[] = [];
  for (const { measure } of choose(sections, options.only)) measured.push(await measure(options));
  return measured;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      runs: { type: "string", default: "3" },
      size: { type: "string", default: "full" },
    },
  });
  const measured = await goalSections({
    only: listOf(values.only),
    runs: parseCount("--runs", values.runs),
    size: values.size === "smoke" ? "smoke" : "full",
    progress: (line) => console.error(line),
  });
  for (const { title, markdown, goals } of measured) {
    console.log(`## ${title}\n\n${markdown}\n`);
    for (const { name, met, figure } of goals) console.log(`- ${met ? "met" : "missed"}: ${name}: ${figure}`);
  }
}
