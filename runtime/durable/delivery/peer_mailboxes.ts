import type { ActorId } from "../../language/address.ts";
import type { Fullness } from "../../activations/overflow.ts";
import { countMail } from "../rows/count_mail.ts";
import { nameOfActor } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";

/** How many messages, and how many bytes of them, may wait for one actor that another process hosts. */
export const peerCapacity = 10_000;
export const peerBytesMax = 67_108_864;
/** After so many messages of its own, or so many bytes of them, this process counts again. */
const countedAfter = 1_000;
const countedAfterBytes = 6_710_886;
/** After a count that found it full, messages are refused without another one for so long. */
const refusedMs = 100;
/** How many may wait for one count. */
const waitersMax = 1_000;
/** How many such actors this process knows; beyond that it forgets the one that it has known for longest. */
const mailboxesMax = 10_000;

/** A message that wants to enter a mailbox. One of both is called, in the order of the messages. */
export interface Entering {
  enter(): void;
  refuse(full: Fullness): void;
}

interface PeerMailbox {
  readonly actor: ActorId;
  /** What the last count found, and what this process has written since then. */
  messages: number;
  bytes: number;
  since: number;
  sinceBytes: number;
  counting: boolean;
  readonly waiting: Entering[];
  /** Until when it is known to be full, by the monotonic clock. */
  fullUntilMs: number;
}

/**
 * Bounds what waits in the store for actors that other processes host. Who handles the messages does not tell this
 * process, so it counts them in the store after each thousand that it has written itself, and before it refuses one.
 */
export class PeerMailboxes {
  readonly #session: StoreSession;
  /** In the order in which they became known. */
  readonly #mailboxes = new Map<string, PeerMailbox>();

  constructor(session: StoreSession) {
    this.#session = session;
  }

  /** How full a mailbox is, as far as this process knows; absent if there is room. */
  fullness(actor: ActorId): Fullness | undefined {
    const mailbox = this.#mailboxes.get(nameOfActor(actor));
    return mailbox && fullnessOf(mailbox);
  }

  /** A message was committed for an actor. */
  wrote(actor: ActorId, bytes: number): void {
    const mailbox = this.#mailboxOf(actor);
    mailbox.since++;
    mailbox.sinceBytes += bytes;
    if (mailbox.since >= countedAfter || mailbox.sinceBytes >= countedAfterBytes) this.#count(mailbox);
  }

  /** Lets a message enter, or refuses it after a count: at once, or behind those that wait for a count. */
  pass(actor: ActorId, entering: Entering): void {
    const mailbox = this.#mailboxes.get(nameOfActor(actor));
    const full = mailbox && fullnessOf(mailbox);
    if (mailbox === undefined || (full === undefined && mailbox.waiting.length === 0)) {
      return entering.enter();
    }
    const isKnown = this.#session.clock.monotonicMs() < mailbox.fullUntilMs;
    if (full !== undefined && (isKnown || mailbox.waiting.length >= waitersMax)) return entering.refuse(full);
    mailbox.waiting.push(entering);
    this.#count(mailbox);
  }

  #mailboxOf({ protocol, key }: ActorId): PeerMailbox {
    const actor = { protocol, key };
    const name = nameOfActor(actor);
    const found = this.#mailboxes.get(name);
    if (found !== undefined) return found;
    const made: PeerMailbox = {
      actor,
      messages: 0,
      bytes: 0,
      since: 0,
      sinceBytes: 0,
      counting: false,
      waiting: [],
      fullUntilMs: -Infinity,
    };
    this.#mailboxes.set(name, made);
    if (this.#mailboxes.size > mailboxesMax) this.#forgetOldest();
    return made;
  }

  /** One with messages that wait for a count stays, so that none overtakes them. */
  #forgetOldest(): void {
    for (const [name, { waiting }] of this.#mailboxes) {
      if (waiting.length === 0) return void this.#mailboxes.delete(name);
    }
  }

  #count(mailbox: PeerMailbox): void {
    if (mailbox.counting) return;
    mailbox.counting = true;
    countMail(this.#session.connection, mailbox.actor, { messages: peerCapacity, bytes: peerBytesMax }).then(
      (found) => this.#counted(mailbox, found),
      () => this.#counted(mailbox, nothing), // the store is away: the commits of those that wait find out
    );
  }

  #counted(mailbox: PeerMailbox, { messages, bytes }: { messages: number; bytes: number }): void {
    // What has landed meanwhile may be found already. To leave it out refuses nothing for which there is room.
    Object.assign(mailbox, { messages, bytes, since: 0, sinceBytes: 0, counting: false });
    if (fullnessOf(mailbox) !== undefined) {
      mailbox.fullUntilMs = this.#session.clock.monotonicMs() + refusedMs;
    }
    for (const entering of mailbox.waiting.splice(0)) {
      const full = fullnessOf(mailbox);
      if (full === undefined) entering.enter();
      else entering.refuse(full);
    }
  }
}

const nothing = { messages: 0, bytes: 0 };

function fullnessOf({ messages, bytes, since, sinceBytes }: PeerMailbox): Fullness | undefined {
  if (messages + since >= peerCapacity) {
    return { held: messages + since, bound: peerCapacity, what: "messages" };
  }
  if (bytes + sinceBytes < peerBytesMax) return undefined;
  return { held: bytes + sinceBytes, bound: peerBytesMax, what: "bytes" };
}
