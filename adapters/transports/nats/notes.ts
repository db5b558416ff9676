import type { Cancel, Clock } from "../../../runtime/base/clock.ts";

const noteMs = 1_000;

/** Notes a position at most once a second, and at the end. */
export class Notes {
  readonly #clock: Clock;
  readonly #note: (position: number) => Promise<void>;
  #accepted: number | undefined;
  #cancel: Cancel | undefined;

  /** @param note writes a position; if it fails, a later one does */
  constructor(clock: Clock, note: (position: number) => Promise<void>) {
    this.#clock = clock;
    this.#note = note;
  }

  /** All up to that position is accepted. */
  accept(position: number): void {
    this.#accepted = position;
    this.#cancel ??= this.#clock.setTimer(noteMs, () => {
      this.#cancel = undefined;
      void this.#write();
    });
  }

  /** Ends, and writes what is not written yet if that is possible. */
  async end(canWrite: boolean): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    if (canWrite) await this.#write();
  }

  async #write(): Promise<void> {
    const position = this.#accepted;
    this.#accepted = undefined;
    if (position === undefined) return;
    try {
      await this.#note(position);
    } catch { // it is noted with a later one; until then the same may come again, which its receiver knows
      this.#accepted ??= position;
    }
  }
}
