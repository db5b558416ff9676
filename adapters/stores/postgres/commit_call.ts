import type { AtomicPart } from "../../../runtime/ports/store.ts";
import { changesOf } from "./changes.ts";
import { groups, typesOf } from "./commit_function.ts";
import { packAll, packSome } from "./packing.ts";

/** Runs a statement that is used again and again, on whichever connection. */
export type Run = (name: string, text: string, values: unknown[]) => Promise<unknown[][]>;

/** The parts of one commit, and how the functions of the schema are called with them. */
export class CommitCall {
  readonly #all: string;
  readonly #some: string;

  constructor(schema: string) {
    const types = groups.flatMap(({ has }) => has.map((column) => typesOf[column]));
    const typed = types.map((type, index) => `$${index + 2}::${type}`);
    this.#all = `SELECT "${schema}".commit($1::bigint, ${typed.join(", ")})::int::text`;
    this.#some =
      `SELECT "${schema}".commit_some($1::bigint, $2::text[], $3::int[], $4::int[], $5::bigint[], ` +
      "$6::bytea[], $7::bigint[], $8::int)";
  }

  /**
   * Commits parts. Resolves with null if all were applied, else with a `1` for each that was and a `0` for each other
   * one.
   */
  async run(parts: readonly AtomicPart[], version: string, run: Run): Promise<string | null> {
    const changes = changesOf(parts);
    const [[applied]] = await run("commit", this.#all, packAll(changes, version));
    if (applied === "1") return null;
    const [[some]] = await run("commit some", this.#some, packSome(changes, version, parts.length));
    return some as string;
  }
}
