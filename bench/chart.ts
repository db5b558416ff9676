import { formatFigure, formatRate } from "./format.ts";
import { type Entry, leadOver, ours, type Results } from "./results.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import { type WorkloadInfo, workloads } from "./workloads.ts";

const columns = 3;
const margin = 16;
const panelWidth = 296;
const panelGap = 14;
const headHeight = 64;
const titleHeight = 24;
const rowHeight = 13;
const middleOfRow = 7;
const labelWidth = 138;
const labelLength = 25;
const figureWidth = 54;
const plotWidth = panelWidth - labelWidth - figureWidth;

/**
 * An opaque background, so that it is readable on any page; the colours follow the colour scheme of the
 * reader's system.
 */
const style = [
  'text{font:10px system-ui,-apple-system,"Segoe UI",sans-serif}',
  ".t{font-size:15px;font-weight:600}.h{font-size:11.5px;font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}",
  "path{fill:none}.f circle{stroke-width:1}.f text{font-style:italic}.o text{font-weight:600}.o .w{stroke-width:2}",
  coloursOf({ ground: "#fff", text: "#1f2328", quiet: "#59636e", line: "#d8dee4", ours: "#b35900" }),
  "@media(prefers-color-scheme:dark){",
  coloursOf({ ground: "#0d1117", text: "#e6edf3", quiet: "#9198a1", line: "#30363d", ours: "#ffa657" }),
  "}",
].join("");

/** A logarithmic scale of rates, from one power of ten to another. */
interface Scale {
  readonly from: number;
  readonly to: number;
}

interface Row {
  readonly entry: Entry;
  readonly rate: Spread | undefined;
}

interface Colours {
  readonly ground: string;
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly ours: string;
}

/**
 * Draws the rates of a run as one picture: a panel for each workload that another contender has too, with
 * Posthorn first, then the lower bounds, then the others by rate.
 */
