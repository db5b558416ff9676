import type { ActorId } from "../language/address.ts";
import { type Asker, isAsker, type MessageId, nameOf, type Route } from "../messages/envelope.ts";
import { MailboxFullError } from "../base/errors.ts";
import type { Ids } from "../messages/ids.ts";
import { Publication } from "../messages/modes.ts";
import type { Fullness } from "../activations/overflow.ts";
import { shownActor, shownName } from "../messages/shown_name.ts";
import { TooLargeError } from "../base/store_errors.ts";
import { requireFits, weigh } from "../ports/store_weight.ts";
import { endAt } from "../base/times.ts";
import {
  type Acceptance,
  AcceptCommission,
  acceptedBefore,
  type Named,
} from "./delivery/accept_commission.ts";
import { Admission } from "./activations/admission.ts";
import type { Admissions } from "./activations/admissions.ts";
import { type Dispatch, storable } from "./delivery/dispatch.ts";
import type { DurableMailbox } from "./activations/durable_mailbox.ts";
import { Effects, type Landing } from "./commits/effects.ts";
import { encodeName, mailPrefix, markKey } from "./rows/keys.ts";
import type { Ledger } from "./commits/ledger.ts";
import { headOf, Mail, type MailDraft, publicPlace } from "./rows/mail.ts";
import type { Replies } from "./delivery/replies.ts";

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

/** Who takes a message in. */
export interface Accepting extends ActorId {
  readonly home: {
    readonly actor: {
      readonly mailbox: {
        readonly capacity: number;
        readonly bytes: number;
        readonly overflow: "reject" | "drop-oldest" | "drop-newest";
      };
    };
  };
  readonly waiting: number;
  readonly mailbox: Pick<DurableMailbox, "bytes" | "takeBytes" | "arrivingBytes" | "arrived" | "missed">;
  /** How many messages from outside are on their way into its mailbox. */
  accepting: number;
  /** Those that come with their turns. */
  readonly admissions: Pick<Admissions, "takes" | "take" | "behind">;
  /** What another instance wrote may be for it. */
  look(): unknown;
  ask(mail: Mail): void;
  /** The oldest that waits gives way. Returns whether there was one. */
  displace(): boolean;
}

function fullOfMessages({ waiting: held, home }: Accepting): Fullness | undefined {
  const { capacity: bound } = home.actor.mailbox;
  return held >= bound ? { held, bound, what: "messages" } : undefined;
}

/** Takes in the bytes of a message, unless that are too many. */
function fullOfBytes({ mailbox, home }: Accepting, bytes: number): Fullness | undefined {
  const { bytes: bound } = home.actor.mailbox;
  const held = mailbox.takeBytes(bytes, bound);
  return held === undefined ? undefined : { held, bound, what: "bytes" };
}

/** A message from outside that is to be taken in. */
interface Incoming {
  readonly to: Accepting;
  readonly route: Route;
  readonly named: Named;
  readonly draft: MailDraft;
  readonly ticket: string | undefined;
  /** Before which moment a list must have begun that need not have it; 0 where its place is the next. */
  readonly moment: number;
  readonly bytes: number;
  /** How full its mailbox is; absent where there is room. */
  readonly full: Fullness | undefined;
}

export interface AcceptorParts {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly replies: Replies;
  readonly ids: Ids;
  readonly deduplicationWindowMs: number;
  /** Takes in what commits bring to this process. */
  readonly landing: Landing;
}

