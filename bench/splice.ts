/** The titles of the sections that have a program of their own, in their order in the report. */
export const ownSections = ["Durable turns", "Durable turns on PostgreSQL", "Over brokers"] as const;
export type OwnSection = (typeof ownSections)[number];

/** The heading before which the sections are, or else they are at the end. */
const next = "## How it was measured\n";

/** A section of a report; empty if it has none. */
export function sectionIn(report: string, title: string): string {
  const from = report.indexOf(`\n## ${title}\n`) + 1;
  if (from === 0) return "";
  const end = report.indexOf("\n## ", from);
  return end < 0 ? report.slice(from) : report.slice(from, end + 1);
}

/** Replaces a section of a report. */
export function withSection(report: string, title: OwnSection, section: string): string {
  const without = report.replace(sectionIn(report, title), "");
  if (section === "") return without;
  const later = ownSections.slice(ownSections.indexOf(title) + 1).map((title) => `## ${title}\n`);
  const ends = [...later, next].map((heading) => without.indexOf(`\n${heading}`) + 1).filter((at) => at > 0);
  const [before, after] = ends.length === 0
    ? [`${without.trimEnd()}\n\n`, ""]
    : [without.slice(0, ends[0]), without.slice(ends[0])];
  return `${before}${section.trimEnd()}\n${after === "" ? "" : `\n${after}`}`;
}

/** Replaces a section of a report that belongs to a complete run and was measured anew by itself, or adds it behind them. */
export function withPart(report: string, title: string, section: string): string {
  const text = `${section.trimEnd()}\n\n`;
  const previous = sectionIn(report, title);
  if (previous !== "") return report.replace(previous, () => text);
  const headings = [...ownSections.map((title) => `## ${title}\n`), next];
  const [at = report.length] = headings.map((heading) => report.indexOf(`\n${heading}`) + 1).filter((at) =>
    at > 0
  );
  return `${report.slice(0, at)}${text}${report.slice(at)}`;
}

/** A new report with those sections of the previous one. */
export function withOwnSections(report: string, previous: string): string {
  return ownSections.reduce((text, title) => withSection(text, title, sectionIn(previous, title)), report);
}
