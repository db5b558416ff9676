import { fileURLToPath } from "node:url";
import { cpus, release, totalmem } from "node:os";
import config from "../deno.json" with { type: "json" };
import type { Machine } from "./results.ts";

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly { readonly code?: { readonly specifier: string } }[];
  }[];
  /** The version to which `npm:name@range` was resolved, as `npm:/name@version`. */
  readonly redirects?: Readonly<Record<string, string>>;
  readonly npmPackages?: Readonly<Record<string, { readonly name: string; readonly version: string }>>;
}

/** The machine and the runtime of the measurements. */
export async function thisMachine(): Promise<Machine> {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() || "unknown processor",
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${await distribution() ?? Deno.build.os}, kernel ${release()}, ${Deno.build.arch}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
  };
}

/** The packages that a contender imports, with their versions; for Posthorn itself, its own version. */
export async function versionOf(contender: URL): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(contender)],
    stderr: "null",
  }).output();
  if (!success) throw new Error(`Cannot read what ${contender.pathname} imports`);
  const { modules, redirects = {}, npmPackages = {} } = JSON.parse(new TextDecoder().decode(stdout)) as Graph;
  const bench = new URL("../", contender).href;
  if (modules.some(({ specifier }) => specifier === new URL("../mod.ts", bench).href)) return config.version;
  const packages = modules
    .filter(({ specifier }) => specifier.startsWith(bench))
    .flatMap(({ dependencies = [] }) => dependencies.flatMap(({ code }) => code?.specifier ?? []))
    .flatMap((specifier) => npmPackages[redirects[specifier]?.replace(/^npm:\/?/, "")] ?? []);
  return [...new Set(packages.map(({ name, version }) => `${name} ${version}`))].join(", ");
}

async function distribution(): Promise<string | undefined> {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(await Deno.readTextFile("/etc/os-release"))?.[1];
  } catch {
    return undefined;
  }
}
