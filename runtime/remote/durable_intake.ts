import type { Clock } from "../base/clock.ts";
import { MailboxFullError, messageOf, PosthornError } from "../base/errors.ts";
import { slicesOf } from "../base/slices_of.ts";
import { isOfStore } from "../base/store_errors.ts";
import { codeOf } from "../base/thrown.ts";
import { endAt } from "../base/times.ts";
import type { ActorId } from "../language/address.ts";
import { Route } from "../messages/envelope.ts";
import { Publication } from "../messages/builtin_protocols.ts";
import { shownActor } from "../messages/shown_name.ts";
import type { Channel, Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import type { Entry } from "../ports/store.ts";
import { turnRoom } from "../activations/memory_host.ts";
import { type AcceptanceMark, writeMark } from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import { WriteSet } from "../durable/commits/write_set.ts";
import { retryWindowMs } from "../durable/activations/incoming.ts";
import { positionToken } from "../durable/rows/queued_message.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import { toText } from "../durable/rows/value_codec.ts";
import { BatchPart, type Room } from "./batch_part.ts";
import { keptBody } from "./decode_body.ts";
import type { Meaning } from "./meaning.ts";
import { comesOnce, messageMark } from "./message_mark.ts";
import { Patience } from "./patience.ts";
import { outcomeUnknown, type RemoteAsks } from "./remote_asks.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { type Lateness, ReplyIntake, waitingKey } from "./reply_intake.ts";
import { SourceCommit } from "./source_commit.ts";
import { channelName, SourceTenure } from "./source_row.ts";
import type { TransientRuns } from "./transient_runs.ts";

/** How many rows one read looks at, and how often a part is built anew for one batch. */
const readMax = 100;
const roundsMax = 1_000;

/** What a durable intake needs, besides the store. */
export interface DurableIntakeParts {
  readonly store: OpenStore;
  readonly clock: Clock;
  readonly deduplicationWindowMs: number;
  readonly reads: "queue" | "log";
  readonly runs: TransientRuns;
  readonly asks: RemoteAsks;
  /** Is aborted when the system stops. */
  readonly stopping: AbortSignal;
  read(delivery: Delivery, tenure: Tenure): ReceivedMessage;
  meaningOf(message: ReceivedMessage): Meaning;
  /** Functions in this process answer a survey. */
  askRespondents(meaning: Meaning & { readonly kind: "message" }): void;
}

/** A message of a batch, what it asks for, and the key of its mark. */
interface Arrival {
  readonly message: ReceivedMessage;
  readonly meaning: Meaning;
  readonly mark: string | undefined;
  /** Whether its turn is over, if its receiver lives in memory. */
  ran: boolean;
}

/** Why a part ends before the batch does. */
type Stop = { readonly why: "full"; readonly to: ActorId } | { readonly why: "transient" } | undefined;

/**
 * Accepts what comes to a channel into the store: each batch in one commit, or in a few if the store's limits divide it.
 * The commit has the messages, the marks by which their repeats are recognised, and the row of the shard.
 */
export class DurableIntake implements Receiver {
  readonly #channel: Channel;
  readonly #parts: DurableIntakeParts;
  readonly #replies: ReplyIntake;
  readonly #tenures = new WeakMap<Tenure, SourceTenure>();

  constructor(channel: Channel, parts: DurableIntakeParts) {
    this.#channel = channel;
    this.#parts = parts;
    this.#replies = new ReplyIntake(parts.store);
  }

  async begin(tenure: Tenure): Promise<number | undefined> {
    const source = await SourceTenure.begin(this.#parts.store.session, this.#channel, tenure);
    this.#tenures.set(tenure, source);
    return source.position;
  }

  /** All of a batch is accepted: also what will not be handled, as dead letters. */
  async take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    const { clock, stopping } = this.#parts;
    const source = this.#tenures.get(tenure);
    if (source === undefined) {
      throw new PosthornError("failed", `Cannot accept from ${tenure.shard}: no tenure began`);
    }
    const patience = new Patience(clock, tenure, stopping);
    let rest = batch.filter(({ position }) => source.isNew(position)).map((delivery) =>
      this.#arrival(delivery, tenure)
    );
    let looks = source.isFirst || batch.some(({ again }) => again);
    source.isFirst = false;
    for (let round = 0; rest.length > 0; round++) {
      patience.requireTenure();
      const rows = await this.#rowsOf(rest, looks, patience);
      const part = new BatchPart(source, this.#parts.store.session.traits.limits);
      const stop = this.#compose(part, rest, rows);
      if (part.taken === 0) {
        if (stop?.why === "transient") await this.#run(rest, rows, patience);
        else if (stop?.why === "full") await patience.wait(() => this.#full(stop.to));
        continue;
      }
      const failure = await this.#commit(part, source, rest[part.taken - 1].message.delivery.position);
      if (failure === undefined) {
        rest = rest.slice(part.taken);
        patience.advanced();
        continue;
      }
      looks = true; // a mark or a row of a message was the cause, or the store
      if (round >= roundsMax) {
        throw new PosthornError("failed", `Cannot accept from ${tenure.shard}: ${round} commits were stale`);
      }
      if (failure !== "stale") await patience.wait(() => failure);
      await this.#requireSame(source, tenure, patience);
    }
    return [];
  }

  #arrival(delivery: Delivery, tenure: Tenure): Arrival {
    const message = this.#parts.read(delivery, tenure);
    const meaning = this.#parts.meaningOf(message);
    const mark = comesOnce(meaning, tenure, this.#parts.reads)
      ? undefined
      : messageMark(message, this.#channel);
    return { message, meaning, mark, ran: false };
  }

  /** The rows that decide what a part does: marks if repeats may be among the messages, and what waits for replies. */
  async #rowsOf(
    arrivals: readonly Arrival[],
    looks: boolean,
    patience: Patience,
  ): Promise<ReadonlyMap<string, Entry>> {
    const { connection } = this.#parts.store.session;
    const keys = new Set<string>();
    for (const { meaning, mark } of arrivals) {
      if (meaning.kind === "reply") keys.add(waitingKey(meaning.name));
      if (mark !== undefined && (looks || meaning.kind === "reply")) keys.add(mark);
    }
    const rows = new Map<string, Entry>();
    for (const some of slicesOf([...keys], readMax)) {
      for (const row of await this.#available(() => connection.read(some), patience)) {
        if (row !== undefined) rows.set(row.key, row);
      }
    }
    return rows;
  }

  /** Puts the first messages into a part: as many as it takes, and as have room in their mailboxes. */
  #compose(part: BatchPart, arrivals: readonly Arrival[], rows: ReadonlyMap<string, Entry>): Stop {
    for (const arrival of arrivals) {
      const { message: { delivery: { position } }, meaning, mark } = arrival;
      const before = mark === undefined ? undefined : rows.get(mark);
      const repeated = mark !== undefined && (part.changed.has(mark) || this.#isKnown(before));
      if (repeated || meaning.kind === "ignored") {
        if (repeated && meaning.kind === "ask") this.#refuseRepeat(part, arrival);
        part.pass(position);
        continue;
      }
      const stop = this.#obstacleTo(arrival, part, rows);
      if (stop !== undefined) return stop;
      const one = this.#safeEffectOf(arrival, part, rows);
      this.#mark(one, arrival, before);
      if (!part.takesAlone(one)) {
        const smaller = this.#tooLarge(arrival);
        this.#mark(smaller, arrival, before);
        if (!part.add(smaller, position)) return undefined;
      } else if (!part.add(one, position)) return undefined;
      if (mark !== undefined) part.changed.add(mark);
      if (meaning.kind === "reply") part.changed.add(waitingKey(meaning.name));
    }
    return undefined;
  }

  /** What must happen before a message can be accepted. */
  #obstacleTo({ meaning, ran }: Arrival, part: BatchPart, rows: ReadonlyMap<string, Entry>): Stop {
    const { localActors } = this.#parts.store;
    const to = meaning.kind === "reply"
      ? this.#replies.receiverOf(rows.get(waitingKey(meaning.name)), meaning.outcome)
      : meaning.kind === "message"
      ? meaning.to
      : undefined;
    if (to === undefined) return undefined;
    const hosting = localActors.hosting(to.protocol);
    if (hosting === "transient" && meaning.kind === "message") return ran ? undefined : { why: "transient" };
    if (hosting !== "durable" || part.hasRoom(to, () => this.#roomOf(to))) return undefined;
    return { why: "full", to };
  }

  /** How much the mailbox of a durable actor takes: as much as from turns. Loads the actor, which will have to run. */
  #roomOf(to: ActorId): Room {
    const found = this.#parts.store.localActors.activate(to);
    if (found === undefined) return { messages: 0, bytes: 0 };
    const { capacity, bytes } = found.host.actor.mailbox;
    const waiting = found.waiting + found.accepting;
    return {
      messages: capacity * turnRoom - waiting,
      bytes: waiting === 0 ? Infinity : bytes * turnRoom - found.mailbox.bytes - found.mailbox.arrivingBytes,
    };
  }

  /** What a message does. What no rule foresees is a failure of this message, and stops none behind it. */
  #safeEffectOf(arrival: Arrival, part: BatchPart, rows: ReadonlyMap<string, Entry>): WriteSet {
    try {
      return this.#effectOf(arrival, part, rows);
    } catch (error) {
      const { message, meaning } = arrival;
      const one = new WriteSet();
      if (meaning.kind === "reply") {
        const lateness: Lateness = { reason: codeOf(error, "failed"), why: messageOf(error) };
        this.#replies.refuse(one, message, meaning.name, { reply: undefined }, lateness);
      }
      if (meaning.kind !== "message" && meaning.kind !== "refused") return one;
      const { operation, causationId, correlationId } = meaning.route;
      const route = new Route(operation, causationId, correlationId, undefined, undefined, {
        id: message.id,
      });
      const outgoing = { to: meaning.to, route, payload: undefined, id: message.id };
      const reason = codeOf(error, "failed");
      this.#parts.store.writer.undelivered(one, outgoing, { text: "", reason, why: messageOf(error) });
      return one;
    }
  }

  /** What a message does. */
  #effectOf({ message, meaning, ran }: Arrival, part: BatchPart, rows: ReadonlyMap<string, Entry>): WriteSet {
    const { store: { writer }, asks } = this.#parts;
    const one = new WriteSet();
    if (meaning.kind === "message") {
      if (!ran) this.#deliver(one, meaning, message.id);
    } else if (meaning.kind === "reply") {
      const key = waitingKey(meaning.name);
      const { name, outcome } = meaning;
      const stored = rows.get(key);
      const late: Lateness | undefined = part.changed.has(key)
        ? { reason: "already-answered", why: "another reply came before it" }
        : this.#replies.take(one, message, name, outcome, stored);
      if (late !== undefined) this.#replies.refuse(one, message, name, outcome, late);
    } else if (meaning.kind === "refused") {
      if (meaning.asked) one.after(() => asks.refuse(message, meaning.fault));
      else {
        const { to, route, kept, fault: { code, message: why } } = meaning;
        writer.undelivered(one, { to, route, payload: kept, id: message.id }, {
          text: textOf(kept),
          reason: code,
          why,
        });
      }
    } else if (meaning.kind === "ask") {
      const { delivery: { again } } = message;
      if (again && message.givenId === undefined) one.after(() => asks.refuse(message, outcomeUnknown));
      else one.after(() => asks.run(message, meaning));
    }
    return one;
  }

  #deliver(one: WriteSet, meaning: Meaning & { readonly kind: "message" }, id: string): void {
    const { store: { writer } } = this.#parts;
    const { to, route, payload } = meaning;
    const outgoing = { to, route, payload, id };
    try {
      writer.deliver(one, to, writer.draft(outgoing));
      if (Publication.is(payload) && route.replyTo !== undefined) {
        one.after(() => this.#parts.askRespondents(meaning));
      }
    } catch (error) { // it is no data that a store keeps
      writer.undelivered(one, outgoing, { text: "", reason: codeOf(error, "failed"), why: messageOf(error) });
    }
  }

  /** The dead letter of a message that no commit takes. */
  #tooLarge({ message, meaning }: Arrival): WriteSet {
    const one = new WriteSet();
    const { store: { writer, session }, asks } = this.#parts;
    const { id, delivery } = message;
    const fault = {
      code: "too-large",
      message: `it takes ${delivery.body.length} bytes, which is more than the store commits at once`,
    };
    if (meaning.kind === "ask") one.after(() => asks.refuse(message, fault));
    else if (meaning.kind === "message" || meaning.kind === "refused") {
      const { to, route } = meaning;
      const kept = keptBody({ ...delivery, body: delivery.body.slice(0, session.traits.limits.bytes >> 4) });
      const outgoing = { to, route, payload: kept, id };
      writer.undelivered(one, outgoing, { text: textOf(kept), reason: fault.code, why: fault.message });
    } else if (meaning.kind === "reply") {
      const lateness: Lateness = { reason: "late-reply", why: fault.message };
      this.#replies.refuse(one, message, meaning.name, meaning.outcome, lateness);
    }
    return one;
  }

  /** An ask that was started before: nobody knows what became of it. */
  #refuseRepeat(part: BatchPart, { message }: Arrival): void {
    part.writeSet.after(() => this.#parts.asks.refuse(message, outcomeUnknown));
  }

  #isKnown(stored: Entry | undefined): boolean {
    if (stored === undefined) return false;
    const mark = readableHead<AcceptanceMark>(stored.value);
    return mark === undefined || !this.#parts.store.session.isOver(mark.untilMs); // one that cannot be read is one
  }

  #mark(one: WriteSet, { message, meaning, mark }: Arrival, before: Entry | undefined): void {
    if (mark === undefined) return;
    const { store: { session }, clock, deduplicationWindowMs } = this.#parts;
    const place = one.arrivals.at(-1)?.draft.place;
    writeMark(one, mark, {
      token: message.id,
      fingerprint: "",
      untilMs: meaning.kind === "ask"
        ? meaning.deadlineMs + retryWindowMs
        : endAt(clock.now() + deduplicationWindowMs),
      place: place === undefined ? positionToken(session.nextPosition()) : positionToken(place),
    }, before);
  }

  /** Commits a part. Returns why it is not committed. */
  async #commit(part: BatchPart, source: SourceTenure, position: number | undefined): Promise<unknown> {
    const { store: { session, committedDelivery } } = this.#parts;
    const { writeSet } = part;
    if (part.isEmpty && position === undefined) { // nothing but repeats, of a queue
      writeSet.land(committedDelivery, "", source.readEpoch);
      return undefined;
    }
    const name = `what came to ${channelName(this.#channel)}`;
    part.close(session.nextPosition());
    try {
      session.committer.requireRoom(name);
    } catch (error) {
      return error;
    }
    const request = new SourceCommit(session, source, writeSet, part.size, name);
    session.committer.submit(request);
    const result = await request.result;
    if (result.status === "stale") return "stale";
    if (result.status !== "committed") {
      if (isOfStore(result.error)) return result.error;
      throw result.error;
    }
    source.committed(part.step, result.version);
    writeSet.land(committedDelivery, result.version, source.readEpoch);
    return undefined;
  }

  /** Another tenure has the shard if the row is not as this one knows it: then this one ends, and drops its batch. */
  async #requireSame(source: SourceTenure, { shard }: Tenure, patience: Patience): Promise<void> {
    const { same } = await this.#available(() => source.look(), patience);
    if (same) return;
    throw new PosthornError("another-reader", `Cannot accept from ${shard}: another process reads it now`);
  }

  /** Calls a function that reads, again and again while the store is away. */
  async #available<Result>(read: () => Promise<Result>, patience: Patience): Promise<Result> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (!isOfStore(error)) throw error;
        await patience.wait(() => error);
      }
    }
  }

  /** Runs the first messages whose receivers live in memory, and waits until their turns are over. */
  async #run(
    arrivals: readonly Arrival[],
    rows: ReadonlyMap<string, Entry>,
    patience: Patience,
  ): Promise<void> {
    const { runs, store: { localActors } } = this.#parts;
    const ends: Promise<void>[] = [];
    const marks = new Set<string>();
    for (const arrival of arrivals) {
      const { meaning, mark } = arrival;
      if (meaning.kind !== "message" || localActors.hosting(meaning.to.protocol) !== "transient") break;
      if (arrival.ran || (mark !== undefined && (marks.has(mark) || this.#isKnown(rows.get(mark))))) continue;
      if (!runs.hasRoom(meaning.to)) {
        if (ends.length === 0) return await patience.wait(() => this.#full(meaning.to));
        break;
      }
      if (mark !== undefined) marks.add(mark);
      ends.push(runs.run(meaning).then(() => void (arrival.ran = true)));
    }
    await patience.until(Promise.all(ends));
  }

  #full(to: ActorId): PosthornError {
    const { store: { localActors } } = this.#parts;
    const { waiting = 0, capacity = 0 } = localActors.roomFor(to) ?? {};
    return new MailboxFullError(shownActor(to.protocol, to.key), waiting, capacity);
  }
}

function textOf(kept: unknown): string {
  try {
    return toText(kept);
  } catch { // a payload that is no data is not kept
    return "";
  }
}
