import { isReplyTarget, type MessageId, nameOf, type ReplyTarget, type Route } from "../messages/envelope.ts";
import { MailboxFullError } from "../base/errors.ts";
import type { Ids } from "../messages/ids.ts";
import { Publication } from "../messages/builtin_protocols.ts";
import type { Fullness } from "../activations/overflow.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import { TooLargeError } from "../base/store_errors.ts";
import { requireFits, sizeOfCommit } from "../ports/commit_size.ts";
import { endAt } from "../base/times.ts";
import {
  type Acceptance,
  AcceptCommit,
  acceptedBefore,
  type NamedMessage,
} from "./delivery/accept_commit.ts";
import { Admission } from "./activations/admission.ts";
import { type MessageWriter, storable } from "./delivery/message_writer.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import { type CommittedDelivery, WriteSet } from "./commits/write_set.ts";
import { encodeName, mailPrefix, markKey } from "./rows/keys.ts";
import type { StoreSession } from "./commits/store_session.ts";
import { headOf, type NewMessage, positionToken, QueuedMessage } from "./rows/queued_message.ts";
import type { ReplyRows } from "./delivery/reply_rows.ts";

/** How long it is known that an unnamed message was accepted: longer than its commit is tried again. */
const retryWindowMs = 600_000;

/** How large a message may be to be accepted with its turn: until then it waits in memory, beside a batch of others. */
const smallBytes = 65_536;
/** And it may be a so-manieth of what a commit takes: else it is looked at first. */
const smallParts = 4;

/** More of a message from outside than its way. */
export interface AcceptParts {
  /** Where its reply will be, where one is kept: it is opened with the message. */
  readonly ticket?: string | undefined;
}

function fullOfMessages({ waiting: held, host }: DurableActivation): Fullness | undefined {
  const { capacity: bound } = host.actor.mailbox;
  return held >= bound ? { held, bound, what: "messages" } : undefined;
}

/** Takes in the bytes of a message, unless that are too many. */
function fullOfBytes({ mailbox, host }: DurableActivation, bytes: number): Fullness | undefined {
  const { bytes: bound } = host.actor.mailbox;
  const held = mailbox.takeBytes(bytes, bound);
  return held === undefined ? undefined : { held, bound, what: "bytes" };
}

/** A message from outside that is to be taken in. */
interface Incoming {
  readonly to: DurableActivation;
  readonly route: Route;
  readonly named: NamedMessage;
  readonly draft: NewMessage;
  readonly ticket: string | undefined;
  /** Before which moment a list must have begun that need not have it; 0 where its place is the next. */
  readonly epoch: number;
  readonly bytes: number;
  /** How full its mailbox is; absent where there is room. */
  readonly full: Fullness | undefined;
}

export interface AcceptorParts {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  readonly replies: ReplyRows;
  readonly ids: Ids;
  readonly deduplicationWindowMs: number;
  /** Takes in what commits bring to this process. */
  readonly committedDelivery: CommittedDelivery;
}

