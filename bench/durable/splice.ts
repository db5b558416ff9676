const title = "## Durable turns\n";
/** The heading before which the section is inserted, or else at the end. */
const next = "## How it was measured\n";

/** The section on durable turns in a report; empty if it has none. */
export function durableIn(report: string): string {
  const from = report.indexOf(`\n${title}`) + 1;
  if (from === 0) return "";
  const end = report.indexOf("\n## ", from);
  return end < 0 ? report.slice(from) : report.slice(from, end + 1);
}

/** Replaces the section on durable turns in a report. */
export function withDurable(report: string, section: string): string {
  const without = report.replace(durableIn(report), "");
  if (section === "") return without;
  const at = without.indexOf(`\n${next}`) + 1;
  const [before, after] = at === 0
    ? [`${without.trimEnd()}\n\n`, ""]
    : [without.slice(0, at), without.slice(at)];
  return `${before}${section.trimEnd()}\n${after === "" ? "" : `\n${after}`}`;
}
