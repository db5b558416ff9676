import { CancelledError } from "../../base/cancelled_error.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { DurableTurn } from "./turn_writes.ts";

/** How many messages one read looks at. */
const pageMax = 100;

/**
 * The requests whose handlers are awaited in this process. Another process may take one back: then its message is gone, and
 * its turn cannot commit. This looks for that, so that the signal of its handler aborts early. It is a hint: the commit
 * checks the message.
 */
export class RunningRequests {
  readonly #session: StoreSession;
  readonly #turns = new Set<DurableTurn>();
  readonly #look = new SingleFlight(() => this.#lookAtAll());

  constructor(session: StoreSession) {
    this.#session = session;
  }

  /** The handler of a turn is awaited. */
  begin(turn: DurableTurn): void {
    if (turn.route.replyTo !== undefined && turn.mail.replyTarget === undefined) this.#turns.add(turn);
  }

  /** Its handler has settled. */
  end(turn: DurableTurn): void {
    this.#turns.delete(turn);
  }

  /** Another process has committed something: aborts the turns whose messages are gone. */
  look(): Promise<void> {
    return this.#look.wake();
  }

  async #lookAtAll(): Promise<void> {
    const listening = [...this.#turns].filter(({ mail, listens }) => listens && mail.key !== undefined);
    for (const turns of slicesOf(listening, pageMax)) {
      const mails = await this.#session.connection.read(turns.map(({ mail }) => mail.key!));
      for (const [index, turn] of turns.entries()) {
        if (mails[index] !== undefined || !this.#turns.has(turn)) continue;
        this.#session.probes?.reach("a running request was taken back elsewhere");
        turn.abort(new CancelledError(`${turn} was cancelled, or another process has handled it`));
      }
    }
  }
}