/** Takes messages in from outside: each is committed to its mailbox, once for each name within its window. */
export class Acceptor {
  readonly #parts: AcceptorParts;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
  }

  /** Throws, or rejects with, what stands in the way. */
  accept(to: Accepting, route: Route, payload: unknown, { ticket }: AcceptParts): Promise<Acceptance> {
    const { ledger, dispatch, ids, landing } = this.#parts;
    const { rarities, replyTo, operation } = route;
    const id = ids.text(rarities?.id ?? ids.next());
    const name = shownName(operation, to.key);
    const sent = Publication.is(payload) ? storable(payload) : payload;
    const mark = isAsker(replyTo) ? undefined : this.#markOf(rarities?.scope, nameOf(operation, to.key), id);
    const named = { ledger, mark, payload: sent, name, id };
    const { overflow } = to.home.actor.mailbox;
    const refuses = overflow === "reject" || isAsker(replyTo);
    const crowded = fullOfMessages(to);
    if (crowded !== undefined && refuses) return this.#refuse(to, crowded, route, named); // before it costs anything
    if (!isAsker(replyTo)) ledger.committer.requireRoom(name); // an ask is not committed
    const place = rarities?.after === undefined || ledger.probes?.without("behind-its-place")
      ? undefined
      : ledger.placeBehind(rarities.after);
    // What was written before this moment is in every list that begins later.
    const moment = place === undefined ? 0 : ledger.nextMoment();
    const draft = isAsker(replyTo) ? undefined : dispatch.draft(to, route, payload, id, place);
    const bytes = draft === undefined ? rarities?.bytes ?? 0 : draft.value.length; // an ask is nowhere but here
    const full = crowded ?? fullOfBytes(to, bytes);
    if (full !== undefined && refuses) return this.#refuse(to, full, route, named);
    if (draft === undefined) {
      const head = headOf(route, id, ledger.instance, (id: MessageId) => ids.text(id));
      if (moment > 0) to.look();
      const mail = Mail.ask(head, place ?? ledger.nextPlace(), payload, replyTo as Asker, bytes);
      landing.accepted(to, mail);
      to.ask(mail);
      return Promise.resolve({ repeated: false, ticket: undefined, place: undefined });
    }
    const incoming: Incoming = { to, route, named, draft, ticket, moment, bytes, full };
    const isUsual = full === undefined && refuses && rarities?.scope === undefined && moment === 0;
    if (isUsual && this.#isSmall(draft) && to.admissions.takes(operation)) {
      return this.#told(route, this.#admit(incoming));
    }
    return this.#told(route, this.#commit(incoming));
  }

  /** It is accepted with its turn, where that goes well. */
  #admit(incoming: Incoming): Promise<Acceptance> {
    const { ledger, replies, dispatch } = this.#parts;
    const { to, named: { mark: key, name }, draft, ticket } = incoming;
    const place = publicPlace(draft.place);
    const untilMs = endAt(ledger.clock.now() + retryWindowMs);
    const mark = key === undefined ? undefined : { key, head: { fingerprint: "", untilMs, ticket, place } };
    const deliver = (effects: Effects) => dispatch.deliver(effects, to, draft);
    const commit = () => this.#commit(incoming);
    const admission = new Admission({ ledger, replies, draft, name, mark, ticket, place, deliver, commit });
    to.admissions.take(admission);
    return admission.accepted;
  }

  /** It is committed to its mailbox, behind all that came before. Throws where no commit can take it. */
  #commit({ to, route, named, draft, ticket, moment, bytes, full }: Incoming): Promise<Acceptance> {
    const { ledger, dispatch, replies, deduplicationWindowMs, landing } = this.#parts;
    const { capacity, bytes: bytesMax, overflow } = to.home.actor.mailbox;
    const scope = route.rarities?.scope;
    const effects = new Effects();
    if (ticket !== undefined) replies.open(effects, ticket);
    const drops = full !== undefined && overflow === "drop-newest";
    if (drops) dispatch.drop(effects, to, route, draft, full);
    else dispatch.deliver(effects, to, draft);
    let over = false;
    const commission = new AcceptCommission({
      ...named,
      effects,
      lane: ledger.probes?.without("lane") ? undefined : mailPrefix(to),
      windowMs: scope === undefined ? retryWindowMs : deduplicationWindowMs,
      named: scope !== undefined,
      ticket,
      place: publicPlace(draft.place),
      onCommitted: (version) => {
        if (drops) landing.accepted(to, Mail.committed(draft, version ?? ""));
        const { arrived } = to.mailbox;
        effects.land(landing, version, moment);
        if (!drops && to.mailbox.arrived === arrived) to.mailbox.missed = true;
        if (overflow !== "drop-oldest") return;
        while (to.waiting > capacity && to.displace());
        while (to.waiting > 1 && to.mailbox.bytes > bytesMax && to.displace());
      },
      onOver: () => {
        if (over) return;
        over = true;
        to.accepting--;
        to.mailbox.arrivingBytes -= bytes;
      },
    });
    const weight = weigh(commission.part, ledger.traits.limits);
    if (!ledger.probes?.without("never-fits")) requireFits(named.name, weight, ledger.traits.limits);
    to.accepting++;
    to.mailbox.arrivingBytes += bytes;
    to.admissions.behind(() => ledger.committer.submit(commission, weight));
    return commission.accepted;
  }

  /** Whether it is far from what no commit takes. */
  #isSmall({ value: { length } }: MailDraft): boolean {
    const { limits } = this.#parts.ledger.traits;
    return length <= smallBytes && length * smallParts <= Math.min(limits.valueBytes, limits.bytes);
  }

  /** There is no room for it; unless it has been accepted before. */
  #refuse(to: Accepting, full: Fullness, route: Route, named: Named): Promise<Acceptance> {
    const refusal = new MailboxFullError(shownActor(to.protocol, to.key), full.held, full.bound, full.what);
    if (route.rarities?.scope === undefined) throw refusal;
    return this.#told(route, acceptedBefore(named).then((first) => first ?? Promise.reject(refusal)));
  }

  /** Tells who asked for it where the message is. */
  #told({ rarities }: Route, accepted: Promise<Acceptance>): Promise<Acceptance> {
    const onAccepted = rarities?.onAccepted;
    if (onAccepted === undefined) return accepted;
    return accepted.then((acceptance) => {
      if (acceptance.place !== undefined) onAccepted(acceptance.place);
      return acceptance;
    });
  }

  /** The key of a message's mark: where it has a name of its own, or its commit may be tried again. */
  #markOf(scope: string | undefined, name: string, id: string): string | undefined {
    const { limits, unknownOutcomes } = this.#parts.ledger.traits;
    if (scope === undefined) return unknownOutcomes ? markKey(`\n${id}`) : undefined;
    const key = markKey(`${encodeName(scope)}\n${name}\n${id}`);
    const bytes = new TextEncoder().encode(key).length;
    if (bytes > limits.keyBytes) throw new TooLargeError(name, "bytes of a key", bytes, limits.keyBytes);
    return key;
  }
}
