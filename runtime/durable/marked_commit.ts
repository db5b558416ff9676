import { fingerprint } from "../base/fingerprint.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import { endAt } from "../base/times.ts";
import { type CommitSize, requireFits, sizeOfCommit } from "../ports/commit_size.ts";
import type { Entry } from "../ports/store.ts";
import { retryWindowMs } from "./activations/incoming.ts";
import type { CommitOutcome, CommitRequest, CommitResult } from "./commits/group_committer.ts";
import { WriteSet } from "./commits/write_set.ts";
import {
  type Acceptance,
  firstOf,
  type NamedMessage,
  storedMark,
  tokenOf,
  writeMark,
} from "./delivery/acceptance.ts";

/** How a message is accepted. */
export interface MarkedMessage {
  readonly named: NamedMessage;
  /** Whether its sender gave it an id, so that a repeat may come. */
  readonly scoped: boolean;
  /** The key of the reply that the store keeps for it. */
  readonly ticket: string | undefined;
  /** The position of the message, as others may know it; absent if it has none yet. */
  readonly place: string | undefined;
  /** How long a repeat with its id is recognised, in milliseconds. */
  readonly windowMs: number;
  /** What the simulation calls it if it landed although the store did not say so. */
  readonly unheard: string;
}

/**
 * The commit of a message from outside a turn. A mark makes sure that it is committed once for each name within its
 * window.
 */
export abstract class MarkedCommit implements CommitRequest {
  readonly name: string;
  abstract readonly lane: string;
  readonly part = new WriteSet();
  size: CommitSize | undefined;
  readonly accepted: Promise<Acceptance>;
  readonly #message: MarkedMessage;
  /** Identifies this send; the same for each attempt. */
  readonly #token: string;
  readonly #print: string;
  readonly #resolve: (acceptance: Acceptance) => void;
  readonly #reject: (error: unknown) => void;
  /** The mark that it replaces: one whose window has ended. */
  #before: Entry | undefined;
  /** Whether an attempt that the store called stale may still land. */
  #mayLand = false;

  constructor(message: MarkedMessage) {
    const { named, scoped } = message;
    this.name = named.name;
    this.#message = message;
    this.#token = named.session.nextToken();
    this.#print = named.mark === undefined || !scoped ? "" : fingerprint(named.payload);
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Its outcome is known. */
  protected abstract over(): void;

  /** It is committed. */
  protected abstract land(version: string | undefined): void;

  /** Nothing more comes of it; `error` is why it was not committed. */
  protected settled(_error?: unknown): void {}

  /** Adds the mark to what it writes. Throws a `TooLargeError` if no commit can take it. */
  protected complete(): void {
    this.#mark(undefined);
    const { limits } = this.#message.named.session.traits;
    this.size = sizeOfCommit(this.part, limits);
    requireFits(this.name, this.size, limits);
  }

  done(result: CommitResult): void {
    if (result.status === "stale") {
      this.#repeat(result.uncertain).catch((error) => this.#fail(error, result.uncertain));
    } else if (result.status === "committed") {
      this.over();
      this.land(result.version);
      this.settled();
      const { ticket, place } = this.#message;
      this.#resolve({ repeated: false, ticket, place });
    } else this.#fail(result.error);
  }

  /** Looks for its mark: each message has one if the store may leave the outcome of a commit unknown. */
  async find(): Promise<CommitOutcome> {
    const { named, unheard } = this.#message;
    if (named.mark === undefined) return "open";
    const stored = await storedMark(named);
    if (stored !== undefined && tokenOf(stored) === this.#token) {
      named.session.probes?.reach(unheard);
      return { landed: stored.version };
    }
    return stored?.version === this.#before?.version ? "open" : "stale";
  }

  /** There is a mark already: of this message, of another, or one whose window has ended. */
  async #repeat(uncertain: boolean): Promise<void> {
    const { named } = this.#message;
    const stored = await storedMark(named);
    const first = firstOf(stored, this.#print, named);
    if (first !== undefined) {
      this.over();
      this.settled();
      return this.#resolve(first);
    }
    named.session.probes?.reach("accepted in a second commit", named.payload);
    this.#mayLand ||= uncertain;
    this.size = undefined;
    this.part.checks.pop();
    this.part.writes.pop();
    this.#mark(stored);
    named.session.committer.submit(this);
  }

  #mark(before: Entry | undefined): void {
    const { named: { session, mark }, scoped, ticket, place, windowMs } = this.#message;
    this.#before = before;
    if (mark === undefined) return;
    const untilMs = endAt(session.clock.now() + (scoped ? windowMs : retryWindowMs));
    writeMark(
      this.part,
      mark,
      { token: this.#token, fingerprint: this.#print, untilMs, ticket, place },
      before,
    );
  }

  #fail(error: unknown, uncertain = false): void {
    this.over();
    this.settled(error);
    if (!(error instanceof StoreError) || !(this.#mayLand || uncertain)) return this.#reject(error);
    this.#message.named.session.probes?.reach("a message may land that the store refused");
    const why = `Cannot tell whether ${this.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }
}
