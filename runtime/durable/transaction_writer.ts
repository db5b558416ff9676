import { LimitExceededError, MailboxFullError, PosthornError } from "../base/errors.ts";
import { fingerprint } from "../base/fingerprint.ts";
import { StoreError } from "../base/store_errors.ts";
import { endAt } from "../base/times.ts";
import type { ActorId, Address, SubmitOptions } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import type { DelayOptions } from "../language/when.ts";
import { Publication, Reply } from "../messages/builtin_protocols.ts";
import { deadlineAt, nameOf, Route } from "../messages/envelope.ts";
import { delayOf } from "../messages/delay.ts";
import { Ids, requireGivenId } from "../messages/ids.ts";
import { Laters } from "../messages/later.ts";
import { replyKey, replyName, replyNameOf } from "../messages/reply_name.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import { givenHeaders } from "../language/given_headers.ts";
import { requireDuration } from "../base/require.ts";
import { requireFits, sizeOfCommit } from "../ports/commit_size.ts";
import { type ResolvedOptions, resolveOptions } from "../ports/options.ts";
import type { Entry, StoreConnection } from "../ports/store.ts";
import type { TransactionConnection } from "../ports/transaction.ts";
import { OtherClocks } from "./commits/other_clocks.ts";
import { transactionName } from "./rows/writer_name.ts";
import { StoreSession } from "./commits/store_session.ts";
import { WriteSet } from "./commits/write_set.ts";
import { type Acceptance, firstOf, markOf, storedMark, writeMark } from "./delivery/acceptance.ts";
import { DelayedRows } from "./delivery/delayed_rows.ts";
import { storable } from "./delivery/message_writer.ts";
import { peerBytesMax, peerCapacity } from "./delivery/peer_mailboxes.ts";
import { ReplyRows, type RequestPlace } from "./delivery/reply_rows.ts";
import { delayedOwner, mailPrefix, postedKey, proofKey, timerPrefix } from "./rows/keys.ts";
import { headOf, NewMessage, positionToken } from "./rows/queued_message.ts";
import { readableHead } from "./rows/readable_head.ts";
import { type DurabilityRow, faultOfFormat } from "./rows/store_format.ts";
import { toText } from "./rows/value_codec.ts";
import type { TransactionServices } from "./transactions.ts";

/** What became of a send. */
export interface Written {
  /** The id by which its reply is collected, if it has one. */
  readonly ticket: string | undefined;
}

/** What all transactions of a store share in a process. */
export interface SharedByTransactions {
  /** The time of the last position. */
  timestampMicros: number;
  /** Whether the format of the rows is known to be that of this program. */
  formatKnown: boolean;
}

type Options = SubmitOptions<unknown> & DelayOptions;

/** A message that is to be written. */
interface Sending {
  readonly to: ActorId;
  readonly route: Route;
  readonly payload: unknown;
  readonly id: string;
  /** The key of the reply that is kept for it. */
  readonly reply: string | undefined;
}

/** A message that can be written. */
interface Draft {
  /** Its position, unless it is delayed. */
  readonly place: string | undefined;
  readonly bytes: number;
  /** Where it waits, for who takes it back. */
  readonly at: RequestPlace;
  write(writeSet: WriteSet): void;
}

/** How many further messages to an actor are written without counting again, and of how many the counts are known. */
const countedAfter = 1_000;
const countsMax = 10_000;
/** How often a commit is tried that another one with the same id is in the way of. */
const triesMax = 3;

const nothing = new Uint8Array();

/**
 * Writes what a transaction sends, as a process does that hosts none of the actors. All its rows are new ones, so it waits
 * for nobody and nobody waits for it, however long it stays open: except who uses the same id meanwhile.
 */
export class TransactionWriter {
  readonly #connection: TransactionConnection;
  readonly #options: ResolvedOptions;
  readonly #session: StoreSession;
  readonly #ids: Ids;
  readonly #laters: Laters;
  readonly #replies: ReplyRows;
  readonly #delayed: DelayedRows;
  /** What all transactions of a store share. */
  readonly #shared: SharedByTransactions;
  /** How many more messages, and bytes, each mailbox takes before it is counted again. */
  readonly #room = new Map<string, { messages: number; bytes: number }>();

