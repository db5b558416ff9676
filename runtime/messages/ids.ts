import { decodeTime } from "@std/ulid";
import type { Clock } from "../base/clock.ts";
import { PosthornError } from "../base/errors.ts";
import type { MessageId } from "./envelope.ts";
import type { Random } from "../base/random.ts";

/** Whether a sender may give a message this id: 1 to 255 visible ASCII characters. */
export function isGivenId(text: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(text);
}

/** Throws a `PosthornError` (`invalid-id`) unless a sender may give a message this id. */
export function requireGivenId(id: string): void {
  if (isGivenId(id)) return;
  const value = JSON.stringify(String(id).slice(0, 80));
  const why = `an id is 1 to 255 visible ASCII characters: current value is ${value}`;
  throw new PosthornError("invalid-id", `Cannot name a message so: ${why}`);
}

/** The time in a ULID, in milliseconds since 1970; `undefined` if the text is no ULID. */
export function timeOfUlid(text: string): number | undefined {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text) ? decodeTime(text) : undefined;
}

/**
 * Gives ids to messages. A message gets a number, which costs an addition. The text of its id is made when it is first
 * read: the name of this run of the system, then the number.
 */
export class Ids {
  private readonly clock: Clock;
  private readonly random: Random;
  private instance: string | undefined;
  private last = 0;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /** The next number. */
  next(): number {
    return ++this.last;
  }

  /** The name of this run of the system, a ULID. The texts of its ids begin with it. */
  get name(): string {
    return this.instance ??= this.ulid();
  }

  /** A new ULID. Nobody can guess it from others. */
  ulid(): string {
    return this.random.ulid(this.clock.now());
  }

  /** The text of an id: always the same for one number. */
  text(id: MessageId): string {
    if (typeof id === "string") return id;
    return `${this.name}-${id.toString(36)}`;
  }
}
