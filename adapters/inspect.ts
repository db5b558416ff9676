/**
 * Looks into a store from a terminal, and mends what is stuck, without being part of the system on it:
 *
 * ```sh
 * deno run -A jsr:@posthorn/posthorn/inspect ./posthorn.db
 * deno run -A jsr:@posthorn/posthorn/inspect postgres://user@db.example/app dead --reason failed
 * deno run -A jsr:@posthorn/posthorn/inspect ./posthorn.db resend --all --reason failed
 * ```
 *
 * A store is `postgres://…` (`?schema=NAME` says in which schema); `https://…`, `deno-kv:PATH` or a path that ends with
 * `.kv` for Deno KV; or the path of a file of SQLite, also with `sqlite:` before it. `--help` lists the commands. The
 * command exits with 0, with 1 if it could not do what was asked, and with 2 if it was called wrongly.
 *
 * @module
 */

import { systemClock } from "../runtime/base/clock.ts";
import { withoutCredentials } from "../runtime/base/credentials.ts";
import { didYouMean } from "../runtime/base/did_you_mean.ts";
import { messageOf, PosthornError } from "../runtime/base/errors.ts";
import { escapeControls } from "../runtime/base/escape.ts";
import { controlStore } from "../runtime/durable/control_store.ts";
import { observeStore } from "../runtime/durable/observe_store.ts";
import type { PageOptions } from "../runtime/ports/observation.ts";
import type { Store } from "../runtime/ports/store.ts";
import { actions } from "./inspect/actions.ts";
import { type Arguments, readArguments } from "./inspect/arguments.ts";
import type { Answer, Asked, Command } from "./inspect/command.ts";
import { storeToInspect } from "./inspect/existing_store.ts";
import { help, lineOf } from "./inspect/help.ts";
import { questions } from "./inspect/questions.ts";
import { runCommand } from "./run_command.ts";

/** Where the command writes what it says. */
export interface InspectOutput {
  /** For answers. */
  readonly stdout: { write(text: string): unknown };
  /** For errors. */
  readonly stderr: { write(text: string): unknown };
}

const commands: readonly Command[] = [...questions, ...actions];

/** Codes of errors that say that an argument was wrong. */
const wrongArguments = ["invalid-question", "invalid-key", "invalid-id"];

/**
 * Runs the command that this entry is: for a program that has it under a name of its own, and for tests. Control characters
 * of what it prints are escaped, and no password of a URL is printed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { inspect } from "@posthorn/posthorn/inspect";
 *
 * const lines: string[] = [];
 * const output = { write: (text: string) => lines.push(text) };
 * const code = await inspect(["--help"], { stdout: output, stderr: output });
 * assert(code === 0);
 * assert(lines.join("").includes("resend"));
 * ```
 *
 * @param args the arguments: a store, a command, and what it takes
 * @param output where it writes
 * @returns the exit code: 0; 1 if it could not do what was asked; 2 if it was called wrongly
 */
export async function inspect(args: readonly string[], output: InspectOutput): Promise<number> {
  try {
    const given = readArguments(args);
    if (given.flags.has("help")) {
      output.stdout.write(help(commands));
      return 0;
    }
    const answer = await answerTo(given);
    // Characters that JSON leaves as they are, and a terminal obeys, are escaped as JSON escapes them.
    output.stdout.write(
      given.flags.has("json") ? `${escapeControls(JSON.stringify(answer.json))}\n` : answer.text,
    );
    return answer.failed === true ? 1 : 0;
  } catch (error) {
    const isUsage = error instanceof RangeError || error instanceof TypeError ||
      (error instanceof PosthornError && wrongArguments.includes(error.code));
    const code = error instanceof PosthornError && !isUsage ? ` (${error.code})` : "";
    output.stderr.write(`${escapeControls(withoutCredentials(messageOf(error)))}${code}\n`);
    if (isUsage) output.stderr.write("Help: inspect --help\n");
    return isUsage ? 2 : 1;
  }
}

async function answerTo(given: Arguments): Promise<Answer> {
  const [name, called = "overview", ...names] = given.names;
  if (name === undefined) throw new RangeError("Cannot inspect: it takes a store");
  const command = commands.find((one) => one.name === called);
  if (command === undefined) {
    const near = didYouMean(called, commands.map((one) => one.name));
    throw new RangeError(`Cannot inspect: there is no command ${JSON.stringify(called)}${near}`);
  }
  requireTaken(command, names, given);
  const asked: Asked = { ...given, names, page: pageOf(given), nowMs: systemClock().now() };
  return await run(command, await storeToInspect(name, command.ask !== undefined), asked);
}

async function run({ ask, act }: Command, store: Store, asked: Asked): Promise<Answer> {
  if (ask !== undefined) {
    const observation = await observeStore(store);
    try {
      return await ask(observation, asked);
    } finally {
      await observation[Symbol.asyncDispose]();
    }
  }
  const control = await controlStore(store);
  try {
    return await act!(control, asked);
  } finally {
    await control[Symbol.asyncDispose]();
  }
}

/** Throws a `RangeError` unless a command takes what it was given. */
function requireTaken(command: Command, names: readonly string[], { values, flags }: Arguments): void {
  const { name, takes, optional = 0, options } = command;
  const least = takes.length - optional;
  if (names.length < least || names.length > takes.length) {
    throw new RangeError(`Cannot run ${name}: it is called as inspect STORE ${lineOf(command)}`);
  }
  const known: readonly string[] = [...options, "json"];
  const unknown = [...Object.keys(values), ...flags].find((option) => !known.includes(option));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot use --${unknown} of ${name}: it is called as inspect STORE ${lineOf(command)}`,
    );
  }
}

function pageOf({ values: { limit, after } }: Arguments): PageOptions {
  if (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit)) {
    throw new RangeError(
      `Cannot use --limit: it must be a whole number of 1 to 1000: current value is ${JSON.stringify(limit)}`,
    );
  }
  return {
    ...limit !== undefined && { limit: Number(limit) },
    ...after !== undefined && { after: placeOf(after) },
  };
}

function placeOf(after: string): string {
  try {
    return decodeURIComponent(after);
  } catch {
    throw new RangeError("Cannot use --after: it must be what the page before has told");
  }
}

if (import.meta.main) await runCommand(inspect);
