import type { ActorId } from "../language/address.ts";
import { LimitExceededError } from "../base/errors.ts";
import { nameOf, type Route } from "../messages/envelope.ts";
import { shownName } from "../messages/shown_name.ts";
import type { AcceptanceServices } from "./activations/incoming.ts";
import { WriteSet } from "./commits/write_set.ts";
import { type Acceptance, acceptedBefore, markOf, type NamedMessage } from "./delivery/acceptance.ts";
import type { DelayedDraft, DelayedRows } from "./delivery/delayed_rows.ts";
import { MarkedCommit } from "./marked_commit.ts";

/** What accepting delayed messages needs. */
export interface DelayedServices extends AcceptanceServices {
  readonly delayed: DelayedRows;
  /** How long an answer may take that is given later. */
  readonly laterMs: number;
}

/**
 * Accepts delayed messages from outside, for durable actors and for other services: they wait in the store, and their
 * receivers are not loaded before they are due.
 */
export class DelayedAcceptor {
  readonly #services: DelayedServices;

  constructor(services: DelayedServices) {
    this.#services = services;
  }

  /** Commits a message. Resolves when the store has it; rejects with the reason if it has not. */
  async accept(to: ActorId, route: Route, payload: unknown, ticket?: string): Promise<Acceptance> {
    const { session, ids, delayed, writer } = this.#services;
    const { operation, extras } = route;
    const name = shownName(operation, to.key);
    const id = ids.text(extras?.id ?? ids.next());
    const named = {
      session,
      mark: markOf(session.traits, extras?.scope, nameOf(operation, to.key), id),
      payload,
      name,
      id,
    };
    session.committer.requireRoom(name);
    const outgoing = { to: { protocol: to.protocol, key: to.key }, route, payload, id };
    // What can never be sent to another service is refused now.
    const away = writer.remote?.takes(to) === true;
    if (away) writer.remote!.write(new WriteSet(), outgoing.to, route, payload, id);
    const repeats = operation.mode === "submit" && extras?.scope !== undefined;
    const draft = delayed.draft(outgoing, { mark: repeats ? named.mark : undefined });
    try {
      await delayed.reserve(name, draft.bytes);
    } catch (error) {
      const first = extras?.scope !== undefined && error instanceof LimitExceededError
        ? await acceptedBefore(named)
        : undefined;
      if (first === undefined) throw error;
      return first;
    }
    try {
      const commit = new DelayedCommit(this.#services, { route, named, draft, ticket, away });
      session.committer.submit(commit);
      return await commit.accepted;
    } finally {
      delayed.release(draft.bytes);
    }
  }
}

/** A delayed message that is to be accepted. */
interface IncomingDelayed {
  readonly route: Route;
  readonly named: NamedMessage;
  readonly draft: DelayedDraft;
  readonly ticket: string | undefined;
  /** Whether it goes to another service. */
  readonly away: boolean;
}

/** The commit of a delayed message. Its id is known, and its reply pending, for as long as if it were sent when it is due. */
class DelayedCommit extends MarkedCommit {
  readonly lane: string;
  readonly #services: DelayedServices;

  /** Throws a `TooLargeError` if no commit can take it. */
  constructor(services: DelayedServices, { route, named, draft, ticket, away }: IncomingDelayed) {
    const { delayMs } = route.extras!.delay!;
    const laterMs = away && route.operation.mode === "submit" ? services.laterMs : 0; // nobody will say so here
    super({
      named,
      scoped: route.extras?.scope !== undefined,
      ticket,
      place: undefined,
      windowMs: services.deduplicationWindowMs + delayMs + laterMs,
      unheard: "a delayed message landed unheard",
    });
    this.#services = services;
    this.lane = draft.key;
    if (ticket !== undefined) services.replies.open(this.part, ticket, draft.at, delayMs);
    draft.write(this.part);
    this.complete();
  }

  protected override land(version: string | undefined): void {
    const { session, committedDelivery } = this.#services;
    this.part.land(committedDelivery, version, session.nextReadEpoch());
  }

  protected override over(): void {}
}
