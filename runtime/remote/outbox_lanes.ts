import { LimitExceededError } from "../base/errors.ts";
import { SingleFlight } from "../base/single_flight.ts";
import type { StoreSession } from "../durable/commits/store_session.ts";
import { behindAll, outboxLane, outboxLanePrefix, outboxPrefix } from "../durable/rows/keys.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import type { Entry } from "../ports/store.ts";
import type { OutboxHead } from "./outbox_row.ts";
import { Pump, upOf } from "./pump.ts";
import { Relay, type RelayServices } from "./relay.ts";

/** How many lanes one heartbeat looks at; the next continues behind them. */
const lanesMax = 1_000;
/** The most rows of one list. */
const listMax = 1_000;
/** How many times as many messages of turns may wait in a lane as those from outside. */
const turnRoom = 10;

/** The bounds of a lane. */
export interface OutboxBounds {
  readonly rows: number;
  readonly bytes: number;
}

/** How many messages wait, and their bytes. */
export interface Waiting {
  readonly rows: number;
  readonly bytes: number;
}

export const none: Waiting = { rows: 0, bytes: 0 };

/** One lane of the outbox, as far as this process knows it. */
export interface OutboxLane {
  readonly name: string;
  /** About how many rows wait in the store, and their bytes. */
  rows: number;
  bytes: number;
  /** How many are being committed that came from outside a turn, and their bytes. */
  arriving: number;
  arrivingBytes: number;
  /** When the row at the head was written, in milliseconds since 1970; absent if none is known. */
  oldestMs: number | undefined;
  readonly pump: Pump;
}

/**
 * The lanes of the outbox: how much waits in each, and who sends it. Any process of the service may send what any of
 * them wrote: who wrote last does, and at each heartbeat whoever finds a row that nobody has sent.
 */
export class OutboxLanes {
  readonly #session: StoreSession;
  readonly #bounds: OutboxBounds;
  readonly #services: RelayServices;
  readonly #onIdle: () => void;
  readonly #lanes = new Map<string, OutboxLane>();
  /** The key at the head of each lane at the last look of a heartbeat. */
  readonly #heads = new Map<string, string>();
  readonly #looking = new SingleFlight(() => this.#look());
  /** The lane behind which the next heartbeat continues, and those that were found since it began with the first. */
  #lookedAt = outboxPrefix;
  readonly #seen = new Set<string>();
  #ended = false;

  /** `onIdle` is called when nothing waits in a lane any more. */
  constructor(services: RelayServices, bounds: OutboxBounds, onIdle: () => void) {
    this.#session = services.session;
    this.#services = services;
    this.#bounds = bounds;
    this.#onIdle = onIdle;
  }

