import type { Timer, Timers } from "./timers.ts";

/** How many markers there are in one idle time: members between two markers are checked together. */
const partsPerIdle = 8;

/** The timers that a list needs. */
export type IdleTimers = Pick<Timers, "monotonicMs" | "set">;

/** A node of the list: a member, or a marker. */
interface Link {
  /** The neighbours in the list. Only the list changes them. */
  idleBefore: Link | undefined;
  idleAfter: Link | undefined;
}

/** Something that may be idle. */
export interface Idler extends Link {
  /** When it last had something to do, in whole milliseconds. */
  readonly usedMs: number;
  /** Whether it has nothing to do now. */
  readonly idle: boolean;
  /** Called when it has been idle for long enough. */
  passivate(): void;
}

/** The time at which the members after it began to join. */
class IdleMarker implements Link {
  idleBefore: Link | undefined = undefined;
  idleAfter: Link | undefined = undefined;
  readonly atMs: number;

  constructor(atMs: number) {
    this.atMs = atMs;
  }
}

/**
 * Passivates members that have been idle for `idleMs`. It checks a member that long after it joined, and then again
 * after each `idleMs`. So a member may stay for up to twice that, and work costs it only a note of the time. Members
 * are linked in the order of joining: a million of them take no memory besides their own.
 */
export class IdleList {
  readonly #idleMs: number;
  readonly #timers: IdleTimers;
  #first: Link | undefined;
  #last: Link | undefined;
  /** The marker of the members that join now. */
  #newest: IdleMarker | undefined;
  #timer: Timer | undefined;

  constructor(idleMs: number, timers: IdleTimers) {
    this.#idleMs = idleMs;
    this.#timers = timers;
  }

  /** Adds a member. It reads no clock: a member joins when it is used. */
  join(member: Idler, nowMs: number = member.usedMs): void {
    if (this.#idleMs === Infinity || this.#holds(member)) return;
    if (this.#newest === undefined || nowMs >= this.#newest.atMs + this.#idleMs / partsPerIdle) {
      this.#add(this.#newest = new IdleMarker(nowMs));
    }
    this.#add(member);
    if (this.#timer === undefined) this.#watch();
  }

  /** Removes a member, if it is in the list. */
  leave(member: Idler): void {
    if (this.#holds(member)) this.#remove(member);
  }

  #sweep(): void {
    const nowMs = this.#timers.monotonicMs();
    const due: Idler[] = [];
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first instanceof IdleMarker) {
        if (first.atMs + this.#idleMs > nowMs) break;
        if (first === this.#newest) this.#newest = undefined;
      } else {
        due.push(first as Idler);
      }
      this.#remove(first);
    }
    this.#timer = undefined;
    for (const member of due) {
      if (member.idle && member.usedMs + this.#idleMs <= nowMs) member.passivate();
      else this.join(member, nowMs);
    }
    this.#watch();
  }

  /** Sets the timer for the oldest marker. */
  #watch(): void {
    const oldest = this.#first as IdleMarker | undefined; // the list begins with a marker
    this.#timer?.cancel();
    this.#timer = oldest &&
      this.#timers.set(
        oldest.atMs + this.#idleMs - this.#timers.monotonicMs(),
        () => this.#sweep(),
      );
  }

  #holds(link: Link): boolean {
    return link.idleBefore !== undefined || this.#first === link;
  }

  #add(link: Link): void {
    link.idleBefore = this.#last;
    if (this.#last === undefined) this.#first = link;
    else this.#last.idleAfter = link;
    this.#last = link;
  }

  #remove(link: Link): void {
    const { idleBefore, idleAfter } = link;
    if (idleBefore === undefined) this.#first = idleAfter;
    else idleBefore.idleAfter = idleAfter;
    if (idleAfter === undefined) this.#last = idleBefore;
    else idleAfter.idleBefore = idleBefore;
    link.idleBefore = link.idleAfter = undefined;
  }
}
