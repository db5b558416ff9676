import type { Outcome } from "../contender.ts";
import { formatCount, formatFigure, formatRate, formatRatio, tableOf } from "../format.ts";
import {
  alternate,
  failureLines,
  formatSpread,
  type GoalOptions,
  type Measured,
  spread,
} from "../goals/process.ts";
import type { Section } from "../section.ts";
import {
  bullMqIsMissing,
  casesOf,
  fullSizes,
  redisSettings,
  type Sizes,
  smokeSizes,
  steadyCase,
} from "./cases.ts";
import { durableGoals, leadOf } from "./goals.ts";
import { restCase, startBesideRest } from "./rest.ts";
import { storeKinds } from "./stores.ts";

/** Options of the section. */
export interface DurableOptions extends GoalOptions {
  /** Sizes that differ from the defaults. */
  readonly sizes?: Partial<Sizes>;
}

/** Measures durable turns, the bare stores, Deno KV's queue and BullMQ. */
export async function durableSection(options: DurableOptions): Promise<Section> {
  const sizes: Sizes = { ...options.size === "full" ? fullSizes : smokeSizes, ...options.sizes };
  const missing = await bullMqIsMissing();
  const rounds = await alternate(casesOf(sizes, { peer: missing === undefined }), options);
  const steady = await alternate([steadyCase(sizes)], { ...options, runs: 1 });
  const rest = await startBesideRest(sizes.atRest, options);
  const measured: Measured = {
    series: { ...rounds.series, ...steady.series, ...rest.series },
    failures: [...rounds.failures, ...steady.failures, ...rest.failures],
  };
  const peers = missing === undefined ? "" : `\n\nBullMQ was left out: ${missing}.`;
  return {
    title: "Durable turns",
    markdown: `${introduction(sizes)}${peers}

${sizes.actors.map((actors) => ratesOf(measured, sizes, actors)).join("\n\n")}

### One message at a time

To one actor, ${
      formatCount(sizes.alone)
    } times: milliseconds from sending until its turn is committed; and how many bare commits of the actor's row that is, 50
of one and 50 of the other in turn.

${aloneOf(measured)}

### Asks and bare commits

One ask after another, each of which changes the state, and as many bare commits of the same row in turn, 50 at a time:
milliseconds, the middle one.

${asksOf(measured)}

### A start beside actors at rest

${restOf(measured, sizes)}

### Memory

${steadyOf(measured, sizes)}

### A backlog

${backlogsOf(measured, sizes)}${failureLines(measured.failures)}`,
    goals: durableGoals(measured.series, sizes),
  };
}

function introduction({ turns, together }: Sizes): string {
  return `Code outside any actor tells \`add\` to so many actors in turn, ${
    formatCount(together)
  } messages on their way at once, ${
    formatCount(turns)
  } in all; each turn changes the actor's state. A message is done when the commit that has it in its actor's state has
returned, which is seen from outside the runtime; the times are from sending until then. As many before, at least one for
each actor, warm up. In the end all actors are asked what they have counted.

Bare is a mailbox in tables without a runtime: each message is written with its index entry, then removed with the new
state, four rows a turn at the most. It is what Posthorn commits in a run of its own where each message is stored first,
written again: the same keys and values in the same groups by prepared statements of \`node:sqlite\`, with the same
settings of the file; in Deno KV the same mutations in atomic operations of 25 turns each. Nothing is checked there.
Posthorn itself writes fewer rows, since most messages are accepted with their turn: the last column says how many. Deno KV's queue and BullMQ keep no state
and no order: they hand a message to a function that counts.`;
}

function ratesOf({ series }: Measured, { turns, queued }: Sizes, actors: number): string {
  const rows = storeKinds.flatMap(({ id, label, durability }) => [
    rowOf(`turns ${id} ${actors}`, `**Posthorn, ${label}**`, durability, turns),
    rowOf(`bare ${id} ${actors}`, `bare ${label}`, durability, turns),
  ]);
  const peers = [
    rowOf("kvQueue", "Deno KV's queue, file", "a loss of power", queued),
    ...redisSettings.map(({ id, label }) =>
      rowOf(
        `bullmq ${id}`,
        label,
        id === "default" ? "the process, but for the last seconds" : "a loss of power",
        turns,
      )
    ),
  ];
  const title = `### ${formatCount(actors)} ${actors === 1 ? "actor" : "actors"}`;
  const head = [
    "",
    "a commit survives",
    "turns/s",
    "least",
    "greatest",
    "p50 ms",
    "p99 ms",
    "beside bare",
    "parts a commit",
    "rows a turn",
  ];
  return `${title}\n\n${tableOf(head, [...rows, ...peers].filter((row) => row !== undefined), 2)}`;

  function rowOf(id: string, label: string, durability: string, count: number): string[] | undefined {
    if (series[id] === undefined) return undefined;
    const rate = spread(series[id], ({ elapsedMs }) => count * 1_000 / elapsedMs);
    const lead = id.startsWith("turns ") ? leadOf(series, id, id.replace("turns ", "bare ")) : undefined;
    const also = (name: string) => {
      const figures = spread(series[id], (outcome) => outcome.also?.[name] ?? NaN);
      return figures === undefined || Number.isNaN(figures.median) ? "" : formatFigure(figures.median);
    };
    return [
      label,
      durability,
      ...rate === undefined ? ["no result", "", ""] : [rate.median, rate.min, rate.max].map(formatRate),
      also("p50"),
      also("p99"),
      lead === undefined ? "" : formatRatio(lead.median),
      also("partsPerCommit"),
      also("rowsPerTurn"),
    ];
  }
}

