import { OutcomeUnknownError } from "../../base/store_errors.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import type { Batch } from "./batch.ts";
import { type CommitOutcome, PendingCommit } from "../commits/group_committer.ts";
import type { DurableActor } from "./durable_actor.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { withoutEffect } from "./fail_asks.ts";
import { ActorRecord, mayHide } from "../rows/actor_record.ts";
import { checksHold } from "../commits/commit_one.ts";

/** Whose batch it is. */
export interface Committing extends Pick<DurableActor, "protocol" | "key" | "durable" | "record"> {
  /** A check failed. `hidden` where it may have landed before: what came after does not let it be seen. */
  stale(batch: Batch, hidden: boolean): void;
  /** The store did not take it. */
  failed(error: unknown, batch: Batch): void;
}

/** A batch on its way into the store. */
export class BatchCommit extends PendingCommit {
  readonly part: WriteSet;
  /** What it takes of a commit; absent where it writes nothing. */
  readonly size: CommitSize | undefined;
  readonly #actor: Committing;
  readonly #batch: Batch;
  readonly #began: ActorRecord;
  readonly #then: (writeSet: WriteSet, record?: ActorRecord, version?: string) => void;
  /** Names the turn in its record; absent where it writes none. */
  readonly #token: string | undefined;
  /** What the record is then, but for its version. */
  readonly #record: ActorRecord;
  #hidden = false;

  /**
   * Seals the batch; throws a `TooLargeError` where one commit cannot take it. `then` is called with its record when it
   * is committed, or without one where others have written it since.
   */
  constructor(
    actor: Committing,
    batch: Batch,
    then: (writeSet: WriteSet, record?: ActorRecord, version?: string) => void,
  ) {
    super();
    this.#actor = actor;
    this.#batch = batch;
    this.#began = this.#record = actor.record;
    this.#then = then;
    if (batch.readsOnly) {
      this.part = batch.fence();
      return;
    }
    this.#token = actor.durable.session.nextToken();
    const { writeSet, record, size } = batch.seal(this.#token);
    this.part = writeSet;
    this.#record = record;
    this.size = size;
  }

  get name(): string {
    return `${this.#actor.protocol}/${this.#actor.key}`;
  }

  committed(version: string | undefined): void {
    if (this.#token === undefined) return this.#then(this.part, this.#began, version);
    if (version === undefined) return this.#then(this.part);
    this.#then(this.part, this.#record.committed(version), version);
  }

  stale(): void {
    if (this.#hidden) this.#unknown();
    this.#actor.stale(this.#batch, this.#hidden);
  }

  failed(error: unknown): void {
    const writes = this.#token !== undefined;
    if (writes && error instanceof OutcomeUnknownError) this.#unknown();
    this.#actor.failed(writes ? error : withoutEffect(this.name, error), this.#batch);
  }

  /** Looks at the record: it names the latest turns. */
  async find(): Promise<CommitOutcome> {
    const { session } = this.#actor.durable;
    if (this.#token === undefined) return "stale"; // it writes nothing: it can be done again
    let record = await this.#read();
    if (record.version === this.#began.version) {
      if (await checksHold(session, this.part.checks)) return "open";
      record = await this.#read(); // it may have landed in between
    }
    const { turn, before } = record.head;
    if (turn === this.#token) {
      session.probes?.reach("a turn landed unheard");
      return { landed: record.version };
    }
    if (before?.includes(this.#token)) {
      session.probes?.reach("a turn landed unheard, and another followed");
      return { landed: undefined };
    }
    this.#hidden = record.version !== this.#began.version &&
      (record.version === undefined || mayHide(record.head, session.instance, this.#began.head));
    if (session.probes?.without("hidden-asks")) this.#hidden = false;
    return "stale";
  }

  #unknown(): void {
    if (this.#batch.asks.length === 0) return;
    this.#actor.durable.session.probes?.reach("the outcome of an ask cannot be known");
  }

  #read(): Promise<ActorRecord> {
    return ActorRecord.read(this.#actor.durable.session.connection, this.#actor);
  }
}
