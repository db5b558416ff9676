/** Formats a number with three significant digits: 12.7, 1.35, 0.82, 1,234. */
export function formatFigure(figure: number): string {
  const magnitude = Math.abs(figure);
  const digits = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  return figure.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Formats a whole number: 5,000,000. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Formats a rate in thousands, millions or billions per second. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 1e9) return `${formatFigure(perSecond / 1e9)} G/s`;
  if (perSecond >= 1e6) return `${formatFigure(perSecond / 1e6)} M/s`;
  if (perSecond >= 1e3) return `${formatFigure(perSecond / 1e3)} k/s`;
  return `${formatFigure(perSecond)} /s`;
}

/** Formats a ratio of speeds. */
export function formatRatio(ratio: number): string {
  return `${formatFigure(ratio)}×`;
}

/**
 * Formats the rows of a Markdown table; the first is its header. Columns after the first few are
 * right-aligned.
 */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, index) => index < left ? "---" : "---:");
  return [head, rule, ...rows].map(line).join("\n");
}
