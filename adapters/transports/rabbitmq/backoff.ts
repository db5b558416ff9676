import type { Random } from "../../../runtime/base/random.ts";

/** Delays that double from one to the next, each up to a half shorter by chance. */
export class Backoff {
  readonly #options: { readonly fromMs: number; readonly toMs: number; readonly random: Random };
  #ms: number;

  constructor(options: { readonly fromMs: number; readonly toMs: number; readonly random: Random }) {
    this.#options = options;
    this.#ms = options.fromMs;
  }

  next(): number {
    const { toMs, random } = this.#options;
    const ms = this.#ms;
    this.#ms = Math.min(2 * ms, toMs);
    return ms * (1 - random.next() / 2);
  }

  reset(): void {
    this.#ms = this.#options.fromMs;
  }
}
