import { isReplyTarget, nameOf, type ReplyTarget, type Route } from "../messages/envelope.ts";
import { MailboxFullError } from "../base/errors.ts";
import { Publication } from "../messages/builtin_protocols.ts";
import type { Fullness } from "../activations/overflow.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import { AcceptCommit } from "./accept_commit.ts";
import {
  type Acceptance,
  acceptedBefore,
  markOf,
  type NamedMessage,
  tellingPlace,
} from "./delivery/acceptance.ts";
import { Admission } from "./activations/admission.ts";
import type { AcceptanceServices, Incoming } from "./activations/incoming.ts";
import type { RemoteRows } from "./delivery/remote_rows.ts";
import { storable } from "./delivery/stored_publication.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import { headOf, type NewMessage, QueuedMessage } from "./rows/queued_message.ts";

/** How large a message may be to be accepted with its turn: until then it waits in memory, beside a batch of others. */
const smallBytes = 65_536;
/**
 * A message that is accepted with its turn may take at most this part of a commit (one divided by it); a larger one is
 * committed first.
 */
const smallParts = 4;

function fullOfMessages({ waiting: held, host }: DurableActivation): Fullness | undefined {
  const { capacity: bound } = host.actor.mailbox;
  return held >= bound ? { held, bound, what: "messages" } : undefined;
}

/** Reserves the bytes of a message in its mailbox; returns how full the mailbox is if they do not fit. */
function fullOfBytes({ mailbox, host }: DurableActivation, bytes: number): Fullness | undefined {
  const { bytes: bound } = host.actor.mailbox;
  const held = mailbox.takeBytes(bytes, bound);
  return held === undefined ? undefined : { held, bound, what: "bytes" };
}

/**
 * Accepts messages from outside: each is committed to its mailbox once for each name within its window, with its turn
 * or before it. An ask stays in memory.
 */
export class Acceptor {
  readonly #services: AcceptanceServices;

  constructor(services: AcceptanceServices) {
    this.#services = services;
  }

  /** Throws, or rejects with, the reason for a refusal. */
  accept(
    to: DurableActivation,
    route: Route,
    payload: unknown,
    ticket?: string,
  ): Promise<Acceptance> {
    const { session, writer, ids, committedDelivery } = this.#services;
    const { extras, replyTo, operation } = route;
    const id = ids.text(extras?.id ?? ids.next());
    const name = shownName(operation, to.key);
    const sent = Publication.is(payload) ? storable(payload) : payload;
    const mark = isReplyTarget(replyTo)
      ? undefined
      : markOf(session.traits, extras?.scope, nameOf(operation, to.key), id);
    const named = { session, mark, payload: sent, name, id };
    const { overflow } = to.host.actor.mailbox;
    const refuses = overflow === "reject" || isReplyTarget(replyTo);
    const crowded = fullOfMessages(to);
    if (crowded !== undefined && refuses) return this.#refuse(to, crowded, route, named); // before it is encoded
    if (!isReplyTarget(replyTo)) session.committer.requireRoom(name); // an ask is not committed
    const place = extras?.after === undefined ? undefined : session.positionBehind(extras.after);
    // Every list that begins after this moment has what was written before it.
    const epoch = place === undefined ? 0 : session.nextReadEpoch();
    const repeats = extras?.scope === undefined ? undefined : mark;
    const draft = isReplyTarget(replyTo)
      ? undefined
      : writer.draft({ to, route, payload, id }, place, repeats);
    const bytes = draft === undefined ? extras?.bytes ?? 0 : draft.value.length; // an ask is in memory only
    const full = crowded ?? fullOfBytes(to, bytes);
    if (full !== undefined && refuses) return this.#refuse(to, full, route, named);
    if (draft === undefined) {
      const head = headOf(route, id, session.instance, ids);
      if (epoch > 0) to.look();
      const mail = QueuedMessage.ask(
        head,
        place ?? session.nextPosition(),
        payload,
        replyTo as ReplyTarget,
        bytes,
      );
      committedDelivery.accepted(to, mail);
      to.admissions.ask(mail);
      return Promise.resolve({ repeated: false, ticket: undefined, place: undefined });
    }
    const published = writer.remote && this.#published(writer.remote, payload);
    const incoming: Incoming = { to, route, published, named, draft, ticket, epoch, bytes, full };
    const alone = published === undefined && extras?.scope === undefined && epoch === 0;
    const isUsual = full === undefined && refuses && alone;
    if (isUsual && this.#isSmall(draft) && to.admissions.takes(operation)) {
      return tellingPlace(route, this.#admit(incoming));
    }
    return tellingPlace(route, this.#commit(incoming));
  }

  /** The publication, if other services get it too. */
  #published(remote: RemoteRows, payload: unknown): Publication | undefined {
    return Publication.is(payload) && remote.publishes(payload) ? payload : undefined;
  }

  /** It is accepted with its turn if that goes well; else it is committed by itself. */
  #admit(incoming: Incoming): Promise<Acceptance> {
    const admission = new Admission(this.#services, incoming, () => this.#commit(incoming));
    incoming.to.admissions.take(admission);
    return admission.accepted;
  }

  /** It is committed to its mailbox, behind all that came before. Throws a `TooLargeError` if no commit can take it. */
  #commit(incoming: Incoming): Promise<Acceptance> {
    const pending = new AcceptCommit(this.#services, incoming);
    incoming.to.admissions.behind(() => this.#services.session.committer.submit(pending));
    return pending.accepted;
  }

  /** Whether a message is far from too large for a commit. */
  #isSmall({ value: { length } }: NewMessage): boolean {
    const { limits } = this.#services.session.traits;
    return length <= smallBytes && length * smallParts <= Math.min(limits.valueBytes, limits.bytes);
  }

  /** Refuses a message for which there is no room, unless it has been accepted before. */
  #refuse(to: DurableActivation, full: Fullness, route: Route, named: NamedMessage): Promise<Acceptance> {
    const refusal = new MailboxFullError(shownActor(to.protocol, to.key), full.held, full.bound, full.what);
    if (route.extras?.scope === undefined) throw refusal;
    return tellingPlace(route, acceptedBefore(named).then((first) => first ?? Promise.reject(refusal)));
  }
}
