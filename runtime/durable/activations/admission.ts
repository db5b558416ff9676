import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import { type Acceptance, type AcceptanceMark, writeMark } from "../delivery/accept_commit.ts";
import type { Batch } from "./batch.ts";
import { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { NewMessage } from "../rows/queued_message.ts";
import type { ReplyRows } from "../delivery/reply_rows.ts";

/** What an admission is made of. */
export interface AdmissionParts {
  readonly session: StoreSession;
  readonly replies: ReplyRows;
  readonly draft: NewMessage;
  /** Names the message, in errors. */
  readonly name: string;
  /** The key of its mark, and what that says; absent where its commit cannot be tried again. */
  readonly mark: { readonly key: string; readonly head: Omit<AcceptanceMark, "token"> } | undefined;
  /** Where its reply will be, where one is kept. */
  readonly ticket: string | undefined;
  readonly place: string;
  /** Writes it into its mailbox. */
  readonly deliver: (writeSet: WriteSet) => void;
  /** Commits it by itself. */
  readonly commit: () => Promise<Acceptance>;
}

/** What to take a message out of the store takes: it may have come into it before its turn is over. */
const asInStore: CommitSize = { checks: 1, writes: 1, bytes: 512, keysBytes: 256 };
/** How many bytes a mark and a pending reply take at the most, beside their keys. */
const rowsBytes = 512;

/**
 * A message from outside that is in no store yet: it is accepted in the commit of its own turn. Where that is not to be,
 * it is committed by itself, and waits like any other.
 */
export class Admission {
  readonly draft: NewMessage;
  readonly accepted: Promise<Acceptance>;
  readonly #parts: AdmissionParts;
  readonly #resolve: (acceptance: Acceptance) => void;
  readonly #reject: (error: unknown) => void;
  /** Whether it may have been accepted with a turn that nobody can see any more. */
  #doubted = false;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.draft = parts.draft;
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** What it takes of its turn's commit, at the most. */
  get size(): CommitSize {
    const { mark, ticket } = this.#parts;
    if (mark === undefined && ticket === undefined) return asInStore;
    const keysBytes = 3 * ((mark?.key.length ?? 0) + 2 * (ticket?.length ?? 0));
    return { checks: 1, writes: 2, bytes: rowsBytes + keysBytes, keysBytes };
  }

  /** It is accepted with what a batch does; `keeps` says that it stays in its mailbox. */
  join(batch: Batch, keeps: boolean): void {
    const { session, replies, mark, ticket, deliver } = this.#parts;
    const marks = mark !== undefined && !session.probes?.without("mark-with-turn");
    const opens = ticket !== undefined && !batch.writes(replyRowKey(ticket));
    if (!marks && !opens && !keeps) return;
    const writeSet = new WriteSet();
    if (marks) writeMark(writeSet, mark.key, { ...mark.head, token: session.nextToken() });
    if (opens) replies.open(writeSet, ticket);
    if (keeps) {
      session.probes?.reach("a message comes into the store with its first attempt");
      deliver(writeSet);
    }
    batch.add(writeSet);
  }

  /** It was accepted with its turn. */
  landed(): void {
    const { ticket, place } = this.#parts;
    this.#resolve({ repeated: false, ticket, place });
  }

  /** It is committed by itself. Resolves when it is accepted, rejects where it is not. */
  async store(): Promise<void> {
    try {
      // Nobody repeats it but itself, where its turn had landed unheard.
      this.#resolve({ ...await this.#parts.commit(), repeated: false });
    } catch (error) {
      this.failed(this.#doubted && error instanceof StoreError ? doubtful(error) : error);
      throw error;
    }
  }

  /** Its turn may have been committed. */
  doubt(): void {
    this.#doubted = true;
  }

  /** Its turn was not committed, as far as is known. */
  failed(error: unknown): void {
    if (!(error instanceof OutcomeUnknownError)) return this.#reject(error);
    const why = `Cannot tell whether ${this.#parts.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }
}

function doubtful(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError("Cannot tell whether a turn took effect", { cause });
}
