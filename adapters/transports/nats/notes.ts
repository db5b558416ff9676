import type { Cancel, Clock } from "../../../runtime/base/clock.ts";

const noteMs = 1_000;
const keptMax = 10_000;
const keptBytesMax = 16_777_216;

/**
 * What was accepted last. It stays in the server, for a service whose store is restored from a copy: up to 10,000 messages
 * and 16 MiB.
 */
export class Kept {
  readonly #batches: { readonly position: number; readonly count: number; readonly bytes: number }[] = [];
  #count = 0;
  #bytes = 0;
  #behind: number | undefined;

  /** A batch up to that position is accepted. */
  add(position: number, count: number, bytes: number): void {
    this.#batches.push({ position, count, bytes });
    this.#count += count;
    this.#bytes += bytes;
    while (this.#count > keptMax || this.#bytes > keptBytesMax) {
      const oldest = this.#batches.shift()!;
      this.#count -= oldest.count;
      this.#bytes -= oldest.bytes;
      this.#behind = oldest.position;
    }
  }

  /** The position up to which nothing needs to stay; `undefined` if that has been told before. */
  behind(): number | undefined {
    const behind = this.#behind;
    this.#behind = undefined;
    return behind;
  }
}

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
