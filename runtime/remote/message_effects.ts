import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { guarded } from "../base/guarded.ts";
import { codeOf } from "../base/thrown.ts";
import { endAt } from "../base/times.ts";
import type { Address } from "../language/address.ts";
import { Publication } from "../messages/builtin_protocols.ts";
import { Route } from "../messages/envelope.ts";
import type { Entry } from "../ports/store.ts";
import { retryWindowMs } from "../durable/activations/incoming.ts";
import { WriteSet } from "../durable/commits/write_set.ts";
import { writeMark } from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import { positionToken } from "../durable/rows/queued_message.ts";
import { toText } from "../durable/rows/value_codec.ts";
import type { BatchPart } from "./batch_part.ts";
import { keptBody } from "./decode_body.ts";
import { CancelIntake, type CancelMeaning, type LeftOfRequest } from "./cancel_intake.ts";
import type { Meaning } from "./meaning.ts";
import { isKnown } from "./message_mark.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { outcomeUnknown, type RemoteAsks } from "./remote_asks.ts";
import { answered, type Lateness, ReplyIntake, waitingKey } from "./reply_intake.ts";

/** A message of a batch, what it asks for, and the key of its mark. */
export interface Arrival {
  readonly message: ReceivedMessage;
  readonly meaning: Meaning;
  readonly mark: string | undefined;
  /** Whether its turn is over, if its receiver lives in memory. */
  ran: boolean;
  /**
   * How much of it is kept, after the store has refused more: 0 all of it, 1 a dead letter with some of its body, 2 one
   * without its body, 3 nothing but its mark.
   */
  shrunk: number;
  /** What is left of the request that it takes back. */
  left: LeftOfRequest;
}

/** What is needed to accept messages. */
export interface EffectParts {
  readonly store: OpenStore;
  readonly clock: Clock;
  readonly deduplicationWindowMs: number;
  readonly asks: RemoteAsks;
  /** The key of the later in memory of a request that is answered later, by its id and where its reply goes. */
  laterOf(requestId: string, replyTo: Address): Promise<string | undefined>;
  /** Finds the functions in this process that a survey asks. The result asks them. */
  respondents(meaning: Meaning & { readonly kind: "message" }): { readonly count: number; ask(): void };
}

/** How much of a body that no commit takes is kept: one part of a commit, divided by this. */
const keptParts = 16;
const shrunkMax = 3;

/** What each message of a batch adds to the commit that accepts it. */
export class MessageEffects {
  readonly replies: ReplyIntake;
  readonly cancels: CancelIntake;
  readonly #parts: EffectParts;

  constructor(parts: EffectParts) {
    this.#parts = parts;
    this.replies = new ReplyIntake(parts.store);
    this.cancels = new CancelIntake(parts.store, (id, replyTo) => parts.laterOf(id, replyTo));
  }

  /**
   * What a message does, with its mark; `before` is the mark that it replaces. What no commit takes, and what no rule
   * foresees, is a dead letter: no message stops those behind it.
   */
  of(
    arrival: Arrival,
    part: BatchPart,
    rows: ReadonlyMap<string, Entry>,
    before: Entry | undefined,
  ): WriteSet {
    for (; arrival.shrunk < shrunkMax; arrival.shrunk++) {
      const one = arrival.shrunk === 0
        ? this.#safely(arrival, part, rows)
        : this.#tooLarge(arrival, part, rows);
      if (part.takesAlone(this.#marked(one, arrival, before))) return one;
    }
    return this.#marked(new WriteSet(), arrival, before);
  }

  /** The store refused what a message does, although its limits allow it: less is kept of it. Returns whether less can be. */
  shrink(arrival: Arrival): boolean {
    return ++arrival.shrunk <= shrunkMax;
  }

  /** An ask was started before. */
  refuseRepeat(writeSet: WriteSet, { message }: Arrival): void {
    writeSet.after(() => this.#parts.asks.refuse(message, outcomeUnknown));
  }

  #safely(arrival: Arrival, part: BatchPart, rows: ReadonlyMap<string, Entry>): WriteSet {
    try {
      return this.#effectOf(arrival, part, rows);
    } catch (error) {
      const reason = codeOf(error, "failed");
      const why = messageOf(error);
      const { message, meaning } = arrival;
      const one = new WriteSet();
      if (meaning.kind === "reply") {
        this.replies.refuse(one, message, meaning.name, { reply: undefined }, { reason, why });
      } else if (meaning.kind === "message" || meaning.kind === "refused") {
        const { to, route: { operation, causationId, correlationId } } = meaning;
        const extras = { id: message.id, headers: message.headers };
        const route = new Route(operation, causationId, correlationId, undefined, undefined, extras);
        const outgoing = { to, route, payload: undefined, id: message.id };
        this.#parts.store.writer.undelivered(one, outgoing, { text: "", reason, why });
      }
      return one;
    }
  }

  #effectOf(
    { message, meaning, mark, ran, left }: Arrival,
    part: BatchPart,
    rows: ReadonlyMap<string, Entry>,
  ): WriteSet {
    const { store: { writer }, asks } = this.#parts;
    const one = new WriteSet();
    if (meaning.kind === "message") {
      if (!ran) this.#deliver(one, meaning, message.id, mark);
    } else if (meaning.kind === "reply") {
      const { name, outcome } = meaning;
      const late = this.#answer(one, message, meaning, part, rows);
      if (late !== undefined) this.replies.refuse(one, message, name, outcome, late);
    } else if (meaning.kind === "cancel") {
      this.#cancel(one, message, meaning, rows.get(meaning.request), left);
    } else if (meaning.kind === "refused") {
      const { to, route, kept: payload, fault, asked } = meaning;
      if (asked) one.after(() => asks.refuse(message, fault));
      else {
        const unsent = { text: textOf(payload), reason: fault.code, why: fault.message };
        writer.undelivered(one, { to, route, payload, id: message.id }, unsent);
      }
    } else if (meaning.kind === "ask") {
      const { delivery: { again }, givenId } = message;
      if (again && givenId === undefined) one.after(() => asks.refuse(message, outcomeUnknown));
      else one.after(() => asks.run(message, meaning));
    }
    return one;
  }

  #cancel(
    one: WriteSet,
    message: ReceivedMessage,
    meaning: CancelMeaning,
    mark: Entry | undefined,
    left: LeftOfRequest,
  ): void {
    const { store: { session }, clock, deduplicationWindowMs } = this.#parts;
    const known = isKnown(session, mark);
    const untilMs = endAt(clock.now() + deduplicationWindowMs);
    this.cancels.take(one, message, meaning, { mark, known, left, untilMs });
  }

