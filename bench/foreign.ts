// Contenders in other languages: programs under bench/foreign/, built on request. Each takes a workload, a
// size and a number of runs, warms up with a fifth of the size, and prints the fastest outcome as one line of
// JSON, as once.ts does.

import { runsInProcess } from "./workloads.ts";

const sources = new URL("./foreign/", import.meta.url).pathname;

/** The workloads of all three programs: those that need only actors and messages. */
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

/** A peer in another language, written as its users would. */
export interface ForeignContender {
  /** The id on the command line. */
  readonly id: string;
  /** The name in tables and charts. */
  readonly label: string;
  /** The form of its programs, and why the comparison is fair. */
  readonly form: string;
  /** The number of schedulers, or of threads of a scheduler, that run its actors. */
  readonly cores: number;
  /** The ids of its workloads. */
  readonly workloads: readonly string[];
  /** The divisor of the full size, by the id of the workload, for workloads that would take too long. */
  readonly divisors?: Readonly<Record<string, number>>;
  /** The version of the language or the library, and of the compiler. */
  readonly version: string;
  /** The command of one measurement, whose process prints an `Outcome` as one line of JSON. */
  command(workload: string, size: number): ForeignCommand;
}

/** A command with its arguments, as for `Deno.Command`. */
export interface ForeignCommand {
  readonly command: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
}

/** The toolchain of a language. */
interface Toolchain {
  readonly name: string;
  /** How to install it. */
  readonly get: string;
  /** Whether it is installed. */
  isThere(): Promise<boolean>;
  /** Compiles the program into a folder. */
  build(folder: string): Promise<ForeignContender[]>;
}

/**
 * The divisor for workloads with many actors, which would take close to a gigabyte, and longer than all other
 * workloads together.
 */
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
 * Builds every contender in another language, in a temporary folder that is deleted when the array is
 * disposed of: `await using contenders = await foreignContenders()`.
 *
 * @throws {Error} if a toolchain is missing. The message states how to install each missing one.
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

/** Throws an error that names the missing toolchains and how to install them. */
export function explain(missing: readonly { readonly name: string; readonly get: string }[]): string {
  const lines = missing.map(({ name, get }) => `  ${name}: ${get}`);
  return ["Cannot run the contenders in other languages: these toolchains are missing", ...lines].join("\n");
}

/** A contender on one core, and one on two. */
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

/** Go's own installer uses a folder that is not in the PATH. */
async function findGo(): Promise<string | undefined> {
  for (const command of ["go", "/usr/local/go/bin/go"]) {
    if (await answers(command, ["version"])) return command;
  }
}

/** Whether a command can be run and succeeds. */
async function answers(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The output of a command. */
async function output(command: string, args: string[], cwd?: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (!success) throw new Error(`Cannot run ${command} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
