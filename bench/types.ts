// Measures the type-check time of an application: generates protocols with actors and calls, checks them
// without a cache, and prints the time. The target is less than 6 s for 60 protocols of 10 operations.

const config = new URL("../deno.json", import.meta.url).pathname;

/** The result of a type check. */
export interface CheckResult {
  readonly lines: number;
  readonly seconds: number;
  readonly success: boolean;
  /** The output of the compiler. */
  readonly output: string;
}

/** Type-checks a generated application, which no cache of the compiler contains. */
export async function checkGenerated(protocols: number, operations: number): Promise<CheckResult> {
  const folder = await Deno.makeTempDir();
  try {
    const files = generate(protocols, operations);
    for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
    const began = performance.now();
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--config", config, `${folder}/main.ts`],
      env: { NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    return {
      lines: [...files.values()].reduce((sum, text) => sum + text.split("\n").length, 0),
      seconds: (performance.now() - began) / 1_000,
      success,
      output: new TextDecoder().decode(stderr),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Generates one file for each protocol, whose actor calls the next one. */
function generate(protocols: number, operations: number): Map<string, string> {
  const seed = crypto.randomUUID(); // a unique comment, because the compiler caches checked files
  const names = Array.from({ length: protocols }, (_, index) => `P${index}`);
  const modules = names.map((name, index) => {
    const next = names[(index + 1) % protocols];
    return [`${name}.ts`, `// ${seed}\n${moduleOf(name, next, operations)}`] as const;
  });
  return new Map([...modules, ["main.ts", names.map((name) => `import "./${name}.ts";`).join("\n")]]);
}

const modes = ["tell", "ask", "submit", "event", "survey"] as const;

function moduleOf(name: string, next: string, count: number): string {
  const operations = Array.from({ length: count }, (_, index) => ({
    name: `op${index}`,
    mode: modes[index % modes.length],
  }));
  const lines = (line: (operation: typeof operations[number]) => string) =>
    operations.map((operation) => line(operation)).filter((text) => text !== "").join("\n");
  return `
import { actor, ask, event, protocol, submit, survey, type System, tell } from "@posthorn/posthorn";
import * as z from "zod";
${next === name ? "" : `import { ${next} } from "./${next}.ts";`}

const In = z.object({ sku: z.string(), cents: z.number().int(), tags: z.array(z.string()).default([]) });
const Out = z.object({ id: z.string(), total: z.number(), at: z.string().transform((text) => new Date(text)) });

export const ${name} = protocol("${name.toLowerCase()}", {
${lines(({ name, mode }) => `  ${name}: ${mode}(In${mode === "tell" || mode === "event" ? "" : ", Out"}),`)}
});

interface State {
  lines: { sku: string; cents: number }[];
}

export const ${name.toLowerCase()} = actor(${name}, {
  state: (): State => ({ lines: [] }),
  on: {
${lines(handlerOf(next))}
  },
});

export async function calls(system: System): Promise<void> {
  const ref = system.ref(${name}, "main");
  const other = system.ref(${next}, "main");
${lines(callOf(name, next))}
}
`;
}

function handlerOf(next: string) {
  return ({ name, mode }: { name: string; mode: typeof modes[number] }): string => {
    if (mode === "event") return "";
    if (mode === "tell") {
      return `    ${name}(ctx, { sku, cents }) {
      ctx.state = { lines: [...ctx.state.lines, { sku, cents }] };
      ctx.ref(${next}, sku).tell(${next}.${name}, { sku, cents });
    },`;
    }
    return `    ${name}: (ctx, line) => ({ id: line.sku, total: ctx.state.lines.length, at: line.tags[0] ?? "" }),`;
  };
}

function callOf(own: string, next: string) {
  return ({ name, mode }: { name: string; mode: typeof modes[number] }): string => {
    const line = `{ sku: "tea", cents: 450 }`;
    if (mode === "tell") return `  await ref.tell(${own}.${name}, ${line});`;
    if (mode === "ask") return `  (await ref.ask(${own}.${name}, ${line}, { timeoutMs: 500 })).at.getTime();`;
    if (mode === "submit") {
      return `  (await (await other.submit(${next}.${name}, ${line})).reply()).total.toFixed();`;
    }
    if (mode === "event") {
      return `  system.subscribe(${own}.${name}, other.at(${next}.op0));
  system.subscribe(${own}.${name}, (line) => console.log(line.sku, line.tags.length));
  await system.publish(${own}.${name}, ${line});`;
    }
    return `  for await (const reply of system.survey(${own}.${name}, ${line})) console.log(reply.at.getTime());`;
  };
}

if (import.meta.main) {
  const [protocols = 60, operations = 10] = Deno.args.map(Number);
  const { lines, seconds, success, output } = await checkGenerated(protocols, operations);
  if (!success) {
    console.error(output);
    Deno.exit(1);
  }
  console.log(`${protocols} protocols x ${operations} operations, ${lines} lines: ${seconds.toFixed(1)} s`);
}