  #deliver(
    one: WriteSet,
    meaning: Meaning & { readonly kind: "message" },
    id: string,
    mark: string | undefined,
  ): void {
    const { store: { writer } } = this.#parts;
    const { to, route, payload } = meaning;
    const outgoing = { to, route, payload, id };
    try {
      const surveys = Publication.is(payload) && route.replyTo !== undefined;
      const respondents = surveys ? this.#parts.respondents(meaning) : undefined;
      if (surveys) payload.asked = respondents!.count; // its topic tells the asker one number
      writer.deliver(one, to, writer.draft(outgoing, undefined, mark));
      if (respondents !== undefined) one.after(() => respondents.ask());
    } catch (error) { // it is no data that a store keeps
      writer.undelivered(one, outgoing, { text: "", reason: codeOf(error, "failed"), why: messageOf(error) });
    }
  }

  /** Gives a reply to who waits for it. Returns why nobody takes it. */
  #answer(
    one: WriteSet,
    message: ReceivedMessage,
    { name, outcome }: Meaning & { readonly kind: "reply" },
    part: BatchPart,
    rows: ReadonlyMap<string, Entry>,
  ): Lateness | undefined {
    const key = waitingKey(name);
    if (part.changed.has(key)) return answered;
    return this.replies.take(one, message, name, outcome, rows.get(key));
  }

  /** What a message does that no commit takes: who asked is told, and a dead letter keeps some of its body. */
  #tooLarge(
    { message, meaning, shrunk }: Arrival,
    part: BatchPart,
    rows: ReadonlyMap<string, Entry>,
  ): WriteSet {
    const { store: { writer, session }, asks } = this.#parts;
    const { id, delivery } = message;
    const { length } = delivery.body;
    const why = `it takes ${length} bytes, which is more than the store commits at once`;
    const fault = { code: "too-large", message: why };
    const one = new WriteSet();
    if (meaning.kind === "ask") one.after(() => asks.refuse(message, fault));
    else if (meaning.kind === "message" || meaning.kind === "refused") {
      const { to, route } = meaning;
      const bytes = shrunk === 1 ? Math.min(length, Math.floor(session.traits.limits.bytes / keptParts)) : 0;
      const payload = keptBody({ ...delivery, body: delivery.body.slice(0, bytes) });
      const unsent = { text: textOf(payload), reason: fault.code, why };
      writer.undelivered(one, { to, route, payload, id }, unsent);
    } else if (meaning.kind === "reply") {
      const failed: Meaning = { ...meaning, outcome: { failure: { id, ...fault } } };
      const late = this.#answer(one, message, failed, part, rows);
      if (late !== undefined) this.replies.refuse(one, message, meaning.name, { reply: undefined }, late);
    }
    return one;
  }

  #marked(one: WriteSet, { message, meaning, mark }: Arrival, before: Entry | undefined): WriteSet {
    if (mark === undefined) return one;
    const { store: { session }, clock, deduplicationWindowMs } = this.#parts;
    const place = one.arrivals.at(-1)?.draft.place ?? session.nextPosition();
    const windowMs = meaning.kind === "ask" // a stranger may give it any deadline
      ? Math.min(
        meaning.deadlineMs - clock.now() + retryWindowMs,
        Math.max(deduplicationWindowMs, retryWindowMs),
      )
      : deduplicationWindowMs;
    const untilMs = endAt(clock.now() + windowMs);
    const submitted = meaning.kind === "message" && meaning.route.operation.mode === "submit";
    const mail = submitted ? one.arrivals.at(-1)?.draft.key : undefined;
    const head = { token: message.id, fingerprint: "", untilMs, place: positionToken(place), mail };
    writeMark(one, mark, head, before);
    return one;
  }
}

function textOf(kept: unknown): string {
  return guarded(() => toText(kept), ""); // what is no data is not kept
}
