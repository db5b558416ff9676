import type { Outcome } from "../contender.ts";
import { tableOf } from "../format.ts";
import type { Section } from "../section.ts";
import { ratiosOf } from "../statistics.ts";
import { bareSender, type Form, posthornSender, typeCount } from "./megamorphic_actors.ts";
import { Gate, paced } from "./pacing.ts";
import {
  alternate,
  failureLines,
  figuresOf,
  finish,
  formatSpread,
  type GoalOptions,
  ownProcess,
  spread,
} from "./process.ts";

/** What many types of actors and shapes of messages cost beside one of each. */
export async function megamorphicSection(options: GoalOptions): Promise<Section> {
  const size = options.size === "full" ? 2_000_000 : 2_000;
  const forms: readonly Form[] = ["posthorn", "bare"];
  const cases = forms.flatMap((form) =>
    [1, typeCount].map((types) => ({ form, types, id: `${form} ${types}` }))
  );
  const { series, failures } = await alternate(
    cases.map(({ form, types, id }) => ({ id, run: ownProcess(import.meta.url, [form, types, size], size) })),
    options,
  );
  const nanoseconds = ({ elapsedMs }: Outcome) => elapsedMs * 1e6 / size;
  const figures = (form: Form, types: number) => figuresOf(series[`${form} ${types}`], nanoseconds);
  const rows = [1, typeCount].map((types) => [
    types === 1 ? "1 type, 1 shape" : `${types} types, ${types} shapes`,
    ...forms.map((form) => formatSpread(spread(series[`${form} ${types}`], nanoseconds))),
    formatSpread(ratiosOf(figures("bare", types), figures("posthorn", types)), "×"),
  ]);
  const factors = forms.map((form) =>
    formatSpread(ratiosOf(figures(form, typeCount), figures(form, 1)), "×")
  );
  return {
    title: "Megamorphic: many types of actors and shapes of messages",
    markdown:
      `${typeCount} actors get messages in turn: all of one type with one shape of payload, or each of a type of its own with a
shape of its own. Nanoseconds a message.

${
        tableOf(["", "Posthorn", "bare core", "as fast as the bare core"], [
          ...rows,
          ["how many times as much", ...factors, ""],
        ])
      }${failureLines(failures)}`,
    goals: [],
  };
}

if (import.meta.main) {
  const [form, types, size] = Deno.args;
  const gate = new Gate();
  const send = (form === "bare" ? bareSender : posthornSender)(Number(types), gate);
  await paced(Math.ceil(Number(size) / 5), gate, send);
  finish(await paced(Number(size), gate, send));
}
