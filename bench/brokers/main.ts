/**
 * Measures services over brokers beside the bare clients of the brokers, and beside Moleculer and NestJS, and writes the
 * section into bench/RESULTS.md: `main.ts [--broker NAME] [--runs N] …`. Brokers are those of the environment that
 * `deno task brokers` prints.
 */
import { parseArgs } from "node:util";
import { formatCount, tableOf } from "../format.ts";
import { alternate } from "../goals/process.ts";
import { thisMachine } from "../machine.ts";
import { withSection } from "../splice.ts";
import { casesOf, type Sizes } from "./cases.ts";
import { installFrameworks } from "./install.ts";
import { type BrokerPart, brokerPart } from "./section.ts";
import { brokerKinds } from "./transport.ts";

const usage = `deno task bench:brokers [options]

  --broker NAME       rabbitmq, kafka or nats (each that the environment has)
  --runs N            how many times each case is measured (3)
  --tells N           messages of one measurement (30,000)
  --asks N            asks of one measurement (2,000)
  --date YYYY-MM-DD   the date that the section gives (today)
  --print             prints the section, and keeps nothing, as it does with --broker

\`deno task brokers\` starts the brokers and prints the environment.`;

const results = new URL("../RESULTS.md", import.meta.url);
const { values } = parseArgs({
  options: {
    broker: { type: "string" },
    runs: { type: "string", default: "3" },
    tells: { type: "string", default: "30000" },
    asks: { type: "string", default: "10000" },
    date: { type: "string", default: new Date().toISOString().slice(0, 10) },
    print: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
  Deno.exit(0);
}
const count = (text: string) => Number(text.replaceAll(/[,_]/g, ""));
const sizes: Sizes = { tells: count(values.tells), asks: count(values.asks) };
const parts: BrokerPart[] = [];
for (const kind of brokerKinds) {
  if (values.broker !== undefined && values.broker !== kind) continue;
  const url = Deno.env.get(`POSTHORN_${kind.toUpperCase()}`)?.split(" ")[0];
  if (url === undefined) {
    console.error(`${kind} is not there: \`deno task brokers ${kind}\``);
    continue;
  }
  const folder = kind === "nats" ? await installFrameworks() : undefined;
  const measured = await alternate(casesOf(kind, url, sizes, folder), {
    runs: Number(values.runs),
    size: "full",
    progress: (line) => console.error(line.slice(0, 300)),
  });
  parts.push(brokerPart(kind, measured, sizes));
}

const { processor, cores, deno } = await thisMachine();
const goals = parts.flatMap(({ goals }) => goals);
const met = goals.filter(({ met }) => met).length;
const rows = goals.map(({ name, met, figure }) => [name, met ? "met" : "**missed**", figure]);
const section = `## Over brokers

Written by \`deno task bench:brokers\` on ${values.date}: change nothing here by hand. ${cores} cores of ${processor},
Deno ${deno}; the best of ${values.runs} runs, each in a fresh process, every other round backwards. Who sends, who receives and the
broker share the machine. A measurement has ${formatCount(sizes.tells)} messages, 1,000 in flight, or ${
  formatCount(sizes.asks)
} asks. The bare client sends the same
messages, to the same kind of queue or stream, with confirms, and acknowledges what it consumes.

${met} of ${goals.length} goals met.

${tableOf(["goal", "", "measured"], rows, 3)}

${parts.map(({ markdown }) => markdown).join("\n\n")}
`;
if (values.print || values.broker !== undefined) console.log(section);
else {
  const text = await Deno.readTextFile(results);
  await Deno.writeTextFile(results, withSection(text, "Over brokers", section));
}
