import type { Histogram } from "../../runtime/base/histogram.ts";

/** The labels of a number. */
export type Labels = Readonly<Record<string, string>>;

/** A metric with its numbers, each under labels of its own. */
export type Family =
  & {
    /** Its name without the prefix of the package: that of a counter ends with `_total`, that of a time with its unit. */
    readonly name: string;
    /** What it is, in one line. */
    readonly help: string;
  }
  & (
    | { readonly type: "counter" | "gauge"; readonly samples: readonly (readonly [Labels, number])[] }
    | { readonly type: "histogram"; readonly samples: readonly (readonly [Labels, Histogram])[] }
  );

/** The formats in which metrics can be written, with the content type of each. */
export const contentTypes = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

/** A format of metrics. */
export type Format = keyof typeof contentTypes;

/** Writes metrics in the text format of Prometheus, or in that of OpenMetrics. */
export function exposition(families: readonly Family[], format: Format): string {
  const texts = families.map((family) => {
    const name = `posthorn_${family.name}`;
    // OpenMetrics calls a counter by its name without the suffix of its numbers.
    const called = format === "openMetrics" ? name.replace(/_total$/, "") : name;
    return `# HELP ${called} ${family.help}\n# TYPE ${called} ${family.type}\n${
      numbers(name, family, format)
    }`;
  });
  return texts.join("") + (format === "openMetrics" ? "# EOF\n" : "");
}

function numbers(name: string, { type, samples }: Family, format: Format): string {
  if (type === "histogram") {
    return samples.map(([labels, histogram]) => ranges(name, textOf(labels), histogram, format)).join("");
  }
  return samples.map(([labels, value]) => `${name}${braced(textOf(labels))} ${value}\n`).join("");
}

function ranges(name: string, labels: string, histogram: Histogram, format: Format): string {
  const { bounds, count, sum } = histogram;
  const others = labels === "" ? "" : `,${labels}`;
  const below = histogram.cumulative().map((many, range) =>
    `${name}_bucket{le="${boundText(bounds[range], format)}"${others}} ${many}\n`
  );
  const all = `${name}_bucket{le="+Inf"${others}} ${count}\n`;
  const own = braced(labels);
  return `${below.join("")}${all}${name}_sum${own} ${sum}\n${name}_count${own} ${count}\n`;
}

/** OpenMetrics writes a whole number with its point, because the bound is a label that is compared as text. */
function boundText(bound: number, format: Format): string {
  return format === "openMetrics" && Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function textOf(labels: Labels): string {
  return Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`).join(",");
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

/** The value of a label, in which a quotation mark, a backslash and the end of a line have another meaning. */
function escaped(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
}
