import type { Clock } from "../../../runtime/base/clock.ts";
import type { Random } from "../../../runtime/base/random.ts";
import { encodeFrames, type Frame } from "./frames.ts";
import { RefusedRequest } from "./refused_request.ts";

/** How many may be open. */
const responsesMax = 4_000;
/** How long one is open at most, and if nobody says how long, in milliseconds. */
const openMsMax = 600_000;
const openMs = 60_000;
/** How many bytes may wait in one for a slow reader. */
const bytesMax = 33_554_432;

interface Open {
  /** The service that waits. */
  readonly from: string;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly cancel: () => void;
  /** How many replies are still to come; absent if nobody knows. */
  left: number | undefined;
  /** Replies that came before the answer. */
  early: Uint8Array[] | undefined;
}

/** A response that waits for replies. */
export interface OpenResponse {
  /** Its name in addresses. */
  readonly name: string;
  /** What is sent. */
  readonly body: ReadableStream<Uint8Array>;
  /** Sends what is in front of the replies. So many of those will not come. */
  answer(head: object, lost?: number): void;
  /** Ends it, with what has come. */
  end(): void;
}

/**
 * The responses that stay open until the replies to what their requests brought have come. At most 4,000; a service that has
 * as many as are free gets no further ones.
 */
export class OpenResponses {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Map<string, Open>();
  /** How many each service has. */
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Opens one of a service for so many replies, or for as many as come, until then. Throws a {@linkcode RefusedRequest} if
   * too many are open.
   */
  open(from: string, replies: number | undefined, untilMs: number | undefined): OpenResponse {
    const own = this.#counts.get(from) ?? 0;
    if (own >= responsesMax - this.#open.size) {
      const why =
        `${this.#open.size} of ${responsesMax} responses wait for replies, and ${own} of them are its own`;
      throw new RefusedRequest(429, "too-many-requests", `It cannot wait for a reply: ${why}`);
    }
    const nowMs = this.#clock.now();
    const name = this.#random.ulid(nowMs);
    const leftMs = Math.min(Math.max((untilMs ?? nowMs + openMs) - nowMs, 0), openMsMax);
    const { controller, body } = this.#stream(name);
    const cancel = this.#clock.setTimer(leftMs, () => this.#end(name));
    this.#counts.set(from, own + 1);
    this.#open.set(name, { from, controller, cancel, left: replies, early: [] });
    return {
      name,
      body,
      answer: (head, lost = 0) => this.#answer(name, head, lost),
      end: () => this.#end(name),
    };
  }

  /** Sends a reply with a response. Returns `false` if it is not open any more. */
  reply(name: string, frame: Frame): boolean {
    const open = this.#open.get(name);
    if (open === undefined) return false;
    if ((open.controller.desiredSize ?? 0) < -bytesMax) {
      this.#end(name);
      return false;
    }
    const bytes = encodeFrames([frame]);
    if (open.left !== undefined) open.left--;
    if (open.early !== undefined) open.early.push(bytes);
    else open.controller.enqueue(bytes);
    this.#endIfDone(name, open);
    return true;
  }

  /** Ends all of them. */
  end(): void {
    for (const name of this.#open.keys()) this.#end(name);
  }

  #stream(name: string) {
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (given) => void (controller = given),
      cancel: () => this.#forget(name),
    }, new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }));
    return { controller: controller!, body };
  }

  #answer(name: string, head: object, lost: number): void {
    const open = this.#open.get(name);
    if (open === undefined) return;
    if (open.left !== undefined) open.left -= lost;
    open.controller.enqueue(encodeFrames([{ head, body: new Uint8Array() }]));
    for (const bytes of open.early ?? []) open.controller.enqueue(bytes);
    open.early = undefined;
    this.#endIfDone(name, open);
  }

  #endIfDone(name: string, { left, early }: Open): void {
    if (left !== undefined && left <= 0 && early === undefined) this.#end(name);
  }

  #end(name: string): void {
    const open = this.#open.get(name);
    this.#forget(name);
    open?.controller.close();
  }

  #forget(name: string): void {
    const open = this.#open.get(name);
    if (open === undefined) return;
    open.cancel();
    this.#open.delete(name);
    const left = this.#counts.get(open.from)! - 1;
    if (left > 0) this.#counts.set(open.from, left);
    else this.#counts.delete(open.from);
  }
}
