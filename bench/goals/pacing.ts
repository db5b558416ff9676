import type { Outcome } from "../contender.ts";

/** How many messages are on their way at once. */
export const batchLength = 1_024;

/** Counts what has been handled, and opens when a batch is through: mailboxes stay short, as in a service. */
export class Gate {
  handled = 0;
  #until = 0;
  #open: (() => void) | undefined;

  /** Counts one message. */
  pass(): void {
    if (++this.handled === this.#until) this.#open?.();
  }

  /** Resolves when so many have been handled in all. */
  reached(until: number): Promise<void> {
    if (this.handled >= until) return Promise.resolve();
    this.#until = until;
    return new Promise((resolve) => this.#open = resolve);
  }
}

/** Sends so many messages batch by batch, of which a part is handled. The check is how many were. */
export async function paced(
  size: number,
  gate: Gate,
  send: (index: number) => void,
  part = 1,
): Promise<Outcome> {
  const before = gate.handled;
  const startMs = performance.now();
  for (let sent = 0; sent < size;) {
    const end = Math.min(sent + batchLength, size);
    for (; sent < end; sent++) send(sent);
    await gate.reached(before + sent * part);
  }
  return { elapsedMs: performance.now() - startMs, check: gate.handled - before };
}
