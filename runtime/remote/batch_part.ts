import type { ActorId } from "../language/address.ts";
import type { StoreLimits } from "../ports/store.ts";
import { type CommitSize, fits, sizeOfCommit, sum } from "../ports/commit_size.ts";
import { WriteSet } from "../durable/commits/write_set.ts";
import { nameOfActor } from "../durable/rows/keys.ts";
import type { SourceStep, SourceTenure } from "./source_row.ts";

/** How much more a mailbox takes. */
export interface Room {
  messages: number;
  bytes: number;
}

/**
 * What one commit accepts of a batch: its first messages, as many as the limits of the store allow. Each message sees what
 * those before it do.
 */
export class BatchPart {
  readonly writeSet = new WriteSet();
  /** How many messages of the batch are in it, or need nothing. */
  taken = 0;
  /** The keys of the rows that its messages change, so that a later one finds them changed. */
  readonly changed = new Set<string>();
  readonly #tenure: SourceTenure;
  readonly #limits: StoreLimits;
  readonly #rooms = new Map<string, Room>();
  readonly #source: CommitSize;
  #size: CommitSize;
  #place: string | undefined = undefined;
  #position: number | undefined = undefined;

  constructor(tenure: SourceTenure, limits: StoreLimits) {
    this.#tenure = tenure;
    this.#limits = limits;
    const source = new WriteSet();
    source.checks.push({ key: tenure.key, version: undefined });
    source.writeOnce(tenure.key, new Uint8Array(sourceBytes));
    this.#source = this.#size = sizeOfCommit(source, limits);
  }

  /** Whether it changes anything but the row of its shard. */
  get isEmpty(): boolean {
    const { checks, writes, removals } = this.writeSet;
    return checks.length + writes.length + removals.length === 0;
  }

  get size(): CommitSize {
    return this.#size;
  }

  /** What it means for the shard. */
  get step(): SourceStep {
    return { place: this.#place, position: this.#position };
  }

  /** Whether a commit takes what one message does, by itself. */
  takesAlone(one: WriteSet): boolean {
    return fits(sum(this.#source, sizeOfCommit(one, this.#limits)), this.#limits);
  }

  /** Adds what a message does, if there is room for it. */
  add(one: WriteSet, position: number | undefined): boolean {
    const size = sum(this.#size, sizeOfCommit(one, this.#limits));
    if (!fits(size, this.#limits)) return false;
    this.#size = size;
    this.writeSet.add(one);
    for (const { to, draft } of one.arrivals) {
      const room = this.#rooms.get(nameOfActor(to));
      if (room === undefined) continue;
      room.messages--;
      room.bytes -= draft.value.length;
    }
    this.pass(position);
    return true;
  }

  /** A message needs nothing: it is a repeat, for example. */
  pass(position: number | undefined): void {
    this.#position = position ?? this.#position;
    this.taken++;
  }

  /** Whether a mailbox has room for one more message; `measure` tells how much there was before this part. */
  hasRoom(to: ActorId, measure: () => Room): boolean {
    const name = nameOfActor(to);
    let room = this.#rooms.get(name);
    if (room === undefined) this.#rooms.set(name, room = measure());
    return room.messages > 0 && room.bytes > 0;
  }

  /** Adds the row of the shard, which fences off other tenures. `place` is behind all positions that the part gave. */
  close(place: string): void {
    const { key, version } = this.#tenure;
    if (!this.isEmpty) this.#place = place;
    this.writeSet.checks.push({ key, version });
    this.writeSet.writeOnce(key, this.#tenure.nextValue(this.step));
  }
}

/** More than the row of a shard takes. */
const sourceBytes = 1_000;
