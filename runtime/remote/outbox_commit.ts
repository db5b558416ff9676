import type { NamedMessage } from "../durable/delivery/acceptance.ts";
import type { WritingServices } from "../durable/delivery/message_writer.ts";
import type { ReplyRows } from "../durable/delivery/reply_rows.ts";
import { MarkedCommit } from "../durable/marked_commit.ts";
import { outboxLanePrefix } from "../durable/rows/keys.ts";
import { positionToken } from "../durable/rows/queued_message.ts";
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

/** The commit of a message from outside a turn into the outbox. */
export class OutboxCommit extends MarkedCommit {
  readonly lane: string;
  readonly #services: OutboxCommitServices;
  readonly #incoming: OutboxIncoming;

  /** Throws a `TooLargeError` if no commit can take it. */
  constructor(services: OutboxCommitServices, incoming: OutboxIncoming) {
    const { draft, place, named, ticket, receiver, scoped } = incoming;
    super({
      named,
      scoped,
      ticket,
      place: positionToken(place),
      windowMs: services.deduplicationWindowMs,
      unheard: "a message for another service landed unheard",
    });
    this.#services = services;
    this.#incoming = incoming;
    this.lane = outboxLanePrefix(draft.lane) + receiver;
    if (ticket !== undefined) services.replies.open(this.part, ticket, draft.at);
    draft.write(this.part, place);
    this.complete();
  }

  protected override land(version: string | undefined): void {
    const { session, committedDelivery } = this.#services;
    this.part.land(committedDelivery, version, session.nextReadEpoch());
  }

  protected override over(): void {
    this.#incoming.over();
  }
}
