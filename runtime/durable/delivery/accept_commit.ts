import { fingerprint } from "../../base/fingerprint.ts";
import { IdConflictError, messageOf, PosthornError } from "../../base/errors.ts";
import type { Entry } from "../../ports/store.ts";
import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import { endAt } from "../../base/times.ts";
import type { CommitSize } from "../../ports/commit_size.ts";
import type { CommitOutcome, CommitRequest, CommitResult } from "../commits/group_committer.ts";
import type { WriteSet } from "../commits/write_set.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { decodeValue, encodeValue } from "../rows/value_codec.ts";

/** That a message was accepted under a name. */
export interface AcceptanceMark {
  /** Names the send that was accepted. */
  readonly token: string;
  readonly fingerprint: string;
  /** Until when the name is known, in milliseconds since 1970; absent where that is for ever. */
  readonly untilMs?: number | undefined;
  /** Where the reply of the first is. */
  readonly ticket?: string | undefined;
  /** The place of the first. */
  readonly place: string;
}

/** How a message was accepted. */
export interface Acceptance {
  /** Whether it had been accepted before, and nothing was done now. */
  readonly repeated: boolean;
  /** Where its reply is, where one is kept. */
  readonly ticket: string | undefined;
  /** Its place in its mailbox; of a repeat, that of the first. Absent for an ask, which has none that others could know. */
  readonly place: string | undefined;
}

/** How long after its window the store may still have a mark. */
const slackMs = 60_000;

export interface AcceptOptions {
  readonly session: StoreSession;
  /** What is written with the message. */
  readonly writeSet: WriteSet;
  readonly lane: string | undefined;
  /** The key of its mark; absent where no repeat can come. */
  readonly mark?: string | undefined;
  /** How long the mark is known. */
  readonly windowMs: number;
  /** Whether a caller gave it its id, and may give it to another; else nothing but its own commit can come again. */
  readonly named: boolean;
  readonly payload: unknown;
  readonly ticket: string | undefined;
  readonly place: string;
  /** Names the message, in errors. */
  readonly name: string;
  readonly id: string;
  /** Called once, when its outcome is known: with the message's version if this commit brought it into the store. */
  readonly onOver: (landed?: { readonly version: string | undefined }) => void;
}

/** A message from outside on its way into its mailbox: once for each name within its window. */
export class AcceptCommit implements CommitRequest {
  readonly name: string;
  readonly part: WriteSet;
  readonly lane: string | undefined;
  size: CommitSize | undefined = undefined;
  readonly accepted: Promise<Acceptance>;
  readonly #options: AcceptOptions;
  /** The same for each attempt. */
  readonly #token: string;
  readonly #print: string;
  readonly #resolve: (acceptance: Acceptance) => void;
  readonly #reject: (error: unknown) => void;
  /** The mark that it replaces: one whose time is over. */
  #before: Entry | undefined;
  /** Whether an attempt may still land that was said to be stale. */
  #mayLand = false;

  constructor(options: AcceptOptions) {
    const { session, writeSet, mark, name, lane } = options;
    this.#options = options;
    this.name = name;
    this.part = writeSet;
    this.lane = lane;
    this.#token = session.nextToken();
    this.#print = mark === undefined || !options.named ? "" : fingerprint(options.payload);
    this.#mark(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    this.accepted = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  done(result: CommitResult): void {
    const { ticket, place, onOver } = this.#options;
    if (result.status === "committed") {
      onOver(result);
      return this.#resolve({ repeated: false, ticket, place });
    }
    if (result.status !== "stale") return this.#fail(result.error);
    this.#repeat(result.uncertain).catch((error) => this.#fail(error, result.uncertain));
  }

  /** Looks for its mark. It has one wherever the outcome of a commit may be unknown. */
  async find(): Promise<CommitOutcome> {
    const { session, mark } = this.#options;
    if (mark === undefined) return "open";
    const stored = await this.#stored();
    if (stored !== undefined && tokenOf(stored) === this.#token) {
      session.probes?.reach("an acceptance landed unheard");
      return { landed: stored.version };
    }
    return stored?.version === this.#before?.version ? "open" : "stale";
  }

