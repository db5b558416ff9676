import type { Part } from "../../runtime/store.ts";
import { spaceOf } from "./rule.ts";

/** Watches that nobody is taken for dead who lives and reaches the store, where nothing stands still. */
export class Lively {
  readonly #fail: (why: string) => void;

  constructor(fail: (why: string) => void) {
    this.#fail = fail;
  }

  apply(parts: readonly Part[]): void {
    for (const { writes } of parts) {
      for (const { key } of writes) {
        if (spaceOf(key) === "ended") this.#fail(`${key.split("\u001f")[1]} is taken for dead, and lives`);
      }
    }
  }
}