export function chartOf(results: Results): string {
  const panels = workloads.filter(({ id }) => Object.keys(results.byWorkload[id] ?? {}).length > 1)
    .map((workload) => ({ workload, rows: rowsOf(results, workload) }));
  const scale = scaleOf(panels.flatMap(({ rows }) => rows));
  const lines = Array.from(
    { length: Math.ceil(panels.length / columns) },
    (_, index) => panels.slice(index * columns, (index + 1) * columns),
  );
  const drawn: string[] = [];
  let y = headHeight;
  for (const line of lines) {
    line.forEach(({ workload, rows }, index) => {
      const x = margin + index * (panelWidth + panelGap);
      drawn.push(`<g transform="translate(${x} ${y})">${panelOf(workload, rows, scale)}</g>`);
    });
    y += titleHeight + Math.max(...line.map(({ rows }) => rows.length)) * rowHeight + 24;
  }
  const width = 2 * margin + columns * panelWidth + (columns - 1) * panelGap;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img" ` +
    `aria-labelledby="title description">`,
    `<title id="title">Rates of Posthorn and its peers</title>`,
    `<desc id="description">${escape(describe(results, panels.map(({ workload }) => workload)))}</desc>`,
    `<style>${style}</style>`,
    `<rect class="g" width="${width}" height="${y}" rx="6"/>`,
    `<text class="t" x="${margin}" y="28">Posthorn and its peers, side by side</text>`,
    `<text x="${margin}" y="46">${escape(subtitleOf(results))}</text>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function coloursOf({ ground, text, quiet, line, ours }: Colours): string {
  return `.g{fill:${ground}}text,circle{fill:${quiet}}.t,.h{fill:${text}}path{stroke:${line}}.w{stroke:${quiet}}` +
    `.f circle{fill:${ground};stroke:${quiet}}.o text,.o circle{fill:${ours}}.o .w{stroke:${ours}}`;
}

function rowsOf({ entries, byWorkload }: Results, { id }: WorkloadInfo): Row[] {
  const ranks = { ours: 0, floor: 1, peer: 2 };
  return entries.filter((entry) => entry.id in byWorkload[id]).map((entry) => ({
    entry,
    rate: spreadOf(byWorkload[id][entry.id].rates.filter((rate) => rate !== null)),
  })).sort((a, b) =>
    ranks[a.entry.kind] - ranks[b.entry.kind] || (b.rate?.median ?? 0) - (a.rate?.median ?? 0)
  );
}

function scaleOf(rows: readonly Row[]): Scale {
  const rates = rows.flatMap(({ rate }) => rate === undefined ? [] : [rate.min, rate.max]);
  if (rates.length === 0) return { from: 3, to: 4 };
  const from = Math.floor(Math.log10(Math.min(...rates)));
  return { from, to: Math.max(Math.ceil(Math.log10(Math.max(...rates))), from + 1) };
}

function panelOf({ title, unit }: WorkloadInfo, rows: readonly Row[], scale: Scale): string {
  const bottom = titleHeight + rows.length * rowHeight;
  const powers = Array.from({ length: scale.to - scale.from + 1 }, (_, index) => scale.from + index);
  const grid = powers.map((power) => `M${placeOf(10 ** power, scale)} ${titleHeight - 2}V${bottom}`).join("");
  const marks = powers.filter((power) => power % 3 === 0).map((power) =>
    `<text class="m" x="${placeOf(10 ** power, scale)}" y="${bottom + 11}">${shortOf(power)}</text>`
  );
  const top = (index: number) => titleHeight + index * rowHeight;
  const ranges = rows.map(({ entry, rate }, index) =>
    rate === undefined || entry.kind === "ours" ? "" : rangeOf(rate, top(index), scale)
  ).join("");
  return [
    `<text class="h" y="12">${escape(title)}</text><text class="e" x="${panelWidth}" y="12">${unit}</text>`,
    `<path d="${grid}"/>`,
    `<path class="w" d="${ranges}"/>`,
    ...marks,
    ...rows.map((row, index) => rowOf(row, top(index), scale)),
  ].join("");
}

function rowOf({ entry, rate }: Row, top: number, scale: Scale): string {
  const baseline = top + 10;
  // The font of the reader is unknown, so a long label is compressed to keep it out of the plot.
  const squeezed = entry.label.length > labelLength
    ? ` textLength="${labelWidth - 8}" lengthAdjust="spacingAndGlyphs"`
    : "";
  const figure = rate === undefined ? "no result" : formatRate(rate.median);
  const parts = [
    `<text y="${baseline}"${squeezed}>${escape(entry.label)}</text>`,
    rate === undefined ? "" : markOf(rate, top, scale, entry.kind),
    `<text class="e" x="${panelWidth}" y="${baseline}">${figure}</text>`,
  ].join("");
  const group = { ours: "o", floor: "f", peer: "" }[entry.kind];
  return group === "" ? parts : `<g class="${group}">${parts}</g>`;
}

function markOf({ median, min, max }: Spread, top: number, scale: Scale, kind: Entry["kind"]): string {
  const middle = top + middleOfRow;
  const range = kind === "ours" ? `<path class="w" d="${rangeOf({ median, min, max }, top, scale)}"/>` : "";
  return `${range}<circle cx="${placeOf(median, scale)}" cy="${middle}" r="${kind === "ours" ? 4.5 : 3}"/>`;
}

function rangeOf({ min, max }: Spread, top: number, scale: Scale): string {
  return `M${placeOf(min, scale)} ${top + middleOfRow}H${placeOf(max, scale)}`;
}

/** The x coordinate of a rate within the panel. */
function placeOf(rate: number, { from, to }: Scale): number {
  return Math.round((labelWidth + plotWidth * (Math.log10(rate) - from) / (to - from)) * 10) / 10;
}

/** The label of a power of ten per second. */
function shortOf(power: number): string {
  return ["1", "1 k", "1 M", "1 G"][power / 3] ?? `10^${power}`;
}

function subtitleOf({ size, runs, date, machine }: Results): string {
  const smoke = size === "smoke" ? "Smoke sizes: these figures say nothing. " : "";
  return `${smoke}Done a second, on a logarithmic scale; median of ${runs} ${
    runs === 1 ? "process" : "processes"
  } with least and greatest. ` +
    `Hollow: floors. ${machine.processor}, Deno ${machine.deno}, ${date}.`;
}

function describe(results: Results, shown: readonly WorkloadInfo[]): string {
  const peers = results.entries.filter(({ kind }) => kind === "peer");
  return shown.map(({ id, title }) => {
    const rate = spreadOf(results.byWorkload[id][ours]?.rates.filter((rate) => rate !== null) ?? []);
    const leads = peers.flatMap((peer) => {
      const lead = leadOver(results, id, peer.id);
      return lead === undefined ? [] : [{ label: peer.label, ratio: lead.median }];
    }).sort((a, b) => a.ratio - b.ratio);
    if (rate === undefined) return `${title}: no result.`;
    const next = leads.length === 0 ? "" : `, ${formatFigure(leads[0].ratio)} times ${leads[0].label}`;
    return `${title}: ${formatRate(rate.median)}${next}.`;
  }).join(" ");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
