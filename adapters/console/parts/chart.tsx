import type { JSX } from "hono/jsx/jsx-runtime";

/** A line of a chart: a value for each second, oldest first; `undefined` where nothing was measured. */
export interface Line {
  readonly name: string;
  /** Which of the colours and dashes of the style sheet it has. */
  readonly look: "one" | "two" | "three";
  readonly values: readonly (number | undefined)[];
}

const width = 600;
const height = 120;
/** How far apart the rows of the table are, in seconds. */
const rowSeconds = 30;

/** Lines over the last seconds, drawn here: no script is needed to see them. The same is told in words, and as a table. */
export function Chart({ id, title, lines, seconds, say }: {
  id: string;
  title: string;
  lines: readonly Line[];
  /** How many seconds the whole width is. */
  seconds: number;
  /** A value with its unit. */
  say: (value: number) => string;
}): JSX.Element {
  const values = lines.flatMap((line) => line.values).filter((value) => value !== undefined);
  const peak = values.reduce((peak, value) => Math.max(peak, value), 0);
  const last = (line: Line) => {
    const value = line.values.at(-1);
    return value === undefined ? "–" : say(value);
  };
  const description = values.length === 0
    ? "Nothing was measured yet."
    : `${lines.map((line) => `${line.name} ${last(line)}`).join(", ")}; highest ${say(peak)}.`;
  return (
    <figure class="chart">
      <figcaption>
        <span class="title">{title}</span>
        {lines.map((line) => (
          <span class={`legend ${line.look}`}>
            <i aria-hidden="true"></i>
            {line.name} <b>{last(line)}</b>
          </span>
        ))}
      </figcaption>
      <svg
        role="img"
        aria-labelledby={`${id}-title ${id}-description`}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
      >
        <title id={`${id}-title`}>{title}</title>
        <desc id={`${id}-description`}>{description}</desc>
        <path class="grid" d={`M0 ${height / 2}H${width}`} />
        <path class="grid" d={`M0 ${height - 1}H${width}`} />
        {lines.map((line) => draw(line, peak, seconds))}
      </svg>
      <p class="axis" aria-hidden="true">
        <span>{`${Math.round(seconds / 60)} min ago`}</span>
        <span>{values.length === 0 ? "" : `peak ${say(peak)}`}</span>
        <span>now</span>
      </p>
      <details id={`${id}-table`}>
        <summary>As a table</summary>
        <ChartTable title={title} lines={lines} say={say} />
      </details>
    </figure>
  );
}

function ChartTable({ title, lines, say }: {
  title: string;
  lines: readonly Line[];
  say: (value: number) => string;
}): JSX.Element {
  const length = Math.max(0, ...lines.map((line) => line.values.length));
  const ages = Array.from({ length: Math.ceil(length / rowSeconds) }, (_, index) => index * rowSeconds);
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">Seconds ago</th>
          {lines.map(({ name }) => head(name))}
        </tr>
      </thead>
      <tbody>
        {ages.map((age) => (
          <tr>
            <th scope="row">{age}</th>
            {lines.map(({ values }) => cell(values.at(-1 - age), say))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function draw({ look, values }: Line, peak: number, seconds: number): JSX.Element {
  return <path class={`line ${look}`} d={pathOf(values, peak, seconds)} />;
}

function head(name: string): JSX.Element {
  return <th scope="col" class="number">{name}</th>;
}

function cell(value: number | undefined, say: (value: number) => string): JSX.Element {
  return <td class="number">{value === undefined ? "–" : say(value)}</td>;
}

/** The path of a line, whose last value is at the right end. It has a gap where nothing was measured. */
function pathOf(values: Line["values"], peak: number, seconds: number): string {
  let path = "";
  let isOpen = false;
  for (const [index, value] of values.entries()) {
    if (value === undefined) {
      isOpen = false;
      continue;
    }
    const x = round(width - (values.length - 1 - index) * width / (seconds - 1));
    const y = round(height - 2 - (peak === 0 ? 0 : value / peak) * (height - 8));
    // A single value between two gaps is a dot.
    path += isOpen ? `L${x} ${y}` : `M${x} ${y}h0.1`;
    isOpen = true;
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
