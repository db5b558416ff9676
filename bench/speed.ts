import { formatFigure, formatRatio } from "./format.ts";
import { type Entry, leadOver, ours, type Results } from "./results.ts";
import { spreadOf } from "./statistics.ts";
import { goalsOf } from "./report.ts";
import { type WorkloadInfo, workloads } from "./workloads.ts";

const begin = "<!-- speed: made by deno task bench -->";
const end = "<!-- end of speed -->";
/** A difference below this ratio counts as even: two runs of the same program differ by as much. */
const even = 0.95;

/** One workload compared with one contender. */
interface Lead {
  readonly title: string;
  readonly ratio: number;
}

/** The results of a run as prose, losses first: a part of the README. */
export function speedOf(results: Results): string {
  const peers = results.entries.filter(({ kind, cores }) => kind === "peer" && cores === 1)
    .map((peer) => ({ peer, leads: leadsOver(results, peer) }))
    .filter(({ leads }) => leads.length > 0);
  const losses = peers.flatMap(({ peer, leads }) => {
    const lost = leads.filter(({ ratio }) => ratio < even);
    return lost.length === 0 ? [] : [`${peer.label}: ${listed(lost)}`];
  });
  const gains = peers.flatMap(({ peer, leads }) => {
    const held = leads.filter(({ ratio }) => ratio >= even);
    return held.length === 0 ? [] : [`${peer.label} ${rangeOf(held)}`];
  });
  const goals = goalsOf(results);
  const { date, machine: { processor, deno } } = results;
  return [
    `On ${date}, ${processor}, Deno ${deno}, one core each. 0.8× means that Posthorn is 0.8 times as fast:`,
    "",
    losses.length === 0
      ? "- **Slower**: than none of them, in nothing that was measured."
      : `- **Slower** than ${losses.join("; ")}.`,
    ...realActors(results),
    ...checked(results),
    ...gains.length === 0 ? [] : [`- **As fast or faster** in all else: ${gains.join(", ")}.`],
    ...goals.length === 0
      ? []
      : [`- **Goals** met: ${
        goals.filter(({ met }) => met).length
      } of ${goals.length} in [RESULTS.md](bench/RESULTS.md).`],
  ].join("\n");
}

/** Replaces this part of a README. A README without markers is returned unchanged. */
export function withSpeed(readme: string, words: string): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) return readme;
  return `${readme.slice(0, from)}${begin}\n\n${words.trim()}\n\n${readme.slice(to)}`;
}

function leadsOver(results: Results, { id }: Entry): readonly Lead[] {
  return workloads.flatMap(({ id: workload, title }) => {
    const lead = leadOver(results, workload, id);
    return lead === undefined ? [] : [{ title, ratio: lead.median }];
  });
}

function listed(leads: readonly Lead[]): string {
  return leads.toSorted((a, b) => a.ratio - b.ratio).map(({ title, ratio }) =>
    `${title} ${formatRatio(ratio)}`
  )
    .join(", ");
}

function rangeOf(leads: readonly Lead[]): string {
  const { min, max } = spreadOf(leads.map(({ ratio }) => ratio))!;
  return leads.length === 1 ? formatRatio(min) : `${formatRatio(min)} to ${formatRatio(max)}`;
}

/**
 * The sentence on the cost with actors of several types, as in real programs: benchmarks with one type are
 * faster.
 */
function realActors(results: Results): string[] {
  const [burst, hop] = ["typesBurst", "typesHop"].map((id) => nanosecondsOf(results, id));
  const [besideBurst, besideHop] = ["typesBurst", "typesHop"].map((id) => leadOver(results, id, "bare"));
  if (burst === undefined || hop === undefined) return [];
  const beside = besideBurst === undefined || besideHop === undefined
    ? ""
    : `, ${formatRatio(besideBurst.median)} and ${
      formatRatio(besideHop.median)
    } as fast as a bare mailbox loop`;
  return [
    `- **Actors of 8 types with state**, as in a real program: ${
      formatFigure(burst)
    } ns a turn in bursts and ${
      formatFigure(hop)
    } ns a hop${beside}. Workloads with one type are faster, because the compiler inlines their only handler.`,
  ];
}

/** The sentence on the cost of a schema. */
function checked(results: Results): string[] {
  const [unchecked, object, ask] = ["burst", "burstObject", "askObject"].map((id) =>
    nanosecondsOf(results, id)
  );
  if (unchecked === undefined || object === undefined || ask === undefined) return [];
  return [
    `- **A payload of two fields that zod checks**: ${
      formatFigure(object)
    } ns a message in bursts instead of ${formatFigure(unchecked)}, ${formatFigure(ask)} ns an ask.`,
  ];
}

function nanosecondsOf({ byWorkload }: Results, workload: WorkloadInfo["id"]): number | undefined {
  const rate = spreadOf(byWorkload[workload]?.[ours]?.rates.filter((rate) => rate !== null) ?? []);
  return rate === undefined ? undefined : 1e9 / rate.median;
}
