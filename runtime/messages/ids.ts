import { decodeTime } from "@std/ulid";
import type { Clock } from "../base/clock.ts";
import type { MessageId } from "./envelope.ts";
import type { Random } from "../base/random.ts";

/** Whether a sender may give a message this id: 1 to 255 visible ASCII characters. */
export function isGivenId(text: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(text);
}

/** The time that a ULID carries, in milliseconds since 1970; nothing where it is none. */
export function timeOfUlid(text: string): number | undefined {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text) ? decodeTime(text) : undefined;
}

/**
 * Names messages. A message is numbered when it is made, which costs an addition; its name is put together when
 * somebody reads it: the ULID of this system's first name, then the number.
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

  /** The name of this run of the system: all that it names begins with it. */
  get name(): string {
    return this.instance ??= this.ulid();
  }

  /** A name that carries its time: for what is looked up later. */
  ulid(): string {
    return this.random.ulid(this.clock.now());
  }

  /** The name of a message; the same however often it is read. */
  text(id: MessageId): string {
    if (typeof id === "string") return id;
    return `${this.name}-${id.toString(36)}`;
  }
}
