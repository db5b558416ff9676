import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import type { Weight } from "../../ports/store_weight.ts";
import { type Acceptance, type Mark, writeMark } from "../delivery/accept_commission.ts";
import type { Batch } from "./batch.ts";
import { Effects } from "../commits/effects.ts";
import { replyRowKey } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import type { MailDraft } from "../rows/mail.ts";
import type { Replies } from "../delivery/replies.ts";

/** What an admission is made of. */
export interface AdmissionParts {
  readonly ledger: Ledger;
  readonly replies: Replies;
  readonly draft: MailDraft;
  /** Names the message, in errors. */
  readonly name: string;
  /** The key of its mark, and what that says; absent where its commit cannot be tried again. */
  readonly mark: { readonly key: string; readonly head: Omit<Mark, "token"> } | undefined;
  /** Where its reply will be, where one is kept. */
  readonly ticket: string | undefined;
  readonly place: string;
  /** Writes it into its mailbox. */
  readonly deliver: (effects: Effects) => void;
  /** Commits it by itself. */
  readonly commit: () => Promise<Acceptance>;
}

/** What to take a message out of the store takes: it may have come into it before its turn is over. */
const asInStore: Weight = { checks: 1, writes: 1, bytes: 512, keysBytes: 256 };
/** How many bytes a mark and a pending reply take at the most, beside their keys. */
const rowsBytes = 512;

/**
 * A message from outside that is in no store yet: it is accepted in the commit of its own turn. Where that is not to be,
 * it is committed by itself, and waits like any other.
 */
export class Admission {
  readonly draft: MailDraft;
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
  get weight(): Weight {
    const { mark, ticket } = this.#parts;
    if (mark === undefined && ticket === undefined) return asInStore;
    const keysBytes = 3 * ((mark?.key.length ?? 0) + 2 * (ticket?.length ?? 0));
    return { checks: 1, writes: 2, bytes: rowsBytes + keysBytes, keysBytes };
  }

  /** It is accepted with what a batch does; `keeps` says that it stays in its mailbox. */
  join(batch: Batch, keeps: boolean): void {
    const { ledger, replies, mark, ticket, deliver } = this.#parts;
    const marks = mark !== undefined && !ledger.probes?.without("mark-with-turn");
    const opens = ticket !== undefined && !batch.writes(replyRowKey(ticket));
    if (!marks && !opens && !keeps) return;
    const effects = new Effects();
    if (marks) writeMark(effects, mark.key, { ...mark.head, token: ledger.nextToken() });
    if (opens) replies.open(effects, ticket);
    if (keeps) {
      ledger.probes?.reach("a message comes into the store with its first attempt");
      deliver(effects);
    }
    batch.add(effects);
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
