import type { Timer, Timers } from "./timers.ts";

/** Into how many parts the time is cut: members of one part are looked at together. */
const partsPerIdle = 8;

/** One in the list: a member, or the mark behind which a new part begins. */
interface Link {
  /** The neighbours in the list; its own business. */
  idleBefore: Link | undefined;
  idleAfter: Link | undefined;
}

/** Something that may be idle. */
export interface Idler extends Link {
  /** When it last had something to do, in whole milliseconds. */
  readonly usedMs: number;
  /** What it is at. */
  readonly idle: boolean;
  /** It was idle for long enough. */
  passivate(): void;
}

/** The beginning of a part: what follows joined at that time. */
class IdleMarker implements Link {
  idleBefore: Link | undefined = undefined;
  idleAfter: Link | undefined = undefined;
  readonly atMs: number;

  constructor(atMs: number) {
    this.atMs = atMs;
  }
}

/**
 * Passivates what has been idle for long enough. A member is looked at `idleMs` after it joined and then each `idleMs`,
 * so it may stay for up to twice that, and having something to do costs nothing but a note of the time. Members are
 * linked in the order of joining: a million of them take no memory beside their own.
 */
export class IdleList {
  readonly #idleMs: number;
  readonly #timers: Timers;
  #first: Link | undefined;
  #last: Link | undefined;
  /** The mark of those who join now. */
  #newest: IdleMarker | undefined;
  #timer: Timer | undefined;

  constructor(idleMs: number, timers: Timers) {
    this.#idleMs = idleMs;
    this.#timers = timers;
  }

  /** Looks at it from now on. Reads no clock: a member joins when it is used. */
  join(member: Idler, nowMs: number = member.usedMs): void {
    if (this.#idleMs === Infinity || this.#holds(member)) return;
    if (this.#newest === undefined || nowMs >= this.#newest.atMs + this.#idleMs / partsPerIdle) {
      this.#add(this.#newest = new IdleMarker(nowMs));
    }
    this.#add(member);
    if (this.#timer === undefined) this.#watch();
  }

  /** Looks at it no more. */
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

  /** Looks again when the oldest part is due. */
  #watch(): void {
    const oldest = this.#first as IdleMarker | undefined; // the list begins with a mark
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
