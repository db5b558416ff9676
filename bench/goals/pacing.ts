import type { Outcome } from "../contender.ts";

/** The number of messages in flight. */
export const batchLength = 1_024;

/** Counts handled messages, and opens when a batch is handled: so mailboxes stay short, as in a service. */
export class Gate {
  handled = 0;
  #until = 0;
  #open: (() => void) | undefined;

  /** Counts one message. */
  pass(): void {
    if (++this.handled === this.#until) this.#open?.();
  }

  /** Resolves when the total number of handled messages reaches `until`. */
  reached(until: number): Promise<void> {
    if (this.handled >= until) return Promise.resolve();
    this.#until = until;
    return new Promise((resolve) => this.#open = resolve);
  }
}

/** Sends messages in batches, of which a part is handled. The check is the number of handled messages. */
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
