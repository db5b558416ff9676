import type { ActorId } from "../language/address.ts";
import { LimitExceededError } from "../base/errors.ts";
import {
  type Acceptance,
  acceptedBefore,
  markOf,
  type NamedMessage,
} from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import { nameOfActor } from "../durable/rows/keys.ts";
import { nameOf, type Route } from "../messages/envelope.ts";
import { Remote as RemoteProtocol } from "../messages/remote_address.ts";
import { shownName } from "../messages/shown_name.ts";
import { isReplyAway, unsentReply } from "../messages/unsent_reply.ts";
import type { StoreBorder } from "./store_border.ts";
import type { OutboxDraft } from "./outbox.ts";
import { OutboxCommit } from "./outbox_commit.ts";
import type { Remote } from "./remote.ts";

/** Accepts messages to other services into the store: those from outside turns, and those of transient actors. */
export class DurableSending {
  readonly #remote: Remote;
  readonly #store: OpenStore;
  readonly #border: StoreBorder;

  constructor(remote: Remote, store: OpenStore, border: StoreBorder) {
    this.#remote = remote;
    this.#store = store;
    this.#border = border;
  }

  /**
   * Commits a message to the outbox. Resolves when it is there; throws, or rejects, if it is not. More messages of turns
   * may wait than others.
   */
  accept(
    to: ActorId,
    route: Route,
    payload: unknown,
    origin: "outside" | "turn",
    ticket?: string,
  ): Promise<Acceptance> {
    const { ids, options } = this.#remote.parts;
    const { session, writer, replies, committedDelivery } = this.#store;
    const { outbox, lanes } = this.#border;
    const { operation, extras } = route;
    const scope = extras?.scope;
    const id = ids.text(extras?.id ?? ids.next());
    const name = shownName(operation, to.key);
    const named: NamedMessage = {
      session,
      mark: markOf(session.traits, scope, nameOf(operation, to.key), id),
      payload,
      name,
      id,
    };
    session.committer.requireRoom(name);
    let draft: OutboxDraft;
    try {
      draft = outbox.draft(to, route, payload, id);
    } catch (error) {
      if (isReplyAway(to, operation)) {
        const failure = unsentReply(ids.text(route.causationId ?? id), error);
        this.accept(to, route.of(RemoteProtocol.refuse), failure, "turn").catch(this.#remote.parts.report);
      }
      throw error;
    }
    let over: () => void;
    try {
      over = lanes.arrive(name, draft.lane, draft.bytes, origin);
    } catch (error) {
      if (scope === undefined || !(error instanceof LimitExceededError)) throw error;
      return acceptedBefore(named).then((first) => first ?? Promise.reject(error));
    }
    // If its receiver answers later, nobody says so here.
    const laterMs = operation.mode === "submit" ? options.laterMs : 0;
    const deduplicationWindowMs = options.deduplicationWindowMs + laterMs;
    const services = { session, writer, committedDelivery, replies, deduplicationWindowMs };
    try {
      const receiver = nameOfActor(to);
      const place = extras?.after === undefined
        ? session.nextPosition()
        : session.positionBehind(extras.after);
      const commit = new OutboxCommit(services, {
        draft,
        place,
        named,
        scoped: scope !== undefined,
        receiver,
        ticket,
        over,
      });
      session.committer.submit(commit);
      return commit.accepted.then((acceptance) => {
        if (acceptance.place !== undefined) extras?.onAccepted?.(acceptance.place);
        return acceptance;
      });
    } catch (error) {
      over();
      throw error;
    }
  }
}
