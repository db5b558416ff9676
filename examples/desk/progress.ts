const width = 40;

/** Shows progress: as a bar on a terminal, as a line for each quarter elsewhere. */
export class Progress {
  readonly #what: string;
  readonly #terminal = Deno.stdout.isTerminal();
  #shown = -1;

  constructor(what: string) {
    this.#what = what;
  }

  /** Updates the part that is done. */
  show(done: number, total: number): void {
    const percent = Math.floor(100 * done / total);
    const step = this.#terminal ? percent : percent - percent % 25;
    if (step === this.#shown) return;
    this.#shown = step;
    if (!this.#terminal) return console.log(`${this.#what}: ${step} %`);
    const filled = Math.round(width * done / total);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    const text = `\r${this.#what} ${bar} ${String(percent).padStart(3)} %${done === total ? "\n" : ""}`;
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  }
}
