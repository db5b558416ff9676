const dayMs = 86_400_000;

/**
 * A time zone, between the time that its clocks show and the moment at which they do. What they show is in milliseconds
 * too: as if it were a time of UTC.
 */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat;

  /** `name` is an IANA name. Throws a `RangeError` if there is no such zone. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** What the clocks show at a moment. */
  shownAt(atMs: number): number {
    return atMs + this.#offsetAt(atMs);
  }

  /** The first moment at which the clocks show that. If they skip it, the moment at which they do. */
  firstShowing(shownMs: number): number {
    const before = this.#offsetAt(shownMs - dayMs);
    const after = this.#offsetAt(shownMs + dayMs);
    const [early, late] = [shownMs - Math.max(before, after), shownMs - Math.min(before, after)];
    if (this.shownAt(early) === shownMs) return early;
    return this.shownAt(late) === shownMs ? late : this.#changeWithin(early, late, after);
  }

  /** The first moment in a range whose offset is that of its end. */
  #changeWithin(fromMs: number, toMs: number, offsetMs: number): number {
    let [low, high] = [Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000)]; // clocks change at whole seconds
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetAt(middle * 1_000) === offsetMs) high = middle;
      else low = middle;
    }
    return high * 1_000;
  }

  /** How far the clocks are ahead of UTC. */
  #offsetAt(atMs: number): number {
    const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.#format.formatToParts(atMs)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000;
  }
}
