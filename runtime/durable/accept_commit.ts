import { fingerprint } from "../base/fingerprint.ts";
import type { Entry } from "../ports/store.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import { endAt } from "../base/times.ts";
import { type CommitSize, requireFits, sizeOfCommit } from "../ports/commit_size.ts";
import { type AcceptanceServices, type Incoming, retryWindowMs } from "./activations/incoming.ts";
import type { CommitOutcome, CommitRequest, CommitResult } from "./commits/group_committer.ts";
import { WriteSet } from "./commits/write_set.ts";
import { type Acceptance, firstOf, storedMark, tokenOf, writeMark } from "./delivery/acceptance.ts";
import { mailPrefix } from "./rows/keys.ts";
import { fromText } from "./rows/value_codec.ts";
import { positionToken, QueuedMessage } from "./rows/queued_message.ts";

/**
 * The commit of a message from outside into its mailbox. A mark makes sure that it is committed once for each name
 * within its window.
 */
export class AcceptCommit implements CommitRequest {
  readonly name: string;
  readonly lane: string | undefined;
  readonly part = new WriteSet();
  size: CommitSize | undefined;
  readonly accepted: Promise<Acceptance>;
  readonly #services: AcceptanceServices;
  readonly #incoming: Incoming;
  /** Whether the message becomes a dead letter because its mailbox is full. */
  readonly #drops: boolean;
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
  constructor(services: AcceptanceServices, incoming: Incoming) {
    const { session, writer, replies } = services;
    const { to, route, published, named, draft, ticket, full } = incoming;
    this.#services = services;
    this.#incoming = incoming;
    this.name = named.name;
    this.lane = mailPrefix(to);
    this.#drops = full !== undefined && to.host.actor.mailbox.overflow === "drop-newest";
    if (ticket !== undefined) replies.open(this.part, ticket);
    if (this.#drops) {
      const { text, head: { id } } = draft;
      const why = `it was evicted: the mailbox held ${full!.held} of ${full!.bound} ${full!.what}`;
      const dropped = { to, route, payload: fromText(text), id };
      writer.undelivered(this.part, dropped, { text, reason: "dropped", why });
    } else {
      writer.deliver(this.part, to, draft);
      if (published !== undefined) writer.publishAway(this.part, route, published, named.id);
    }
    this.#token = session.nextToken();
    this.#print = named.mark === undefined || route.extras?.scope === undefined
      ? ""
      : fingerprint(named.payload);
    this.#mark(undefined);
    const { limits } = session.traits;
    this.size = sizeOfCommit(this.part, limits);
    requireFits(this.name, this.size, limits);
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    to.accepting++;
    to.mailbox.arrivingBytes += incoming.bytes;
  }

  done(result: CommitResult): void {
    if (result.status === "stale") {
      this.#repeat(result.uncertain).catch((error) => this.#fail(error, result.uncertain));
    } else if (result.status === "committed") {
      this.#over();
      this.#land(result.version);
      const { ticket, draft } = this.#incoming;
      this.#resolve({ repeated: false, ticket, place: positionToken(draft.place) });
    } else this.#fail(result.error);
  }

  /** Looks for its mark: each message has one if the store may leave the outcome of a commit unknown. */
  async find(): Promise<CommitOutcome> {
    const { named } = this.#incoming;
    if (named.mark === undefined) return "open";
    const stored = await storedMark(named);
    if (stored !== undefined && tokenOf(stored) === this.#token) {
      named.session.probes?.reach("an acceptance landed unheard");
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
      this.#over();
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
    const { named: { session, mark }, route, ticket, draft } = this.#incoming;
    this.#before = before;
    if (mark === undefined) return;
    const windowMs = route.extras?.scope === undefined ? retryWindowMs : this.#services.deduplicationWindowMs;
    const head = {
      token: this.#token,
      fingerprint: this.#print,
      untilMs: endAt(session.clock.now() + windowMs),
      ticket,
      place: positionToken(draft.place),
    };
    writeMark(this.part, mark, head, before);
  }

  /** It is committed: the actor gets it, and evicts older messages if its mailbox is too full. */
  #land(version: string | undefined): void {
    const { committedDelivery } = this.#services;
    const { to, draft, epoch } = this.#incoming;
    const { capacity, bytes: bytesMax, overflow } = to.host.actor.mailbox;
    if (this.#drops) committedDelivery.accepted(to, QueuedMessage.committed(draft, version ?? ""));
    const { arrived } = to.mailbox;
    this.part.land(committedDelivery, version, epoch);
    if (!this.#drops && to.mailbox.arrived === arrived) to.mailbox.missed = true;
    if (overflow !== "drop-oldest") return;
    while (to.waiting > capacity && to.picker.evictOldest());
    while (to.waiting > 1 && to.mailbox.bytes > bytesMax && to.picker.evictOldest());
  }

  #fail(error: unknown, uncertain = false): void {
    this.#over();
    if (!(error instanceof StoreError) || !(this.#mayLand || uncertain)) return this.#reject(error);
    this.#services.session.probes?.reach("a message may land that the store refused");
    const why = `Cannot tell whether ${this.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }

  /** Its outcome is known: it no longer counts as arriving. */
  #over(): void {
    const { to, bytes } = this.#incoming;
    to.accepting--;
    to.mailbox.arrivingBytes -= bytes;
  }
}
