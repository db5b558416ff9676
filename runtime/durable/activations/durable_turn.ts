import type { Route } from "../../messages/envelope.ts";
import { Turn } from "../../turns/turn.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { WriteSet } from "../commits/write_set.ts";
import type { DurableActor } from "./durable_actor.ts";

/** A turn of a durable actor. The runtime's own actors may write more than their state, and read rows. */
export class DurableTurn extends Turn {
  declare readonly actor: DurableActor;
  /** The first place of its message in the mailbox: no other message of the actor ever had it. */
  readonly place: string;
  /** Whether its message stays where it is, for another turn. */
  again = false;
  private ownRows: WriteSet | undefined = undefined;

  constructor(actor: DurableActor, route: Route, state: unknown, place: string) {
    super(actor, route, state);
    this.place = place;
  }

  /** What it writes with its commit, besides its state and messages. */
  get rows(): WriteSet {
    return this.ownRows ??= new WriteSet();
  }

  /** The store that its actor is in. */
  get session(): StoreSession {
    return this.actor.durable.session;
  }
}
