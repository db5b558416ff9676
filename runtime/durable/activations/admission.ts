import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import { endAt } from "../../base/times.ts";
import { type Acceptance, writeMark } from "../delivery/acceptance.ts";
import type { Batch } from "./batch.ts";
import { WriteSet } from "../commits/write_set.ts";
import { replyRowKey } from "../rows/keys.ts";
import { positionToken, QueuedMessage } from "../rows/queued_message.ts";
import { type AcceptanceServices, type Incoming, retryWindowMs } from "./incoming.ts";

/** The size of the removal of a message that came into the store before its turn was over. */
const asInStore: CommitSize = { checks: 1, writes: 1, bytes: 512, keysBytes: 256 };
/** The most bytes of a mark and a pending reply, beside their keys. */
const rowsBytes = 512;

/**
 * A message from outside that is in no store yet: the commit of its turn accepts it. If that is not possible, it is
 * committed by itself, and waits like any other.
 */
export class Admission {
  /** The message as it waits for its turn. */
  readonly mail: QueuedMessage;
  readonly #services: AcceptanceServices;
  readonly #incoming: Incoming;
  readonly #commit: () => Promise<Acceptance>;
  readonly #accepted = Promise.withResolvers<Acceptance>();
  readonly accepted: Promise<Acceptance> = this.#accepted.promise;
  /** Whether a turn may have accepted it that later turns hide. */
  #doubted = false;

  /** `commit` commits it by itself. */
  constructor(services: AcceptanceServices, incoming: Incoming, commit: () => Promise<Acceptance>) {
    this.#services = services;
    this.#incoming = incoming;
    this.#commit = commit;
    this.mail = QueuedMessage.direct(incoming.draft, sizeOf(incoming));
    incoming.draft.accepted = true; // listeners are told as soon as it waits
  }

  /** Listeners were told: what is kept of that stays if it is committed by itself. */
  watched(): void {
    this.#incoming.draft.watch = this.mail.watch;
  }

  /** Adds the acceptance to a batch; `keeps` says that the message stays in its mailbox. */
  join(batch: Batch, keeps: boolean): void {
    const { session, replies, writer } = this.#services;
    const { to, named: { mark }, draft, ticket } = this.#incoming;
    const opens = ticket !== undefined && !batch.writes(replyRowKey(ticket));
    if (mark === undefined && !opens && !keeps) return;
    const writeSet = new WriteSet();
    if (mark !== undefined) {
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

  /** The commit of its turn has accepted it. */
  landed(): void {
    const { ticket, draft } = this.#incoming;
    this.#accepted.resolve({ repeated: false, ticket, place: positionToken(draft.place) });
  }

  /** Commits it by itself. Resolves when it is accepted, rejects if it is not. */
  async store(): Promise<void> {
    try {
      // Only its own turn can have accepted it before, if that landed and was not known to.
      this.#accepted.resolve({ ...await this.#commit(), repeated: false });
    } catch (error) {
      this.failed(this.#doubted && error instanceof StoreError ? doubtful(error) : error);
      throw error;
    }
  }

  /** The commit of its turn may have landed. */
  doubt(): void {
    this.#doubted = true;
  }

  /** The commit of its turn failed, or its outcome is unknown. */
  failed(error: unknown): void {
    if (!(error instanceof OutcomeUnknownError)) return this.#accepted.reject(error);
    const why = `Cannot tell whether ${this.#incoming.named.name} was accepted`;
    this.#accepted.reject(new OutcomeUnknownError(why, { cause: error }));
  }
}

/** The most that it adds to the commit of its turn. */
function sizeOf({ named: { mark }, ticket }: Incoming): CommitSize {
  if (mark === undefined && ticket === undefined) return asInStore;
  const keysBytes = 3 * ((mark?.length ?? 0) + 2 * (ticket?.length ?? 0));
  return { checks: 1, writes: 2, bytes: rowsBytes + keysBytes, keysBytes };
}

function doubtful(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError("Cannot tell whether a turn took effect", { cause });
}