  constructor(
    connection: TransactionConnection,
    { traits, clock, random }: TransactionServices,
    shared: SharedByTransactions,
  ) {
    this.#connection = connection;
    this.#shared = shared;
    this.#options = resolveOptions({ actors: [], clock, random });
    const { replyRetentionMs, laterMs } = this.#options;
    this.#ids = new Ids(clock, random);
    const otherClocks = new OtherClocks(clock);
    otherClocks.looked(); // it shares its clock with nobody whose data it would delete
    const reading = readingOf(connection);
    const name = transactionName(this.#ids.ulid());
    this.#session = new StoreSession(name, reading, traits, clock, random, otherClocks);
    this.#laters = new Laters("", true, this.#options);
    this.#replies = new ReplyRows(this.#session, replyRetentionMs, laterMs);
    const unbounded = { delayed: Infinity, delayedBytes: Infinity }; // counted for each receiver
    this.#delayed = new DelayedRows(this.#session, this.#ids, unbounded, () => {});
  }

  /** Writes a notification. */
  async tell(
    to: ActorId,
    operation: Operation,
    payload: unknown,
    options: Options | undefined,
  ): Promise<Written> {
    await this.#send(to, this.#route(operation, options), payload);
    return { ticket: undefined };
  }

  /** Writes a request. */
  async submit(
    to: ActorId,
    operation: Operation,
    payload: unknown,
    options: Options | undefined,
  ): Promise<Written> {
    const { replyTo, failTo } = this.#laters.addresses(options);
    if (replyTo !== undefined) {
      const id = options?.id ?? this.#ids.ulid();
      await this.#send(to, this.#route(operation, options, { id, replyTo, failTo }), payload);
      return { ticket: id };
    }
    const key = replyKey(replyName(this.#ids.ulid()));
    const arrives = { protocol: Reply.arrive.protocol, key, operation: Reply.arrive.name };
    const refused = { ...arrives, operation: Reply.refuse.name };
    const route = this.#route(operation, options, { replyTo: arrives, failTo: failTo ?? refused });
    const { ticket = key } = await this.#send(to, route, payload, key);
    return { ticket: replyNameOf(ticket) };
  }

  #route(
    operation: Operation,
    options: Options | undefined,
    parts: { readonly id?: string; readonly replyTo?: Address; readonly failTo?: Address | undefined } = {},
  ): Route {
    const { id, timeoutMs, headers: given } = options ?? {};
    const { clock } = this.#options;
    if (id !== undefined) requireGivenId(id);
    if (timeoutMs !== undefined) requireDuration("timeoutMs", timeoutMs);
    const delay = delayOf(operation, options ?? {}, clock);
    const deadline = timeoutMs === undefined
      ? undefined
      : deadlineAt((delay?.dueMs ?? clock.now()) + timeoutMs);
    const headers = given === undefined ? undefined : givenHeaders(given);
    const scope = id === undefined ? undefined : "out "; // as by a handle outside of turns
    const { replyTo, failTo } = parts;
    const extras = { id: parts.id ?? id, failTo, headers, scope, delay };
    return new Route(operation, undefined, undefined, replyTo, deadline, extras);
  }

  async #send(to: ActorId, route: Route, payload: unknown, reply?: string): Promise<Acceptance> {
    const { traits } = this.#session;
    const { operation, extras } = route;
    const id = this.#ids.text(extras?.id ?? this.#ids.next());
    const receiver = { protocol: to.protocol, key: to.key };
    const sent = Publication.is(payload) ? { ...storable(payload), unsent: true } : payload;
    const scope = extras?.scope;
    const mark = scope === undefined ? undefined : markOf(traits, scope, nameOf(operation, to.key), id);
    const named = {
      session: this.#session,
      mark,
      payload: Publication.is(payload) ? storable(payload) : payload,
      name: shownName(operation, to.key),
      id,
    };
    if (!this.#shared.formatKnown) await this.#requireFormat();
    const draft = this.#draft({ to: receiver, route, payload: sent, id, reply }, mark);
    for (let tries = 1;; tries++) {
      const stored = await storedMark(named);
      const print = mark === undefined ? "" : fingerprint(named.payload);
      const first = firstOf(stored, print, named);
      if (first !== undefined) return first;
      if (tries === 1) await this.#requireRoom(receiver, route, draft);
      const part = new WriteSet();
      draft.write(part);
      if (mark !== undefined) {
        this.#mark(part, mark, print, draft, { reply, delayMs: extras?.delay?.delayMs }, stored);
      }
      requireFits(named.name, sizeOfCommit(part, traits.limits), traits.limits);
      if (await this.#connection.commit(part)) {
        return { repeated: false, ticket: reply, place: draft.place && positionToken(draft.place) };
      }
      if (tries === triesMax) {
        throw new StoreError(
          "store-unavailable",
          `Cannot accept ${named.name}: others use its id all the time`,
        );
      }
    }
  }

  /** Throws if a program of another format wrote to the store, or another store is being copied into it. */
  async #requireFormat(): Promise<void> {
    const [proof] = await this.#connection.read([proofKey]);
    if (proof === undefined) return; // nobody has opened it yet
    const why = faultOfFormat(readableHead<DurabilityRow>(proof.value)?.format);
    if (why !== undefined) {
      throw new PosthornError("unknown-format", `Cannot send within a transaction: ${why}`);
    }
    this.#shared.formatKnown = true;
  }

  #draft(sending: Sending, mark: string | undefined): Draft {
    const { to, route, payload, id, reply } = sending;
    const submits = route.operation.mode === "submit" && mark !== undefined;
    const write = (writeSet: WriteSet, at: RequestPlace, place: string) => {
      if (reply !== undefined) this.#replies.open(writeSet, reply, at, route.extras?.delay?.delayMs);
      writeSet.writeOnce(postedKey(to, place), nothing);
    };
    const place = this.#nextPosition();
    if (route.extras?.delay !== undefined) {
      const { at, bytes, write: writeRows } = this.#delayed.draft(sending, {
        mark: submits ? mark : undefined,
      });
      const writeAll = (writeSet: WriteSet) => {
        writeRows(writeSet);
        write(writeSet, at, place);
      };
      return { place: undefined, bytes, at, write: writeAll };
    }
    const { encoder, instance } = this.#session;
    const head = { ...headOf(route, id, instance, this.#ids), ...submits && { mark } };
    const message = new NewMessage(encoder, mailPrefix(to), place, head, toText(payload));
    const at = { ...to, place };
    return {
      place,
      bytes: message.value.length,
      at,
      write: (writeSet) => {
        writeSet.writeOnce(message.key, message.value);
        write(writeSet, at, place);
      },
    };
  }

  #mark(
    part: WriteSet,
    mark: string,
    print: string,
    { place }: Draft,
    { reply, delayMs = 0 }: { readonly reply: string | undefined; readonly delayMs?: number | undefined },
    before: Entry | undefined,
  ): void {
    const untilMs = endAt(this.#options.clock.now() + this.#options.deduplicationWindowMs + delayMs);
    const token = this.#session.nextToken();
    const acceptance = {
      token,
      fingerprint: print,
      untilMs,
      ticket: reply,
      place: place && positionToken(place),
    };
    writeMark(part, mark, acceptance, before);
  }

  /** A position behind those of all transactions of this store in this process. */
  #nextPosition(): string {
    this.#session.heard(this.#shared.timestampMicros);
    const place = this.#session.nextPosition();
    this.#shared.timestampMicros = this.#session.timestampMicros;
    return place;
  }

  /**
   * Throws if too much waits for an actor. Nobody knows here how large its mailbox is, so the bound is that for actors of
   * other processes.
   */
  async #requireRoom(to: ActorId, route: Route, { bytes }: Draft): Promise<void> {
    const delayed = route.extras?.delay !== undefined;
    const prefix = delayed ? timerPrefix(delayedOwner(to)) : mailPrefix(to);
    const known = this.#room.get(prefix);
    if (known !== undefined && known.messages > 0 && known.bytes > bytes) {
      known.messages--;
      known.bytes -= bytes;
      return;
    }
    const found = await this.#connection.count(prefix, peerCapacity);
    const full = found.messages >= peerCapacity
      ? { held: found.messages, bound: peerCapacity, what: "messages" as const }
      : found.bytes >= peerBytesMax
      ? { held: found.bytes, bound: peerBytesMax, what: "bytes" as const }
      : undefined;
    if (full !== undefined && delayed) {
      const why = `${full.held} of ${full.bound} ${full.what} are delayed for ${
        shownActor(to.protocol, to.key)
      }`;
      throw new LimitExceededError(
        "too-many-delayed",
        `Cannot delay ${shownName(route.operation, to.key)}: ${why}`,
      );
    }
    if (full !== undefined) {
      throw new MailboxFullError(shownActor(to.protocol, to.key), full.held, full.bound, full.what);
    }
    if (this.#room.size >= countsMax) this.#room.clear();
    this.#room.set(prefix, {
      messages: Math.min(countedAfter, peerCapacity - found.messages) - 1,
      bytes: peerBytesMax - found.bytes - bytes,
    });
  }
}

/** What a session reads by: a transaction is committed by its user, and lists nothing. */
function readingOf(connection: TransactionConnection): StoreConnection {
  const refuse = () => Promise.reject(new TypeError("A transaction of a user reads by keys alone"));
  return {
    read: (keys) => connection.read(keys),
    list: refuse,
    commit: refuse,
    watch: () => ({ [Symbol.dispose]() {} }),
    close: () => Promise.resolve(),
  };
}
