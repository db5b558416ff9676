/** A number with three digits that say something: 12.7, 1.35, 0.82, 1,234. */
export function formatFigure(figure: number): string {
  const magnitude = Math.abs(figure);
  const digits = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  return figure.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A whole number: 5,000,000. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A rate in thousands, millions or thousand millions a second. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 1e9) return `${formatFigure(perSecond / 1e9)} G/s`;
  if (perSecond >= 1e6) return `${formatFigure(perSecond / 1e6)} M/s`;
  if (perSecond >= 1e3) return `${formatFigure(perSecond / 1e3)} k/s`;
  return `${formatFigure(perSecond)} /s`;
}

/** How many times as fast. */
export function formatRatio(ratio: number): string {
  return `${formatFigure(ratio)}×`;
}

/** Rows of a Markdown table; the first is its head. Columns but the first few stand right, as figures do. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, index) => index < left ? "---" : "---:");
  return [head, rule, ...rows].map(line).join("\n");
}
