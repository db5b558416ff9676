import type { Clock } from "../../../runtime/base/clock.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import type { Delivery, Receiver, Rejection, Tenure } from "../../../runtime/ports/transport.ts";
import type { Received } from "./parcels.ts";
import { RefusedRequest, stopping } from "./refused_request.ts";

/** How long a request waits until what it brought is accepted, in milliseconds: less than its sender does. */
const answerMs = 20_000;
/** How often it looks whether who sent a request is gone, in milliseconds: a request that is answered sooner is not looked at. */
const lookMs = 250;
/** For how long nothing must come until a tenure ends, so that another process reads on without a conflict. */
export const lingerMs = 1_000;
/** For how long what was taken last is known, if no store knows it. */
const knownMs = 30_000;
/** How often a batch is handed over again at once, if another process has read in between. */
const triesMax = 4;

/** What shards need. */
export interface ShardServices {
  readonly clock: Clock;
  readonly receiver: Receiver;
  /** Whether the receiver knows by itself what it has accepted. */
  readonly isStored: boolean;
}

/** A request that waits until what it brought is accepted. */
export interface WaitingRequest {
  /** When its sender has given it up, in milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Whether its connection has ended. */
  isGone(): boolean;
  /** What it brought is needed until then, maybe longer than its sender waits. */
  needs(taking: Promise<unknown>): void;
}

/** How a shard is read. */
export interface ShardOptions {
  /** What comes here comes once. */
  readonly once: boolean;
  /** How many requests may wait for the one before them. */
  readonly waitingMax: number;
}

/** What one service sends to one channel: one batch after the other, each in the order in which it was sent. */
export class Shard {
  readonly #name: string;
  readonly #options: ShardOptions;
  readonly #services: ShardServices;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #tenure: { readonly tenure: Tenure; readonly end: AbortController; isNew: boolean } | undefined;
  /** What was handed over last, how many of the first of them were accepted, and what of these was rejected. */
  #last: readonly Received[] = [];
  #lastAccepted = 0;
  #lastRejections: readonly Rejection[] = [];
  #usedMs = 0;
  /** Ends each request that waits. */
  readonly #requests = new Set<() => void>();
  #ended = false;

  constructor(name: string, options: ShardOptions, services: ShardServices) {
    this.#name = name;
    this.#options = options;
    this.#services = services;
  }

  /** Whether a batch is in hand, or waits. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** Whether there is nothing to remember. */
  get isIdle(): boolean {
    return !this.busy && this.#tenure === undefined && this.#last.length === 0;
  }