function aloneOf({ series }: Measured): string {
  const row = (id: string, label: string) => {
    if (series[id] === undefined) return [];
    const of = (name: string) => formatSpread(spread(series[id], ({ also }) => also![name]));
    const commits = spread(series[id], ({ also }) => also!.p50 / (also!.commitP50 ?? NaN));
    // the other cases have no row to commit
    const measured = commits === undefined || !Number.isNaN(commits.median);
    return [[label, of("p50"), of("p99"), measured ? formatSpread(commits) : ""]];
  };
  return tableOf(["", "p50", "p99", "bare commits"], [
    ...storeKinds.flatMap(({ id, label }) => row(`alone ${id}`, `**Posthorn, ${label}**`)),
    ...row("kvQueue alone", "Deno KV's queue, file"),
    ...redisSettings.flatMap(({ id, label }) => row(`bullmq ${id} alone`, label)),
  ]);
}

function asksOf({ series }: Measured): string {
  const of = (id: string, figure: (also: NonNullable<Outcome["also"]>) => number) =>
    formatSpread(spread(series[`ask ${id}`], ({ also }) => figure(also!)));
  return tableOf(
    ["", "ask", "bare commit", "commits an ask"],
    storeKinds.map(({ id, label }) => [
      id === "memory" ? `${label} (bare: SQLite in memory)` : label,
      of(id, ({ askP50 }) => askP50),
      of(id, ({ commitP50 }) => commitP50),
      of(id, ({ askP50, commitP50 }) => askP50 / commitP50),
    ]),
  );
}

function restOf({ series }: Measured, { atRest }: Sizes): string {
  const of = (name: string) => formatSpread(spread(series[restCase], ({ also }) => also![name]));
  return `${
    formatCount(atRest)
  } actors at rest in a file of SQLite at FULL; a process starts on it and asks one of them. Milliseconds.

${
    tableOf(["from the start of the process", ""], [
      ["until its modules are loaded", of("mainMs")],
      ["until the store is open", of("readyMs")],
      ["and from then until the first answer", of("answerMs")],
    ])
  }`;
}

const mebibyte = 1_024 * 1_024;

function steadyOf({ series }: Measured, { steady }: Sizes): string {
  const figure = (name: string, unit = 1) =>
    formatFigure((spread(series.steady, ({ also }) => also![name])?.median ?? NaN) / unit);
  const tenths = Array.from({ length: 10 }, (_, index) => index + 1);
  return `${
    formatCount(steady)
  } turns of 100 actors in one process, on SQLite at NORMAL, once: after each tenth of them, with all collected that nobody
holds.

${
    tableOf(
      ["after", "heap MiB", "process MiB", "turns/s in that tenth"],
      tenths.map((tenth) => [
        formatCount(steady / 10 * tenth),
        figure(`heap${tenth}`, mebibyte),
        figure(`resident${tenth}`, mebibyte),
        figure(`rate${tenth}`),
      ]),
    )
  }`;
}

function backlogsOf({ series }: Measured, { shortBacklog, longBacklog, drained }: Sizes): string {
  const rows = [shortBacklog, longBacklog].map((waiting) => {
    const of = (figure: (outcome: Outcome) => number) =>
      formatSpread(spread(series[`backlog ${waiting}`], figure));
    return [
      formatCount(waiting),
      of(({ elapsedMs }) => drained * 1_000 / elapsedMs),
      of(({ also }) => also!.heapAfter / mebibyte),
      of(({ also }) => also!.resident / mebibyte),
    ];
  });
  return `So many messages wait for one actor, on SQLite at NORMAL, and their process is gone: what the first ${
    formatCount(drained)
  } of them take, after a fifth as many that warm up.

${tableOf(["waiting", "turns/s", "heap MiB", "process MiB"], rows)}`;
}
