/** The trace of a simulation: the last steps as text, and a hash of all steps. */
export class Trace {
  readonly #kept: string[] = [];
  readonly #capacity: number;
  readonly #onStep: ((step: string) => void) | undefined;
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;
  /** The number of steps. */
  steps = 0;

  /** Keeps the last `capacity` steps. */
  constructor(capacity = 50, onStep?: (step: string) => void) {
    this.#capacity = capacity;
    this.#onStep = onStep;
  }

  /** Adds a step. */
  add(atMs: number, step: string): void {
    const text = `${(atMs / 1_000).toFixed(3).padStart(9)}  ${step}`;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      this.#high = Math.imul(this.#high ^ code, 2654435761);
      this.#low = Math.imul(this.#low ^ code, 1597334677);
      this.#high = (this.#high << 5) | (this.#high >>> 27);
    }
    this.steps++;
    this.#onStep?.(text);
    this.#kept[this.steps % this.#capacity] = text;
  }

  /** A hash of all steps in their order: equal for equal runs. */
  get hash(): string {
    const hex = (half: number) => (half >>> 0).toString(16).padStart(8, "0");
    return `${this.steps}-${hex(this.#high)}${hex(this.#low)}`;
  }

  /** The last steps, oldest first. */
  get last(): string[] {
    const first = (this.steps + 1) % this.#capacity;
    return [...this.#kept.slice(first), ...this.#kept.slice(0, first)].filter((step) => step !== undefined);
  }
}
