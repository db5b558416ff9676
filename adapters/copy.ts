/**
 * Moves a store to another one, as a function and as a command:
 *
 * ```sh
 * deno run -A jsr:@posthorn/posthorn/copy ./posthorn.db postgres://user@db.example/app
 * ```
 *
 * A store is `postgres://…` (`?schema=NAME` says in which schema); `https://…`, `deno-kv:PATH` or a path that ends with
 * `.kv` for Deno KV; or the path of a file of SQLite, also with `sqlite:` before it. The command exits with 0 if
 * everything was copied and compared, with 1 if not, and with 2 if it was called wrongly. Its progress goes to the
 * standard error.
 *
 * @module
 */

import { messageOf } from "../runtime/base/errors.ts";
import { type CopyOptions, type CopyReport, copyStore } from "../runtime/durable/copy.ts";
import type { CopyProgress } from "../runtime/durable/copy_store.ts";
import { type CommandOutput, runCommand } from "./run_command.ts";
import { existingStore, storeNames, storeOf } from "./store_of.ts";

export { type CopyOptions, type CopyProgress, type CopyReport, copyStore };

const usage = `copy FROM TO

  FROM, TO   ${storeNames}
  --help     this

Copies the store FROM into the empty store TO, while no system runs on either. If it is interrupted, run it again.`;

/** After so many rows it says how far it is. */
const rowsOfLine = 1_000;

/** Runs the command. Returns its exit code. */
async function run(
  args: readonly string[],
  { stdout, stderr }: CommandOutput,
): Promise<number> {
  if (args.includes("--help")) {
    stdout.write(`${usage}\n`);
    return 0;
  }
  try {
    const wrong = args.find((argument) => argument.startsWith("--"));
    if (wrong !== undefined) throw new RangeError(`Cannot copy: there is no option ${wrong}`);
    if (args.length !== 2) throw new RangeError("Cannot copy: it takes a store to copy and an empty one");
    const { store: from } = await existingStore("copy", args[0]);
    const to = await storeOf(args[1]);
    let last: Pick<CopyProgress, "step" | "rows"> = { step: "waiting", rows: -Infinity };
    const onProgress = (progress: CopyProgress) => {
      if (progress.step === last.step && progress.rows < last.rows + rowsOfLine) return;
      last = progress;
      stderr.write(`${lineOf(progress)}\n`);
    };
    const { rows } = await copyStore(from, to, { onProgress });
    stdout.write(`Copied ${rows} rows from ${from.traits.name} to ${to.traits.name}, and compared them.\n`);
    return 0;
  } catch (error) {
    const isUsage = error instanceof RangeError || error instanceof TypeError;
    stderr.write(`${messageOf(error)}\n${isUsage ? `\n${usage}\n` : ""}`);
    return isUsage ? 2 : 1;
  }
}

function lineOf({ step, rows, bytes }: CopyProgress): string {
  if (step === "waiting") return "An instance may still run: waiting for its heartbeat";
  return `${step} … ${rows} rows${bytes === 0 ? "" : `, ${(bytes / 1_048_576).toFixed(1)} MiB`}`;
}

if (import.meta.main) {
  await runCommand(run);
}
