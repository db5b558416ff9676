import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import { endAt } from "../../base/times.ts";
import { type Acceptance, writeMark } from "../delivery/acceptance.ts";
import type { Batch } from "./batch.ts";
import { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import { type NewMessage, positionToken } from "../rows/queued_message.ts";
import { type AcceptanceServices, type Incoming, retryWindowMs } from "./incoming.ts";

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
  readonly #services: AcceptanceServices;
  readonly #incoming: Incoming;
  readonly #commit: () => Promise<Acceptance>;
  readonly #resolve: (acceptance: Acceptance) => void;
  readonly #reject: (error: unknown) => void;
  /** Whether it may have been accepted with a turn that nobody can see any more. */
  #doubted = false;

  /** `commit` commits it by itself. */
  constructor(services: AcceptanceServices, incoming: Incoming, commit: () => Promise<Acceptance>) {
    this.#services = services;
    this.#incoming = incoming;
    this.#commit = commit;
    this.draft = incoming.draft;
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** What it takes of its turn's commit, at the most. */
  get size(): CommitSize {
    const { named: { mark }, ticket } = this.#incoming;
    if (mark === undefined && ticket === undefined) return asInStore;
    const keysBytes = 3 * ((mark?.length ?? 0) + 2 * (ticket?.length ?? 0));
    return { checks: 1, writes: 2, bytes: rowsBytes + keysBytes, keysBytes };
  }

  /** It is accepted with what a batch does; `keeps` says that it stays in its mailbox. */
  join(batch: Batch, keeps: boolean): void {
    const { session, replies, writer } = this.#services;
    const { to, named: { mark }, draft, ticket } = this.#incoming;
    const marks = mark !== undefined && !session.probes?.without("mark-with-turn");
    const opens = ticket !== undefined && !batch.writes(replyRowKey(ticket));
    if (!marks && !opens && !keeps) return;
    const writeSet = new WriteSet();
    if (marks) {
      const untilMs = endAt(session.clock.now() + retryWindowMs);
      const place = positionToken(draft.place);
      writeMark(writeSet, mark, { token: session.nextToken(), fingerprint: "", untilMs, ticket, place });
    }
    if (opens) replies.open(writeSet, ticket);
    if (keeps) {
      session.probes?.reach("a message comes into the store with its first attempt");
      writer.deliver(writeSet, to, draft);
    }
    batch.add(writeSet);
  }

  /** It was accepted with its turn. */
  landed(): void {
    const { ticket, draft } = this.#incoming;
    this.#resolve({ repeated: false, ticket, place: positionToken(draft.place) });
  }

  /** It is committed by itself. Resolves when it is accepted, rejects where it is not. */
  async store(): Promise<void> {
    try {
      // Nobody repeats it but itself, where its turn had landed unheard.
      this.#resolve({ ...await this.#commit(), repeated: false });
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
    const why = `Cannot tell whether ${this.#incoming.named.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }
}

function doubtful(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError("Cannot tell whether a turn took effect", { cause });
}
