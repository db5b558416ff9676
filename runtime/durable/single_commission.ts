import type { Part } from "../store.ts";
import { Commission, type Committer } from "./committer.ts";

/** Commits a part for whoever awaits it: resolves with its version, or with nothing where a check failed. */
export function commitOne(committer: Committer, part: Part): Promise<string | undefined> {
  return new Promise((resolve, reject) => committer.submit(new SingleCommission(part, resolve, reject)));
}

/** A part that may be lost or done twice: what is uncertain counts as stale, and is looked at again. */
class SingleCommission extends Commission {
  readonly part: Part;
  readonly #resolve: (version: string | undefined) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    part: Part,
    resolve: (version: string | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.part = part;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  committed(version: string): void {
    this.#resolve(version);
  }

  stale(): void {
    this.#resolve(undefined);
  }

  failed(error: unknown): void {
    this.#reject(error);
  }

  landed(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }
}