/** Takes messages in from outside: each is committed to its mailbox, once for each name within its window. */
export class Acceptor {
  readonly #parts: AcceptorParts;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
  }

  /** Throws, or rejects with, what stands in the way. */
  accept(
    to: DurableActivation,
    route: Route,
    payload: unknown,
    { ticket }: AcceptParts,
  ): Promise<Acceptance> {
    const { session, writer, ids, committedDelivery } = this.#parts;
    const { extras, replyTo, operation } = route;
    const id = ids.text(extras?.id ?? ids.next());
    const name = shownName(operation, to.key);
    const sent = Publication.is(payload) ? storable(payload) : payload;
    const mark = isReplyTarget(replyTo)
      ? undefined
      : this.#markOf(extras?.scope, nameOf(operation, to.key), id);
    const named = { session, mark, payload: sent, name, id };
    const { overflow } = to.host.actor.mailbox;
    const refuses = overflow === "reject" || isReplyTarget(replyTo);
    const crowded = fullOfMessages(to);
    if (crowded !== undefined && refuses) return this.#refuse(to, crowded, route, named); // before it costs anything
    if (!isReplyTarget(replyTo)) session.committer.requireRoom(name); // an ask is not committed
    const place = extras?.after === undefined || session.probes?.without("behind-its-place")
      ? undefined
      : session.positionBehind(extras.after);
    // What was written before this moment is in every list that begins later.
    const epoch = place === undefined ? 0 : session.nextReadEpoch();
    const draft = isReplyTarget(replyTo) ? undefined : writer.draft(to, route, payload, id, place);
    const bytes = draft === undefined ? extras?.bytes ?? 0 : draft.value.length; // an ask is nowhere but here
    const full = crowded ?? fullOfBytes(to, bytes);
    if (full !== undefined && refuses) return this.#refuse(to, full, route, named);
    if (draft === undefined) {
      const head = headOf(route, id, session.instance, (id: MessageId) => ids.text(id));
      if (epoch > 0) to.look();
      const mail = QueuedMessage.ask(
        head,
        place ?? session.nextPosition(),
        payload,
        replyTo as ReplyTarget,
        bytes,
      );
      committedDelivery.accepted(to, mail);
      to.ask(mail);
      return Promise.resolve({ repeated: false, ticket: undefined, place: undefined });
    }
    const incoming: Incoming = { to, route, named, draft, ticket, epoch, bytes, full };
    const isUsual = full === undefined && refuses && extras?.scope === undefined && epoch === 0;
    if (isUsual && this.#isSmall(draft) && to.admissions.takes(operation)) {
      return this.#told(route, this.#admit(incoming));
    }
    return this.#told(route, this.#commit(incoming));
  }

  /** It is accepted with its turn, where that goes well. */
  #admit(incoming: Incoming): Promise<Acceptance> {
    const { session, replies, writer } = this.#parts;
    const { to, named: { mark: key, name }, draft, ticket } = incoming;
    const place = positionToken(draft.place);
    const untilMs = endAt(session.clock.now() + retryWindowMs);
    const mark = key === undefined ? undefined : { key, head: { fingerprint: "", untilMs, ticket, place } };
    const deliver = (writeSet: WriteSet) => writer.deliver(writeSet, to, draft);
    const commit = () => this.#commit(incoming);
    const admission = new Admission({ session, replies, draft, name, mark, ticket, place, deliver, commit });
    to.admissions.take(admission);
    return admission.accepted;
  }

  /** It is committed to its mailbox, behind all that came before. Throws where no commit can take it. */
  #commit(incoming: Incoming): Promise<Acceptance> {
    const { to, route, named, draft, ticket, bytes, full } = incoming;
    const { session, writer, replies, deduplicationWindowMs } = this.#parts;
    const scope = route.extras?.scope;
    const writeSet = new WriteSet();
    if (ticket !== undefined) replies.open(writeSet, ticket);
    const drops = full !== undefined && to.host.actor.mailbox.overflow === "drop-newest";
    if (drops) writer.drop(writeSet, to, route, draft, full);
    else writer.deliver(writeSet, to, draft);
    const pending = new AcceptCommit({
      ...named,
      writeSet,
      lane: session.probes?.without("lane") ? undefined : mailPrefix(to),
      windowMs: scope === undefined ? retryWindowMs : deduplicationWindowMs,
      named: scope !== undefined,
      ticket,
      place: positionToken(draft.place),
      onOver: (landed) => {
        to.accepting--;
        to.mailbox.arrivingBytes -= bytes;
        if (landed !== undefined) this.#land(incoming, writeSet, drops, landed.version);
      },
    });
    const size = pending.size = sizeOfCommit(writeSet, session.traits.limits);
    if (!session.probes?.without("never-fits")) requireFits(named.name, size, session.traits.limits);
    to.accepting++;
    to.mailbox.arrivingBytes += bytes;
    to.admissions.behind(() => session.committer.submit(pending));
    return pending.accepted;
  }

  /** It is committed: the actor gets it, and makes room for it. */
  #land(
    { to, draft, epoch }: Incoming,
    writeSet: WriteSet,
    dropped: boolean,
    version: string | undefined,
  ): void {
    const { committedDelivery } = this.#parts;
    const { capacity, bytes: bytesMax, overflow } = to.host.actor.mailbox;
    if (dropped) committedDelivery.accepted(to, QueuedMessage.committed(draft, version ?? ""));
    const { arrived } = to.mailbox;
    writeSet.land(committedDelivery, version, epoch);
    if (!dropped && to.mailbox.arrived === arrived) to.mailbox.missed = true;
    if (overflow !== "drop-oldest") return;
    while (to.waiting > capacity && to.evictOldest());
    while (to.waiting > 1 && to.mailbox.bytes > bytesMax && to.evictOldest());
  }

  /** Whether it is far from what no commit takes. */
  #isSmall({ value: { length } }: NewMessage): boolean {
    const { limits } = this.#parts.session.traits;
    return length <= smallBytes && length * smallParts <= Math.min(limits.valueBytes, limits.bytes);
  }

  /** There is no room for it; unless it has been accepted before. */
  #refuse(to: DurableActivation, full: Fullness, route: Route, named: NamedMessage): Promise<Acceptance> {
    const refusal = new MailboxFullError(shownActor(to.protocol, to.key), full.held, full.bound, full.what);
    if (route.extras?.scope === undefined) throw refusal;
    return this.#told(route, acceptedBefore(named).then((first) => first ?? Promise.reject(refusal)));
  }

  /** Tells who asked for it where the message is. */
  #told({ extras }: Route, accepted: Promise<Acceptance>): Promise<Acceptance> {
    const onAccepted = extras?.onAccepted;
    if (onAccepted === undefined) return accepted;
    return accepted.then((acceptance) => {
      if (acceptance.place !== undefined) onAccepted(acceptance.place);
      return acceptance;
    });
  }

  /** The key of a message's mark: where it has a name of its own, or its commit may be tried again. */
  #markOf(scope: string | undefined, name: string, id: string): string | undefined {
    const { limits, unknownOutcomes } = this.#parts.session.traits;
    if (scope === undefined) return unknownOutcomes ? markKey(`\n${id}`) : undefined;
    const key = markKey(`${encodeName(scope)}\n${name}\n${id}`);
    const bytes = new TextEncoder().encode(key).length;
    if (bytes > limits.keyBytes) throw new TooLargeError(name, "bytes of a key", bytes, limits.keyBytes);
    return key;
  }
}