  /**
   * Hands a batch over, behind those that came before it. Resolves with what was rejected. Throws a
   * {@linkcode RefusedRequest} if it was not accepted, or is not yet: it comes again.
   */
  async take(
    batch: readonly Received[],
    request: WaitingRequest,
  ): Promise<readonly Rejection[]> {
    if (this.#waiting > this.#options.waitingMax) {
      throw new RefusedRequest(
        429,
        "too-many-requests",
        `${this.#waiting} requests of this service wait here already`,
      );
    }
    this.#waiting++;
    const sender = new AbortController();
    const next = () => this.#takeNext(batch, { signal: sender.signal, expiresAtMs: request.expiresAtMs });
    const taking = this.#tail.then(next).finally(() => {
      this.#waiting--;
      this.#usedMs = this.#services.clock.monotonicMs();
    });
    this.#tail = taking.catch(() => {}); // who sent it is told
    request.needs(this.#tail);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#watch(request, () => sender.abort(), () => {
      reject(
        new RefusedRequest(
          503,
          "still-running",
          `What came is not accepted after ${answerMs} ms: it goes on`,
        ),
      );
    });
    const end = () => {
      reject(
        new RefusedRequest(503, "still-running", "This process takes nothing any more: what came may go on"),
      );
    };
    this.#requests.add(end);
    try {
      return await Promise.race([taking, late]);
    } finally {
      cancel();
      this.#requests.delete(end);
    }
  }

  /** Looks now and then whether who sent a request is gone, and whether its time is over. */
  #watch(request: WaitingRequest, gone: () => void, late: () => void): () => void {
    const { clock } = this.#services;
    const untilMs = clock.monotonicMs() + answerMs;
    const look = () => {
      if (request.isGone()) gone();
      if (clock.monotonicMs() >= untilMs) late();
      else cancel = clock.setTimer(lookMs, look);
    };
    let cancel = clock.setTimer(lookMs, look);
    return () => cancel();
  }

  /** Forgets what it need not know any more. Returns in how many milliseconds there is something more to forget. */
  sweep(): number | undefined {
    if (this.busy) return lingerMs;
    const unusedMs = this.#services.clock.monotonicMs() - this.#usedMs;
    if (unusedMs >= lingerMs) this.#endTenure();
    const rememberMs = this.#services.isStored ? lingerMs : knownMs;
    if (unusedMs >= rememberMs) this.#last = [];
    if (this.isIdle) return undefined;
    return this.#tenure === undefined ? rememberMs - unusedMs : lingerMs - unusedMs;
  }

  /** Nothing is handed over any more, and no request waits. */
  end(): void {
    this.#ended = true;
    this.#endTenure();
    for (const endRequest of this.#requests) endRequest();
  }

  /** Resolves when nothing is in hand. Nothing is handed over any more. */
  async drain(): Promise<void> {
    this.#ended = true;
    await this.#tail;
    this.#endTenure();
  }

  async #takeNext(
    batch: readonly Received[],
    { signal, expiresAtMs }: { readonly signal: AbortSignal; readonly expiresAtMs: number },
  ): Promise<readonly Rejection[]> {
    const { from, known } = this.#knownOf(batch);
    const skipped = Math.max(Math.min(known, this.#lastAccepted - from), 0);
    const rest = batch.slice(skipped);
    const before = this.#lastRejections.map(({ index, reason }) => ({ index: index - from, reason }))
      .filter(({ index }) => index >= 0 && index < skipped);
    if (rest.length === 0) return before;
    for (let tries = 1;; tries++) {
      if (this.#ended) throw stopping();
      if (signal.aborted || this.#services.clock.now() > expiresAtMs) {
        throw new RefusedRequest(503, "unavailable", "Its sender has given it up");
      }
      this.#last = batch;
      this.#lastAccepted = skipped;
      this.#lastRejections = before;
      const error = await this.#handOver(rest, known > skipped || tries > 1, signal);
      if (Array.isArray(error)) {
        const now = error.map(({ index, reason }: Rejection) => ({ index: index + skipped, reason }));
        this.#lastAccepted = batch.length;
        return this.#lastRejections = [...before, ...now];
      }
      this.#endTenure();
      if (codeOf(error, "") !== "another-reader" || tries >= triesMax) {
        throw new RefusedRequest(503, "unavailable", "It was not accepted: it may be sent again");
      }
    }
  }

  /** Hands some deliveries over. Returns what was rejected, or why they were not taken. */
  async #handOver(
    batch: readonly Received[],
    cameBefore: boolean,
    signal: AbortSignal,
  ): Promise<unknown> {
    const gone = () => this.#endTenure(); // who sent it will send it again, maybe to another process
    signal.addEventListener("abort", gone);
    try {
      const held = await this.#hold();
      const again = !this.#options.once && (held.isNew || cameBefore);
      held.isNew = false;
      const deliveries = batch.map((one): Delivery => ({ ...one, again }));
      return await this.#services.receiver.take(deliveries, held.tenure);
    } catch (error) {
      return error instanceof Error ? error : new PosthornError("failed", messageOf(error));
    } finally {
      signal.removeEventListener("abort", gone);
    }
  }

  async #hold() {
    if (this.#tenure !== undefined) return this.#tenure;
    const end = new AbortController();
    const { once } = this.#options;
    const held = { tenure: { shard: this.#name, ...once && { once }, signal: end.signal }, end, isNew: true };
    this.#tenure = held;
    await this.#services.receiver.begin(held.tenure);
    return held;
  }

  #endTenure(): void {
    this.#tenure?.end.abort(new PosthornError("another-reader", "The tenure has ended"));
    this.#tenure = undefined;
  }

  /** How many of the first ones were among those that were handed over last, in the same order, and from which on. */
  #knownOf(batch: readonly Received[]): { readonly from: number; readonly known: number } {
    const from = this.#last.findIndex((one) => isSame(one, batch[0]));
    let count = 0;
    if (from < 0) return { from, known: count };
    while (
      count < batch.length && from + count < this.#last.length &&
      isSame(this.#last[from + count], batch[count])
    ) {
      count++;
    }
    return { from, known: count };
  }
}

/** Whether two are the same message: one without an id is not recognised. */
function isSame(a: Received, b: Received): boolean {
  return a.id !== undefined && a.id === b.id && a.key === b.key && a.operation === b.operation &&
    a.correlationId === b.correlationId && a.body.length === b.body.length &&
    a.body.every((byte, index) => byte === b.body[index]);
}