  /** There is a mark already: of the same message, of another, or one whose time is over. */
  async #repeat(uncertain: boolean): Promise<void> {
    const { session, payload, onOver } = this.#options;
    const stored = await this.#stored();
    const first = firstOf(stored, this.#print, this.#options);
    if (first !== undefined) {
      onOver();
      return this.#resolve(first);
    }
    session.probes?.reach("accepted in a second commit", payload);
    this.#mayLand ||= uncertain;
    this.size = undefined;
    this.part.checks.pop();
    this.part.writes.pop();
    this.#mark(stored);
    session.committer.submit(this);
  }

  #mark(before: Entry | undefined): void {
    const { session, mark, windowMs, ticket, place } = this.#options;
    this.#before = before;
    if (mark === undefined) return;
    const untilMs = endAt(session.clock.now() + windowMs);
    writeMark(
      this.part,
      mark,
      { token: this.#token, fingerprint: this.#print, untilMs, ticket, place },
      before,
    );
  }

  #fail(error: unknown, uncertain = false): void {
    this.#options.onOver();
    if (!(error instanceof StoreError) || !(this.#mayLand || uncertain)) return this.#reject(error);
    this.#options.session.probes?.reach("a message may land that the store refused");
    const why = `Cannot tell whether ${this.name} was accepted`;
    this.#reject(new OutcomeUnknownError(why, { cause: error }));
  }

  async #stored(): Promise<Entry | undefined> {
    if (this.#options.mark === undefined) return undefined;
    return (await this.#options.session.connection.read([this.#options.mark]))[0];
  }
}

/** Writes that a message was accepted; `before` is what it replaces. */
export function writeMark(writeSet: WriteSet, key: string, mark: AcceptanceMark, before?: Entry): void {
  const { untilMs } = mark;
  writeSet.checks.push({ key, version: before?.version });
  writeSet.write(key, encodeValue(mark, ""), { expiresAtMs: untilMs && untilMs + slackMs });
}

/** What names a message. */
export type NamedMessage = Pick<AcceptOptions, "session" | "mark" | "payload" | "name" | "id">;

/** How a message of that name was accepted before, if it was. Rejects where that was another message. */
export async function acceptedBefore(named: NamedMessage): Promise<Acceptance | undefined> {
  if (named.mark === undefined) return undefined;
  const [stored] = await named.session.connection.read([named.mark]);
  return firstOf(stored, fingerprint(named.payload), named);
}

/** What a mark says of the first; nothing where its time is over. */
function firstOf(stored: Entry | undefined, print: string, named: NamedMessage): Acceptance | undefined {
  const mark = stored && readMark(stored, named);
  if (mark === undefined || named.session.isOver(mark.untilMs)) return undefined;
  if (mark.fingerprint === print) return { repeated: true, ticket: mark.ticket, place: mark.place };
  const why = `the id ${JSON.stringify(named.id)} came before with another payload`;
  throw new IdConflictError(`Cannot accept ${named.name}: ${why}`);
}

/** What a mark says. Throws a `PosthornError` (`failed`) where it cannot be read: nobody knows then what was accepted. */
function readMark({ value }: Entry, { name, id }: NamedMessage): AcceptanceMark {
  try {
    const mark = decodeValue<AcceptanceMark>(value).head;
    if (typeof mark.fingerprint !== "string") throw new TypeError("it is no mark");
    return mark;
  } catch (cause) {
    const why = `what the id ${JSON.stringify(id)} named before cannot be read: ${messageOf(cause)}`;
    throw new PosthornError("failed", `Cannot accept ${name}: ${why}`, { cause });
  }
}

/** Whose mark it is; nothing where that cannot be read: it is another's then. */
function tokenOf({ value }: Entry): string | undefined {
  try {
    return decodeValue<AcceptanceMark>(value).head.token;
  } catch {
    return undefined; // a mark that cannot be read is no pending commit's own
  }
}
