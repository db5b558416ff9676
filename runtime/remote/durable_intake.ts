import { turnRoom } from "../activations/memory_host.ts";
import { MailboxFullError, PosthornError } from "../base/errors.ts";
import { slicesOf } from "../base/slices_of.ts";
import { isOfStore } from "../base/store_errors.ts";
import type { ActorId } from "../language/address.ts";
import { shownActor } from "../messages/shown_name.ts";
import type { Entry } from "../ports/store.ts";
import type { Channel, Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import { BatchPart, type Room } from "./batch_part.ts";
import type { Meaning } from "./meaning.ts";
import { type Arrival, type EffectParts, MessageEffects } from "./message_effects.ts";
import { comesOnce, isKnown, messageMark } from "./message_mark.ts";
import { Patience } from "./patience.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { waitingKey } from "./reply_intake.ts";
import { SourceCommit } from "./source_commit.ts";
import { channelName, SourceTenure } from "./source_row.ts";
import type { TransientRuns } from "./transient_runs.ts";

/** How many rows one read looks at, and how often in succession a commit may fail. */
const readMax = 100;
const failuresMax = 1_000;

/** What a durable intake needs. */
export interface DurableIntakeParts extends EffectParts {
  /** How the transport reads. */
  readonly reads: "queue" | "log";
  readonly runs: TransientRuns;
  /** Is aborted when the system stops. */
  readonly stopping: AbortSignal;
  read(delivery: Delivery, tenure: Tenure): ReceivedMessage;
  meaningOf(message: ReceivedMessage): Meaning;
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
  readonly #effects: MessageEffects;
  readonly #tenures = new WeakMap<Tenure, SourceTenure>();

  constructor(channel: Channel, parts: DurableIntakeParts) {
    this.#channel = channel;
    this.#parts = parts;
    this.#effects = new MessageEffects(parts);
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
    let failures = 0;
    let most = rest.length;
    while (rest.length > 0) {
      patience.requireTenure();
      const rows = await this.#rowsOf(rest, looks, patience);
      const part = new BatchPart(source, this.#parts.store.session.traits.limits);
      const stop = this.#compose(part, rest.slice(0, most), rows);
      if (part.taken === 0) {
        if (stop?.why === "transient") await this.#run(rest, rows, patience);
        else if (stop?.why === "full") await patience.wait(() => this.#full(stop.to));
        continue;
      }
      const failure = await this.#commit(part, source, rest[part.taken - 1].message.delivery.position);
      if (failure === undefined) {
        rest = rest.slice(part.taken);
        failures = 0;
        patience.advanced();
        continue;
      }
      looks = true; // a mark or a row of a message may be the cause
      if (++failures >= failuresMax) {
        throw new PosthornError("failed", `Cannot accept from ${tenure.shard}: ${failures} commits failed`);
      }
      if (failure === "stale") await this.#requireSame(source, tenure, patience);
      else if (isOfStore(failure)) {
        await patience.wait(() => failure);
        await this.#requireSame(source, tenure, patience);
      } else if (part.taken > 1) most = part.taken >> 1; // the store takes less than its limits say
      else if (!this.#effects.shrink(rest[0])) throw failure;
    }
    return [];
  }

  #arrival(delivery: Delivery, tenure: Tenure): Arrival {
    const message = this.#parts.read(delivery, tenure);
    const meaning = this.#parts.meaningOf(message);
    const mark = comesOnce(meaning, tenure, this.#parts.reads)
      ? undefined
      : messageMark(message, this.#channel);
    return { message, meaning, mark, ran: false, shrunk: 0, left: {} };
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
      if (meaning.kind === "cancel") keys.add(meaning.request);
      if (mark !== undefined && (looks || this.#runsHere(meaning))) keys.add(mark);
    }
    const rows = new Map<string, Entry>();
    for (const some of slicesOf([...keys], readMax)) {
      for (const row of await this.#available(() => connection.read(some), patience)) {
        if (row !== undefined) rows.set(row.key, row);
      }
    }
    for (const arrival of arrivals) {
      const { meaning } = arrival;
      if (meaning.kind !== "cancel") continue;
      const find = () => this.#effects.cancels.find(meaning, rows.get(meaning.request));
      arrival.left = await this.#available(find, patience);
    }
    return rows;
  }

  /** Whether a message is for an actor in memory: it runs before it is accepted, so repeats must be known before. */
  #runsHere(meaning: Meaning): boolean {
    return meaning.kind === "message" &&
      this.#parts.store.localActors.hosting(meaning.to.protocol) === "transient";
  }

  /** Puts the first messages into a part: as many as it takes, and as have room in their mailboxes. */
  #compose(part: BatchPart, arrivals: readonly Arrival[], rows: ReadonlyMap<string, Entry>): Stop {
    for (const arrival of arrivals) {
      const { message: { delivery: { position } }, meaning, mark } = arrival;
      const before = mark === undefined ? undefined : rows.get(mark);
      const repeated = mark !== undefined && (part.changed.has(mark) || this.#isKnown(before));
      if (repeated || meaning.kind === "ignored") {
        if (repeated && meaning.kind === "ask") this.#effects.refuseRepeat(part.writeSet, arrival);
        part.pass(position);
        continue;
      }
      // What it takes back is in this part: it waits for the next one, which finds it in the store.
      if (meaning.kind === "cancel" && part.changed.has(meaning.request)) return undefined;
      const stop = this.#obstacleTo(arrival, part, rows);
      if (stop !== undefined) return stop;
      const one = this.#effects.of(arrival, part, rows, before);
      if (!part.add(one, position)) return undefined;
      if (mark !== undefined) part.changed.add(mark);
      if (meaning.kind === "reply") part.changed.add(waitingKey(meaning.name));
      if (meaning.kind === "cancel") part.changed.add(meaning.request);
    }
    return undefined;
  }

  /** What must happen before a message can be accepted. */
  #obstacleTo({ meaning, ran }: Arrival, part: BatchPart, rows: ReadonlyMap<string, Entry>): Stop {
    const { localActors } = this.#parts.store;
    const to = meaning.kind === "reply"
      ? this.#effects.replies.receiverOf(rows.get(waitingKey(meaning.name)), meaning.outcome)
      : meaning.kind === "message"
      ? meaning.to
      : undefined;
    if (to === undefined) return undefined;
    if (this.#runsHere(meaning)) return ran ? undefined : { why: "transient" };
    if (localActors.hosting(to.protocol) !== "durable" || part.hasRoom(to, () => this.#roomOf(to))) {
      return undefined;
    }
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

  #isKnown(stored: Entry | undefined): boolean {
    return isKnown(this.#parts.store.session, stored);
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
    if (result.status !== "committed") return result.error;
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
    const { runs } = this.#parts;
    const ends: Promise<void>[] = [];
    const marks = new Set<string>();
    for (const arrival of arrivals) {
      const { meaning, mark } = arrival;
      if (meaning.kind !== "message" || !this.#runsHere(meaning)) break;
      if (arrival.ran || (mark !== undefined && (marks.has(mark) || this.#isKnown(rows.get(mark))))) continue;
      if (!runs.hasRoom(meaning.to)) {
        if (ends.length === 0) return await patience.wait(() => this.#full(meaning.to));
        break;
      }
      if (mark !== undefined) marks.add(mark);
      ends.push(runs.run(meaning).then(() => void (arrival.ran = true)));
    }
    await patience.turns(Promise.all(ends));
  }

  #full(to: ActorId): PosthornError {
    const { store: { localActors } } = this.#parts;
    const { waiting = 0, capacity = 0 } = localActors.roomFor(to) ?? {};
    return new MailboxFullError(shownActor(to.protocol, to.key), waiting, capacity);
  }
}
