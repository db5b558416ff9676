import type { Batch } from "./batch.ts";
import { Commission } from "./committer.ts";
import type { DurableActor } from "./durable_actor.ts";
import type { Effects } from "./effects.ts";
import { ActorRecord } from "./record.ts";

/** Whose batch it is. */
export interface Committing extends Pick<DurableActor, "protocol" | "key" | "durable"> {
  /** A check failed; `uncertain` where an attempt may have landed before that. */
  stale(batch: Batch, uncertain: boolean): void;
  /** The store did not take it. */
  failed(error: unknown): void;
}

/** A batch on its way into the store. */
export class TurnCommission extends Commission {
  readonly part: Effects;
  readonly #actor: Committing;
  readonly #batch: Batch;
  readonly #then: (version: string) => void;
  readonly #token: string | undefined;

  /** `token` is the record's where the batch writes one. */
  constructor(
    actor: Committing,
    batch: Batch,
    part: Effects,
    then: (version: string) => void,
    token?: string,
  ) {
    super();
    this.#actor = actor;
    this.#batch = batch;
    this.part = part;
    this.#then = then;
    this.#token = token;
  }

  committed(version: string): void {
    this.#then(version);
  }

  stale(): void {
    this.#actor.stale(this.#batch, this.uncertain);
  }

  failed(error: unknown): void {
    this.#actor.failed(error);
  }

  async landed(): Promise<string | undefined> {
    const record = await ActorRecord.read(this.#actor.durable.ledger.connection, this.#actor);
    if (this.#token === undefined || record.head.turn !== this.#token) return undefined;
    this.#actor.durable.ledger.probes?.reach("a turn landed unheard");
    return record.version;
  }
}
