import type { CommitSize } from "../ports/commit_size.ts";
import { checksHold } from "../durable/commits/commit_one.ts";
import type { CommitOutcome, CommitRequest, CommitResult } from "../durable/commits/group_committer.ts";
import type { StoreSession } from "../durable/commits/store_session.ts";
import type { WriteSet } from "../durable/commits/write_set.ts";
import type { SourceTenure } from "./source_row.ts";

/** The commit of a part of a batch. The row of its shard tells whether it has landed, if the store does not. */
export class SourceCommit implements CommitRequest {
  readonly part: WriteSet;
  readonly name: string;
  readonly lane: string;
  readonly size: CommitSize;
  readonly result: Promise<CommitResult>;
  readonly done: (result: CommitResult) => void;
  readonly #session: StoreSession;
  readonly #tenure: SourceTenure;

  constructor(session: StoreSession, tenure: SourceTenure, part: WriteSet, size: CommitSize, name: string) {
    this.#session = session;
    this.#tenure = tenure;
    this.part = part;
    this.size = size;
    this.name = name;
    this.lane = tenure.key;
    const { promise, resolve } = Promise.withResolvers<CommitResult>();
    this.result = promise;
    this.done = resolve;
  }

  async find(): Promise<CommitOutcome> {
    const open = await checksHold(this.#session, this.part.checks); // before the row is read: it may land in between
    const { landed } = await this.#tenure.look();
    if (landed === undefined) return open ? "open" : "stale";
    this.#session.probes?.reach("a batch landed unheard");
    return { landed };
  }
}
