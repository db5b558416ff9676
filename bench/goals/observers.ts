import { choose } from "../options.ts";
import { formatFigure, formatRate, tableOf } from "../format.ts";
import type { Goal, Section } from "../section.ts";
import type { Spread } from "../statistics.ts";
import { observed, observers, sizeOf, works } from "./observers_cases.ts";
import {
  alternate,
  failureLines,
  finish,
  formatSpread,
  type GoalOptions,
  ownProcess,
  spread,
} from "./process.ts";

/** How much slower a system may be while somebody looks, by observer and work; the rest is only shown. */
const slowerMax: Readonly<Record<string, number>> = {
  "gone burst": 0.02,
  "gone hops": 0.02,
  "gone sqlite": 0.02,
  "metrics burst": 0.05,
  "metrics hops": 0.05,
  "metrics sqlite": 0.03,
  "console burst": 0.05,
  "console hops": 0.05,
  "console sqlite": 0.03,
};

/** Measures what it costs a system that somebody looks at it. */
export async function observersSection(options: GoalOptions): Promise<Section> {
  const smoke = options.size === "smoke";
  const cases = works.flatMap((work) =>
    observers.map((observer) => {
      const size = sizeOf(observer, work, smoke);
      const id = `${observer.id} ${work.id}`;
      return {
        id,
        size,
        title: `${observer.title}, ${work.title}`,
        run: smoke
          ? async () => ({ outcome: await observed(observer, work, size) })
          : ownProcess(import.meta.url, [observer.id, work.id, size], size, [], observer.env),
      };
    })
  );
  const { series, failures } = await alternate(cases, options);
  const ratioOf = (id: string) => spread(series[id], ({ also }) => also?.ofNobody ?? NaN);
  const rows = cases.map(({ id, title, size }) => {
    const own = spread(series[id], ({ elapsedMs }) => size * 1_000 / elapsedMs);
    return [title, own === undefined ? "no result" : formatRate(own.median), formatSpread(ratioOf(id), "×")];
  });
  return {
    title: "Observers: what it costs that somebody looks",
    markdown:
      `Messages a second while somebody looks, and how many times as many as those of another system in the same process, which does
the same by turns and which nobody looks at. Two systems that nobody looks at show what such a comparison is good for. Each
case has a process of its own in each round, and the time in which other programs had the core does not count. In memory the
handlers do next to nothing, so whatever is done for each message shows.

${tableOf(["who looks, at what", "messages", "of nobody"], rows)}${failureLines(failures)}`,
    goals: cases.flatMap(({ id, title }) => {
      const most = slowerMax[id];
      return most === undefined ? [] : [goalOf(title, most, ratioOf(id))];
    }),
  };
}

function goalOf(title: string, most: number, ratio: Spread | undefined): Goal {
  return {
    name: `${title}: at most ${formatFigure(most * 100)} % slower than with nobody`,
    met: ratio !== undefined && ratio.median >= 1 - most,
    figure: formatSpread(ratio, "×"),
  };
}

if (import.meta.main) {
  const [observer, work, size] = Deno.args;
  const [chosenObserver] = choose(observers, [observer]);
  const [chosenWork] = choose(works, [work]);
  finish(await observed(chosenObserver, chosenWork, Number(size)));
}