  /** The lanes that this process knows. */
  get lanes(): readonly OutboxLane[] {
    return [...this.#lanes.values()];
  }

  /** Whether a lane is being sent. */
  get busy(): boolean {
    return this.#lanes.values().some(({ pump }) => pump.busy && !pump.waits);
  }

  /** How full a lane is, if one more message of a turn does not fit beside those of the same commit. */
  full(name: string, bytes: number, sameCommit: Waiting = none): string | undefined {
    return this.#full(name, bytes, turnRoom, sameCommit);
  }

  /**
   * A message comes into a lane with a commit of its own; the result says that the commit is over. Throws a
   * `LimitExceededError` (`outbox-full`) if there is no room for it. `what` names the message.
   */
  arrive(what: string, name: string, bytes: number, origin: "outside" | "turn"): () => void {
    const full = this.#full(name, bytes, origin === "turn" ? turnRoom : 1);
    if (full !== undefined) throw new LimitExceededError("outbox-full", `Cannot accept ${what}: ${full}`);
    const lane = this.#laneOf(name);
    lane.arriving++;
    lane.arrivingBytes += bytes;
    return () => {
      lane.arriving--;
      lane.arrivingBytes -= bytes;
      this.#idle(lane);
    };
  }

  /** A message was committed. */
  wrote(name: string, bytes: number): void {
    const lane = this.#laneOf(name);
    lane.rows++;
    lane.bytes += bytes;
    lane.pump.wake();
  }

  /** The broker is back, or the transport was opened. */
  goOn(): void {
    for (const { pump } of this.#lanes.values()) pump.goOn();
    this.heartbeat().catch(() => {}); // the next heartbeat does
  }

  /** Finds lanes whose rows nobody sends. */
  heartbeat(): Promise<void> {
    return this.#looking.wake();
  }

  /** Sends no further batch. Resolves when the batches under way have been handled. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#looking.idle();
    await Promise.all(this.lanes.map(({ pump }) => pump.end()));
  }

  /** Looks at the head of some lanes: one list for each, however many rows it has. */
  async #look(): Promise<void> {
    const { connection } = this.#session;
    const range = { prefix: outboxPrefix, limit: 1 };
    for (let count = 0; count < lanesMax && !this.#ended; count++) {
      const [head] = await connection.list({ ...range, after: this.#lookedAt });
      if (head === undefined) return this.#lookedAtAll();
      const name = outboxLane(head.key);
      this.#lookedAt = behindAll(outboxLanePrefix(name));
      this.#seen.add(name);
      await this.#lookAt(name, head);
    }
  }

  /** All lanes were looked at: in those that were not found nothing waits, because another process has sent it. */
  #lookedAtAll(): void {
    for (const lane of this.#lanes.values()) {
      if (this.#seen.has(lane.name) || lane.pump.busy) continue;
      lane.rows = lane.bytes = 0;
      lane.oldestMs = undefined;
      this.#idle(lane);
    }
    this.#seen.clear();
    this.#lookedAt = outboxPrefix;
  }

  async #lookAt(name: string, head: Entry): Promise<void> {
    const atMs = readableHead<OutboxHead>(head.value)?.atMs;
    if ((this.#lanes.get(name)?.rows ?? 0) === 0) await this.#count(name);
    const lane = this.#laneOf(name);
    lane.oldestMs = atMs;
    const { clock, traits: { heartbeatMs } } = this.#session;
    const old = atMs === undefined || atMs + heartbeatMs <= clock.now();
    const still = this.#heads.get(name) === head.key; // nobody has sent it since the last look
    this.#heads.set(name, head.key);
    const up = upOf(this.#services.pump) !== undefined;
    if (up && (old || still) && !lane.pump.busy) lane.pump.wake();
  }

  /** How full a lane is, if so many bytes more do not fit. One in which nothing waits takes a message of any size. */
  #full(name: string, more: number, room: number, sameCommit: Waiting = none): string | undefined {
    const lane = this.#lanes.get(name); // absent if this process knows of nothing that waits in it
    const rowsMax = this.#bounds.rows * room;
    const bytesMax = this.#bounds.bytes * room;
    const rows = sameCommit.rows + (lane === undefined ? 0 : lane.rows + lane.arriving);
    const bytes = sameCommit.bytes + (lane === undefined ? 0 : lane.bytes + lane.arrivingBytes);
    if (rows >= rowsMax) return `the outbox to ${shownLane(name)} holds ${rows} of ${rowsMax} messages`;
    if (rows === 0 || bytes + more <= bytesMax) return undefined;
    return `the outbox to ${shownLane(name)} holds ${bytes} of ${bytesMax} bytes`;
  }

  /** Counts the rows of a lane that this process meets, up to the larger bound. */
  async #count(name: string): Promise<void> {
    const prefix = outboxLanePrefix(name);
    const most = this.#bounds.rows * turnRoom;
    let [rows, bytes] = [0, 0];
    let after: string | undefined;
    while (rows < most && !this.#ended) {
      const page = await this.#session.connection.list({ prefix, after, limit: listMax });
      rows += page.length;
      for (const { value } of page) bytes += value.length;
      if (page.length < listMax) break;
      after = page[page.length - 1].key;
    }
    const lane = this.#laneOf(name);
    lane.rows = Math.max(lane.rows, rows);
    lane.bytes = Math.max(lane.bytes, bytes);
  }

  #laneOf(name: string): OutboxLane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const pump: Pump = new Pump(this.#services.pump, {
      next: () => relay.next(),
      onIdle: () => this.#idle(lane),
    });
    const lane: OutboxLane = {
      name,
      rows: 0,
      bytes: 0,
      arriving: 0,
      arrivingBytes: 0,
      oldestMs: undefined,
      pump,
    };
    const relay = new Relay(this.#services, lane);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Forgets a lane in which nothing waits: there is one for each process that asked. */
  #idle(lane: OutboxLane): void {
    if (lane.rows === 0 && lane.arriving === 0 && !lane.pump.busy) {
      this.#lanes.delete(lane.name);
      this.#heads.delete(lane.name);
    }
    this.#onIdle();
  }
}

/** The name of a lane in the words of errors. */
function shownLane(name: string): string {
  const end = name.indexOf(":");
  return name.slice(0, end) === "reply" ? "who asked" : name.slice(end + 1);
}
