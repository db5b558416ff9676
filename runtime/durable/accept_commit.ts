import type { Fullness } from "../activations/overflow.ts";
import type { Committing } from "./activations/admissions.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { AcceptanceServices, Incoming } from "./activations/incoming.ts";
import { mailPrefix } from "./rows/keys.ts";
import { fromText } from "./rows/value_codec.ts";
import { positionToken, QueuedMessage } from "./rows/queued_message.ts";
import { MarkedCommit } from "./marked_commit.ts";

/** The commit of a message from outside into its mailbox. */
export class AcceptCommit extends MarkedCommit {
  readonly lane: string;
  readonly #services: AcceptanceServices;
  readonly #incoming: Incoming;
  /** Whether the message becomes a dead letter because its mailbox is full. */
  readonly #drops: boolean;
  /** The room of a publication in the outbox is free again. */
  readonly #leave: (() => void) | undefined;
  /** The asks that came later wait for it. */
  readonly #committing: Committing;

  /** Throws a `TooLargeError` if no commit can take it, and a `LimitExceededError` if the outbox has no room for it. */
  constructor(services: AcceptanceServices, incoming: Incoming) {
    const { writer } = services;
    const { to, route, published, named, draft, ticket, full } = incoming;
    super({
      named,
      scoped: route.extras?.scope !== undefined,
      ticket,
      place: positionToken(draft.place),
      windowMs: services.deduplicationWindowMs,
      unheard: "an acceptance landed unheard",
    });
    this.#services = services;
    this.#incoming = incoming;
    this.lane = mailPrefix(to);
    this.#drops = full !== undefined && to.host.actor.mailbox.overflow === "drop-newest";
    if (this.#drops) {
      const { text, head: { id } } = draft;
      const why = `it was evicted: the mailbox held ${full!.held} of ${full!.bound} ${full!.what}`;
      const dropped = { to, route, payload: fromText(text), id };
      writer.undelivered(this.part, dropped, { text, reason: "dropped", why });
    } else {
      writer.deliver(this.part, to, draft);
      if (published !== undefined) writer.publishAway(this.part, route, published, named.id);
    }
    this.complete();
    this.#leave = this.#drops || published === undefined ? undefined : writer.remote!.arrive(published);
    this.#committing = to.admissions.begin(draft.place);
    to.accepting++;
    to.mailbox.arrivingBytes += incoming.bytes;
  }

  /** The actor gets it, and evicts older messages if its mailbox is too full. */
  protected override land(version: string | undefined): void {
    const { committedDelivery } = this.#services;
    const { to, draft, epoch } = this.#incoming;
    const { overflow } = to.host.actor.mailbox;
    if (this.#drops) committedDelivery.accepted(to, QueuedMessage.committed(draft, version ?? ""));
    const { arrived } = to.mailbox;
    this.part.land(committedDelivery, version, epoch);
    if (!this.#drops && to.mailbox.arrived === arrived) to.mailbox.missed = true;
    if (overflow !== "drop-oldest") return;
    for (let full = overfullOf(to); full !== undefined && to.picker.evictOldest(full);) full = overfullOf(to);
  }

  /** It no longer counts as arriving. */
  protected override over(): void {
    const { to, bytes } = this.#incoming;
    this.#leave?.();
    to.accepting--;
    to.mailbox.arrivingBytes -= bytes;
  }

  protected override settled(error?: unknown): void {
    this.#incoming.to.admissions.settled(this.#committing, error);
  }
}

/** Which bound the mailbox is over. One message alone may have any size. */
function overfullOf({ waiting, mailbox, host }: DurableActivation): Fullness | undefined {
  const { capacity, bytes: bytesMax } = host.actor.mailbox;
  if (waiting > capacity) return { held: waiting, bound: capacity, what: "messages" };
  if (waiting <= 1) return undefined;
  const { bytes } = mailbox;
  return bytes > bytesMax ? { held: bytes, bound: bytesMax, what: "bytes" } : undefined;
}
