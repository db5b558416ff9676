// Contenders in other languages: programs under bench/foreign/, built when they are asked for. Each takes a workload,
// a size and how many runs, warms up with a fifth of the size, and writes the fastest outcome as one line of JSON, as
// once.ts does.

import { runsInProcess } from "./workloads.ts";

const sources = new URL("./foreign/", import.meta.url).pathname;

/** What all three programs can do: the workloads that need no more than actors and messages. */
export const foreignWorkloads: readonly string[] = [
  "count",
  "burst",
  "pingPong",
  "ring",
  "big",
  "bigKept",
  "forkJoin",
  "create",
  "askOne",
  "askMany",
  "publish",
];

/** A peer in another language, in the form in which its users would write it. */
export interface ForeignContender {
  /** As the command line names it. */
  readonly id: string;
  /** As tables and charts name it. */
  readonly label: string;
  /** What its form is and why it is a fair one. */
  readonly form: string;
  /** How many schedulers, or threads of a scheduler, run its actors. */
  readonly cores: number;
  /** The ids of the workloads that it has. */
  readonly workloads: readonly string[];
  /** How many times smaller than the full size it runs, by the workload's id: for what would take too long. */
  readonly divisors?: Readonly<Record<string, number>>;
  /** Of the language, or of the library, and of what compiled it. */
  readonly version: string;
  /** What runs one measurement, in a process of its own that writes an `Outcome` as one line of JSON. */
  command(workload: string, size: number): ForeignCommand;
}

/** A command as `Deno.Command` takes it. */
export interface ForeignCommand {
  readonly command: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
}

/** What a language needs to take part. */
interface Toolchain {
  readonly name: string;
  /** How to get it. */
  readonly get: string;
  /** Whether it is there. */
  isThere(): Promise<boolean>;
  /** Compiles the program into a folder. */
  build(folder: string): Promise<ForeignContender[]>;
}

/** So many of their actors take close to a gigabyte, and longer than all other workloads together. */
const divisors = { create: 4 };

const erlang: Toolchain = {
  name: "Erlang",
  get: "apt-get install -y erlang-base",
  isThere: async () => await answers("erl", ["+V"]) && await answers("erlc", []),
  async build(folder) {
    const beside = (file: string) => `${sources}erlang/${file}`;
    await output("erlc", ["-o", folder, beside("bench.erl"), beside("workloads.erl")]);
    const command = (schedulers: number, ...args: string[]): ForeignCommand => ({
      command: "erl",
      // The default limit of 262,144 processes is less than the full size of create.
      args: [
        ...["+S", `${schedulers}:${schedulers}`, "+P", "2000000", "-noshell", "-noinput", "-pa", folder],
        ...["-run", "bench", "main", ...args],
      ],
      env: { ERL_CRASH_DUMP_SECONDS: "0" },
    });
    return await oneAndTwo(
      {
        id: "erlang",
        label: "Erlang/OTP",
        unit: "scheduler",
        form:
          "Plain processes with tuples, compiled by `erlc`, usual heaps and flags. They are faster than `gen_server`, " +
          "and an ask is a fresh reference, a message and `receive … after 5000`. Code outside any actor is a process.",
      },
      command,
    );
  },
};

const go: Toolchain = {
  name: "Go, 1.19 or later",
  get: "apt-get install -y golang-go",
  isThere: async () => await findGo() !== undefined,
  async build(folder) {
    const program = `${folder}/go`;
    await output(await findGo() ?? "go", ["build", "-o", program, "."], `${sources}go`);
    const command = (threads: number, ...args: string[]): ForeignCommand => ({
      command: program,
      args,
      env: { GOMAXPROCS: String(threads) },
    });
    return await oneAndTwo(
      {
        id: "go",
        label: "Go",
        unit: "thread",
        form:
          "A goroutine for each actor, that ranges over a channel of structs with room for 256: one that runs ahead " +
          "waits, as is usual in Go, so no queue grows. An asker uses its reply channel again.",
      },
      command,
    );
  },
};

const caf: Toolchain = {
  name: "CAF 0.17 and a C++ compiler",
  get: "apt-get install -y libcaf-dev g++",
  isThere: () => answers("g++", ["-fsyntax-only", "-include", "caf/config.hpp", "-x", "c++", "/dev/null"]),
  async build(folder) {
    const program = `${folder}/caf`;
    const options = ["-std=c++17", "-O3", "-DNDEBUG", "-pthread", "-o", program];
    await output("g++", [...options, `${sources}caf/main.cpp`, "-lcaf_core"]);
    const command = (threads: number, ...args: string[]): ForeignCommand => ({
      command: program,
      args,
      env: { CAF_THREADS: String(threads) },
    });
    return await oneAndTwo(
      {
        id: "caf",
        label: "CAF (C++)",
        unit: "thread",
        form:
          "Event-based actors with behaviours of lambdas and atoms, as the manual writes them, `-O3`, the scheduler as " +
          "it is by default. Code outside any actor is an actor too, but for create, where the main thread makes the " +
          "actors beside the scheduler's threads, since that is faster.",
      },
      command,
    );
  },
};

/**
 * Builds every contender in another language. What it builds is in a temporary folder until the array is disposed of:
 * `await using contenders = await foreignContenders()`.
 *
 * @throws {Error} when a toolchain is missing. The message says how to get each one that is.
 */
export async function foreignContenders(): Promise<ForeignContender[] & AsyncDisposable> {
  const toolchains = [erlang, go, caf];
  const there = await Promise.all(toolchains.map((toolchain) => toolchain.isThere()));
  const missing = toolchains.filter((_, index) => !there[index]);
  if (missing.length > 0) throw new Error(explain(missing));
  const folder = await Deno.makeTempDir({ prefix: "bench-foreign-" });
  const remove = () => Deno.remove(folder, { recursive: true });
  try {
    const contenders = await Promise.all(toolchains.map((toolchain) => toolchain.build(folder)));
    return Object.assign(contenders.flat(), { [Symbol.asyncDispose]: remove });
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Says what is missing, and how to get it. */
export function explain(missing: readonly { readonly name: string; readonly get: string }[]): string {
  const lines = missing.map(({ name, get }) => `  ${name}: ${get}`);
  return ["Cannot run the contenders in other languages: these toolchains are missing", ...lines].join("\n");
}

/** One contender that has one core, and one that has two. */
async function oneAndTwo(
  { id, label, unit, form }: Readonly<Record<"id" | "label" | "unit" | "form", string>>,
  command: (many: number, ...args: string[]) => ForeignCommand,
): Promise<ForeignContender[]> {
  const asked = command(1, "version");
  const version = (await output(asked.command, asked.args)).trim();
  return [1, 2].map((many) => ({
    id: `${id}${many}`,
    label: `${label}, ${many} ${unit}${many === 1 ? "" : "s"}`,
    form,
    cores: many,
    workloads: foreignWorkloads,
    divisors,
    version,
    command: (workload, size) => command(many, workload, String(size), String(runsInProcess)),
  }));
}

/** Go's own installer puts it where no shell looks. */
async function findGo(): Promise<string | undefined> {
  for (const command of ["go", "/usr/local/go/bin/go"]) {
    if (await answers(command, ["version"])) return command;
  }
}

/** Whether a command can be run, and succeeds. */
async function answers(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What a command writes. */
async function output(command: string, args: string[], cwd?: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (!success) throw new Error(`Cannot run ${command} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
