import type { KafkaLink, Membership } from "./link.ts";

/** The attempts to commit before a member leaves. */
const attempts = 3;

/** Commits how far a member has read, all partitions together, one request at a time. */
export class Committer {
  readonly #link: KafkaLink;
  readonly #membership: Membership;
  readonly #topic: string;
  readonly #metadata: string;
  readonly #offsets = new Map<number, number>();
  #working: Promise<void> | undefined;

  constructor(link: KafkaLink, membership: Membership, topic: string, metadata: string) {
    this.#link = link;
    this.#membership = membership;
    this.#topic = topic;
    this.#metadata = metadata;
  }

  /** All of a partition before this offset has been accepted. */
  mark(partition: number, next: number): void {
    this.#offsets.set(partition, next);
    this.#working ??= this.#commit();
  }

  /** Resolves when all is committed, or could not be: then it comes again, and is recognised. */
  async flush(): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      await this.#working;
      if (this.#offsets.size === 0) return;
      this.#working = this.#commit();
    }
    await this.#working;
  }

  async #commit(): Promise<void> {
    await Promise.resolve(); // what is accepted in this turn of the event loop goes together
    while (this.#offsets.size > 0) {
      const offsets = [...this.#offsets].map(([partition, offset]) => ({ partition, offset }));
      try {
        await this.#link.commit(this.#membership, this.#topic, offsets, this.#metadata);
      } catch {
        break; // the heartbeat finds out whether this member still belongs to the group; the next mark tries again
      }
      for (const { partition, offset } of offsets) {
        if (this.#offsets.get(partition) === offset) this.#offsets.delete(partition);
      }
    }
    this.#working = undefined;
  }
}
