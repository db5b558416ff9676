import { MailboxFullError } from "../base/errors.ts";
import { isOfStore } from "../base/store_errors.ts";
import type { ActorId } from "../language/address.ts";
import type { Fullness } from "../activations/overflow.ts";
import { Reply } from "../messages/builtin_protocols.ts";
import { isReplyTarget, nameOf, Route } from "../messages/envelope.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import type { AcceptanceServices } from "./activations/incoming.ts";
import {
  type Acceptance,
  acceptedBefore,
  markOf,
  type NamedMessage,
  tellingPlace,
} from "./delivery/acceptance.ts";
import { commitKnown } from "./commits/commit_one.ts";
import { WriteSet } from "./commits/write_set.ts";
import type { Cancellations } from "./delivery/cancellations.ts";
import { PeerReplies } from "./delivery/peer_replies.ts";
import { MarkedCommit } from "./marked_commit.ts";
import { mailPrefix } from "./rows/keys.ts";
import { type NewMessage, positionToken, QueuedMessage } from "./rows/queued_message.ts";

/**
 * Accepts messages from outside for actors that other processes host: each is committed to its mailbox, and its actor is
 * put into the unassigned index, so a process that hosts it claims it. An ask is accepted in the same way, since nobody
 * here can run its actor; its reply comes as a row (`PeerReplies`).
 */
export class PeerAcceptor {
  /** The replies that asks of this process wait for. */
  readonly replies: PeerReplies;
  readonly #services: AcceptanceServices;
  readonly #cancellations: Cancellations;

  constructor(services: AcceptanceServices, cancellations: Cancellations) {
    this.#services = services;
    this.#cancellations = cancellations;
    this.replies = new PeerReplies(services.session, services.ids);
  }

  /** Resolves when the message is committed. Throws or rejects as `Acceptor.accept` does. */
  accept(to: ActorId, route: Route, payload: unknown, ticket?: string): Promise<Acceptance> {
    const { replyTo } = route;
    if (!isReplyTarget(replyTo)) return this.#send(to, route, payload, ticket).accepted;
    if (replyTo.over) return Promise.resolve({ repeated: false, ticket: undefined, place: undefined });
    const key = this.replies.expect(replyTo, route.operation, nameOf(route.operation, to.key));
    const forget = (error: unknown) => {
      this.replies.forget(key);
      throw error;
    };
    try {
      const { mail, accepted } = this.#send(to, withAddresses(route, key), payload, undefined);
      this.replies.sent(key, () => void this.#takeBack(to, mail, accepted));
      return accepted.catch(forget);
    } catch (error) {
      return forget(error);
    }
  }

  #send(to: ActorId, route: Route, payload: unknown, ticket: string | undefined): SentToPeer {
    const { session, writer, ids } = this.#services;
    const { extras, operation } = route;
    const id = ids.text(extras?.id ?? ids.next());
    const name = shownName(operation, to.key);
    const mark = markOf(session.traits, extras?.scope, nameOf(operation, to.key), id);
    const named: NamedMessage = { session, mark, payload, name, id };
    session.committer.requireRoom(name);
    const place = extras?.after === undefined ? undefined : session.positionBehind(extras.after);
    const repeats = extras?.scope === undefined ? undefined : mark;
    const draft = writer.draft({ to, route, payload, id }, place, repeats);
    const commit = new PeerCommit(this.#services, { to, route, named, draft, ticket });
    const accepted = new Promise<Acceptance>((resolve) =>
      writer.peerMailboxes.pass(to, {
        enter: () => {
          session.committer.submit(commit);
          resolve(commit.accepted);
        },
        refuse: (full) => resolve(refused(to, full, route, named)),
      })
    );
    return { mail: draft.key, accepted: tellingPlace(route, accepted) };
  }

  /**
   * Takes back an ask that waits in its mailbox, or runs: then its turn cannot commit. If the store does not say so, its
   * deadline ends it.
   */
  async #takeBack(to: ActorId, key: string, accepted: Promise<Acceptance>): Promise<void> {
    const { session, committedDelivery } = this.#services;
    try {
      if (await accepted.then(() => false, () => true)) return; // it was not sent
      const [mail] = await session.connection.read([key]);
      if (mail === undefined) return;
      const writeSet = new WriteSet();
      this.#cancellations.takeOut(writeSet, to, QueuedMessage.of(mail, mailPrefix(to)));
      writeSet.rings = true; // so that a process which runs it looks
      const version = await commitKnown(session, writeSet);
      if (version !== undefined) writeSet.land(committedDelivery, version, session.nextReadEpoch());
    } catch (error) {
      if (!isOfStore(error)) session.onUnreadable(key, error);
    }
  }
}

/** The route of an ask whose reply is to come as a row. As for an actor that is hosted here, its id is looked up nowhere. */
function withAddresses(route: Route, key: string): Route {
  const { operation, causationId, correlationId, deadline, extras } = route;
  const { protocol } = Reply.arrive;
  const failTo = { protocol, key, operation: Reply.refuse.name };
  const replyTo = { protocol, key, operation: Reply.arrive.name };
  return new Route(operation, causationId, correlationId, replyTo, deadline, {
    ...extras,
    failTo,
    scope: undefined,
  });
}

/** Refuses a message for which there is no room, unless it has been accepted before. */
async function refused(to: ActorId, full: Fullness, route: Route, named: NamedMessage): Promise<Acceptance> {
  const first = route.extras?.scope === undefined ? undefined : await acceptedBefore(named);
  if (first !== undefined) return first;
  throw new MailboxFullError(shownActor(to.protocol, to.key), full.held, full.bound, full.what);
}

/** The key of a message for a peer, and whether it is accepted. */
interface SentToPeer {
  readonly mail: string;
  readonly accepted: Promise<Acceptance>;
}

/** A message for a peer that is to be accepted. */
interface PeerMessage {
  readonly to: ActorId;
  readonly route: Route;
  readonly named: NamedMessage;
  readonly draft: NewMessage;
  readonly ticket: string | undefined;
}

/** The commit of a message from outside into the mailbox of an actor that another process hosts. */
class PeerCommit extends MarkedCommit {
  readonly lane: string;
  readonly #services: AcceptanceServices;

  /** Throws a `TooLargeError` if no commit can take it. */
  constructor(services: AcceptanceServices, { to, route, named, draft, ticket }: PeerMessage) {
    super({
      named,
      scoped: route.extras?.scope !== undefined,
      ticket,
      place: positionToken(draft.place),
      windowMs: services.deduplicationWindowMs,
      unheard: "an acceptance landed unheard",
    });
    this.#services = services;
    this.lane = mailPrefix(to);
    services.writer.deliver(this.part, to, draft);
    this.complete();
  }

  protected override land(version: string | undefined): void {
    this.part.land(this.#services.committedDelivery, version, 0);
  }

  protected override over(): void {} // nothing counts it while it is under way
}
