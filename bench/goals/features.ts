import type { Outcome } from "../contender.ts";
import { tableOf } from "../format.ts";
import type { Section } from "../section.ts";
import { features, handledOf, sendWith } from "./features_cases.ts";
import { batchLength } from "./pacing.ts";
import {
  alternate,
  differences,
  failureLines,
  figuresOf,
  finish,
  formatSpread,
  type GoalOptions,
  ownProcess,
  spread,
} from "./process.ts";

/** Measures the cost of each feature for a message that uses it. */
export async function featuresSection(options: GoalOptions): Promise<Section> {
  const size = batchLength * (options.size === "full" ? 500 : 1);
  const ids = ["tell", "ask", ...features.map(({ id }) => id)];
  const { series, failures } = await alternate(
    ids.map((id) => ({ id, run: ownProcess(import.meta.url, [id, size], handledOf(id, size)) })),
    options,
  );
  const nanoseconds = ({ elapsedMs }: Outcome) => elapsedMs * 1e6 / size;
  const rows = features.map(({ id, title, base }) => [
    title,
    `${base} ${formatSpread(spread(series[base], nanoseconds))}`,
    formatSpread(spread(series[id], nanoseconds)),
    formatSpread(differences(figuresOf(series[id], nanoseconds), figuresOf(series[base], nanoseconds))),
  ]);
  return {
    title: "Features: what each costs where it is used",
    markdown:
      `Nanoseconds a message, of a plain message to a plain actor and of the same with the feature. Messages are sent ${
        batchLength.toLocaleString("en-US")
      } at a time from
outside; asks one after another. Bounds, supervision and the default time-out of an ask are in both: they are never off.

${tableOf(["with", "without", "with", "difference"], rows)}${failureLines(failures)}`,
    goals: [],
  };
}

if (import.meta.main) finish(await sendWith(Deno.args[0], Number(Deno.args[1])));
