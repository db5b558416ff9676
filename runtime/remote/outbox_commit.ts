import { fingerprint } from "../base/fingerprint.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import { endAt } from "../base/times.ts";
import { retryWindowMs } from "../durable/activations/incoming.ts";
import type { CommitOutcome, CommitRequest, CommitResult } from "../durable/commits/group_committer.ts";
import { WriteSet } from "../durable/commits/write_set.ts";
import {
  type Acceptance,
  firstOf,
  type NamedMessage,
  storedMark,
  tokenOf,
  writeMark,
} from "../durable/delivery/acceptance.ts";
import type { WritingServices } from "../durable/delivery/message_writer.ts";
import type { ReplyRows } from "../durable/delivery/reply_rows.ts";
import { outboxLanePrefix } from "../durable/rows/keys.ts";
import { positionToken } from "../durable/rows/queued_message.ts";
import type { Entry } from "../ports/store.ts";
import { type CommitSize, requireFits, sizeOfCommit } from "../ports/commit_size.ts";
import type { OutboxDraft } from "./outbox.ts";

/** What accepting a message for another service needs. */
export interface OutboxCommitServices extends WritingServices {
  readonly replies: ReplyRows;
  readonly deduplicationWindowMs: number;
}

/** A message from outside a turn to another service. */
export interface OutboxIncoming {
  readonly draft: OutboxDraft;
  /** Its position in its lane. */
  readonly place: string;
  readonly named: NamedMessage;
  /** Whether its sender gave it an id, so that a repeat may come. */
  readonly scoped: boolean;
  /** The receiver: what is sent to one is committed in order. */
  readonly receiver: string;
  /** The key of the reply that the store keeps for it. */
  readonly ticket: string | undefined;
  /** The commit is over. */
  over(): void;
}

/**
 * The commit of a message from outside a turn into the outbox. A mark makes sure that it is committed once for each name
 * within its window.
 */
export class OutboxCommit implements CommitRequest {
  readonly name: string;
  readonly lane: string;
  readonly part = new WriteSet();
  size: CommitSize | undefined;
  readonly accepted: Promise<Acceptance>;
  readonly #services: OutboxCommitServices;
  readonly #incoming: OutboxIncoming;
  /** Identifies this send; the same for each attempt. */
  readonly #token: string;
  readonly #print: string;
  readonly #resolve: (acceptance: Acceptance) => void;
  readonly #reject: (error: unknown) => void;
  /** The mark that it replaces: one whose window has ended. */
  #before: Entry | undefined;
  /** Whether an attempt that the store called stale may still land. */
  #mayLand = false;

  /** Throws a `TooLargeError` if no commit can take it. */
  constructor(services: OutboxCommitServices, incoming: OutboxIncoming) {
    const { session, replies } = services;
    const { draft, place, named, ticket, receiver, scoped } = incoming;
    this.#services = services;
    this.#incoming = incoming;
    this.name = named.name;
    this.lane = outboxLanePrefix(draft.lane) + receiver;
    if (ticket !== undefined) replies.open(this.part, ticket);
    draft.write(this.part, place);
    this.#token = session.nextToken();
    this.#print = scoped ? fingerprint(named.payload) : "";
    this.#mark(undefined);
    const { limits } = session.traits;
    this.size = sizeOfCommit(this.part, limits);
    requireFits(this.name, this.size, limits);
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  done(result: CommitResult): void {
    if (result.status === "stale") {
      this.#repeat(result.uncertain).catch((error) => this.#fail(error, result.uncertain));
    } else if (result.status === "committed") {
      const { session, committedDelivery } = this.#services;
      this.#incoming.over();
      this.part.land(committedDelivery, result.version, session.nextReadEpoch());
      const { ticket, place } = this.#incoming;
      this.#resolve({ repeated: false, ticket, place: positionToken(place) });
    } else this.#fail(result.error);
  }

  /** Looks for its mark: each message has one if the store may leave the outcome of a commit unknown. */
  async find(): Promise<CommitOutcome> {
    const { named } = this.#incoming;
    if (named.mark === undefined) return "open";
    const stored = await storedMark(named);
    if (stored !== undefined && tokenOf(stored) === this.#token) {
      named.session.probes?.reach("a message for another service landed unheard");
      return { landed: stored.version };
    }
    return stored?.version === this.#before?.version ? "open" : "stale";
  }

  /** There is a mark already: of this message, of another, or one whose window has ended. */
  async #repeat(uncertain: boolean): Promise<void> {
    const { named } = this.#incoming;
    const stored = await storedMark(named);
    const first = firstOf(stored, this.#print, named);
    if (first !== undefined) {
      this.#incoming.over();
      return this.#resolve(first);
    }
    this.#mayLand ||= uncertain;
    this.size = undefined;
    this.part.checks.pop();
    this.part.writes.pop();
    this.#mark(stored);
    named.session.committer.submit(this);
  }

  #mark(before: Entry | undefined): void {
    const { named: { session, mark }, scoped, ticket, place } = this.#incoming;
    this.#before = before;
    if (mark === undefined) return;
    const windowMs = scoped ? this.#services.deduplicationWindowMs : retryWindowMs;
    const untilMs = endAt(session.clock.now() + windowMs);
    writeMark(
      this.part,
      mark,
      { token: this.#token, fingerprint: this.#print, untilMs, ticket, place: positionToken(place) },
      before,
    );
  }

  #fail(error: unknown, uncertain = false): void {
    this.#incoming.over();
    if (!(error instanceof StoreError) || !(this.#mayLand || uncertain)) return this.#reject(error);
    const why = `Cannot tell whether ${this.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }
}
