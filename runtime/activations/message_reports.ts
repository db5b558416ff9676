import type { Clock } from "../base/clock.ts";
import type { Envelope, Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { Watch } from "../messages/watch.ts";
import type { Inspectors, MessageInspection } from "../ports/inspection.ts";
import { MessageView } from "../ports/message_view.ts";
import { CountedSampler, Sampler } from "../ports/sampler.ts";
import type { Turn } from "../turns/turn.ts";

/** More than the error of a sum of two times, and less than a millisecond. */
const roundingMs = 0.001;

/** What counts the messages of one protocol in memory. */
export interface Counted {
  /** How many were put into mailboxes. */
  accepted: number;
  /** How many were when the last one of the sample was. */
  sampledAt: number;
}

/** What knows when a message was accepted, in milliseconds since 1970; it may have to read that from a text. */
interface Accepted {
  readonly acceptedMs: number | undefined;
}

/** The times of a message that an event tells. */
export interface MessageTimes {
  readonly acceptedMs?: number | undefined;
  readonly tookMs?: number | undefined;
}

/** Reports what happens to messages to the listeners of a system. Nothing of it is called while nobody listens. */
export class MessageReports {
  readonly #inspectors: Inspectors;
  readonly #ids: Ids;
  readonly #clock: Clock;
  /** Which messages in memory are of the sample: the scheduler tells the time, so that most messages need not ask. */
  readonly #inMemory = new Sampler();
  /** Which messages in a store are, of those that this process accepts. */
  readonly #inStore = new CountedSampler();
  /** Which are of those whose actor was loaded after that, or that another process accepted: nothing is kept with them. */
  readonly #found = new CountedSampler();
  /** How far the time of day was ahead of the monotonic clock when the scheduler read both: so one read gives both. */
  #aheadMs: number | undefined = undefined;
  /** Whether there is a sample. */
  #samples = false;

  constructor(inspectors: Inspectors, ids: Ids, clock: Clock) {
    this.#inspectors = inspectors;
    this.#ids = ids;
    this.#clock = clock;
  }

  /** Whether the next message in memory is to be watched. */
  get watchesNext(): boolean {
    return this.#inspectors.everything || (this.#inspectors.sampling && this.#inMemory.due);
  }

  /** The scheduler has read the clock. Returns whether the next message in memory is to be watched because of that. */
  look(monotonicMs: number, nowMs: number): boolean {
    if (this.#inspectors.unobserved) return false;
    this.#aheadMs = nowMs - monotonicMs;
    const { sampling, sampledEveryMs } = this.#inspectors;
    return sampling && this.#inMemory.look(monotonicMs, sampledEveryMs);
  }

  /** Listeners were added or removed. The first message of a sample stands for those since there is one. */
  listenersChanged(counts: Iterable<Counted>): void {
    const { unobserved, sampling } = this.#inspectors;
    if (unobserved) this.#aheadMs = undefined;
    if (sampling && !this.#samples) {
      this.#inStore.begin();
      this.#found.begin();
      for (const counted of counts) counted.sampledAt = counted.accepted;
    }
    this.#samples = sampling;
  }

  /** The route of a message that is about to be accepted in memory: it is marked if listeners are told of its turn. */
  watch(route: Route, { accepted, sampledAt }: Counted): Route {
    const { everything, sampling } = this.#inspectors;
    const stands = sampling && this.#inMemory.take() ? Math.max(accepted - sampledAt, 0) + 1 : 0;
    if (stands === 0 && !everything) return route;
    const id = route.extras?.id ?? this.#ids.next(); // so that listeners see the same one from the beginning to the end
    const monotonicMs = this.#clock.monotonicMs();
    this.#aheadMs ??= this.#clock.now() - monotonicMs;
    const watch = { acceptedMs: Math.floor(monotonicMs + this.#aheadMs + roundingMs), monotonicMs, stands };
    return route.with({ id, watch });
  }

  /** A message was accepted in memory. */
  accepted(route: Route, key: string, counted: Counted): void {
    const { watch, id } = route.extras ?? {};
    if (watch === undefined) return;
    if (watch.stands > 0) counted.sampledAt = counted.accepted;
    const shown = this.#shown(watch.stands);
    const view = new MessageView(this.#ids, route.operation, key, id!, route, 0, watch.acceptedMs, shown);
    this.#tell({ type: "accepted", message: view }, view, watch.stands);
  }

  /**
   * A message is about to wait in the mailbox of a durable actor. Returns how many it stands for; `undefined` if nobody is
   * told of it: then nothing is made for it, as for most messages of a busy system that is only sampled.
   */
  drawnInStore(protocol: string): number | undefined {
    const stands = this.#draw(this.#inStore, protocol);
    return stands === 0 && !this.#inspectors.everything ? undefined : stands;
  }

  /**
   * A message that was drawn was committed to its mailbox, or an ask waits in it; `found` says that this process did not
   * accept it. Returns what is kept with it.
   */
  acceptedInStore(
    route: Route,
    key: string,
    stands: number,
    acceptedMs = this.#clock.now(),
    found = false,
  ): Watch {
    const agoMs = found ? Math.max(this.#clock.now() - acceptedMs, 0) : 0;
    const watch = { acceptedMs, monotonicMs: this.#clock.monotonicMs() - agoMs, stands };
    const { id } = route.extras!;
    const shown = this.#shown(stands);
    const view = new MessageView(this.#ids, route.operation, key, id!, route, 0, acceptedMs, shown);
    this.#tell({ type: "accepted", message: view }, view, stands);
    return watch;
  }

  /** A turn in memory begins. */
  started(turn: Turn): void {
    const watch = turn.route.extras?.watch;
    this.#started(turn, watch, watch, watch?.stands ?? 0);
  }

  /** A turn of a durable actor begins. A message with which nothing was kept is drawn here. */
  startedInStore(turn: Turn, mail: Accepted): void {
    const watch = turn.route.extras?.watch;
    const { protocol } = turn.route.operation;
    this.#started(turn, watch, mail, watch?.stands ?? this.#draw(this.#found, protocol));
  }

  #started(turn: Turn, watch: Watch | undefined, accepted: Accepted | undefined, stands: number): void {
    if (stands === 0 && !this.#inspectors.everything) return;
    const acceptedMs = accepted?.acceptedMs;
    const message = this.#viewOf(turn, acceptedMs, this.#shown(stands));
    const startedMs = this.#clock.monotonicMs();
    turn.watched = { message, stands, startedMs, tookMs: undefined };
    const waitedMs = watch?.monotonicMs !== undefined
      ? startedMs - watch.monotonicMs
      : acceptedMs === undefined
      ? undefined
      : Math.max(this.#clock.now() - acceptedMs, 0);
    this.#tell({ type: "started", message, waitedMs }, message, stands);
  }

  /** The handler of a turn has ended. */
  ended(turn: Turn): void {
    const { watched } = turn;
    if (watched !== undefined) watched.tookMs ??= this.#clock.monotonicMs() - watched.startedMs;
  }

  /** The times of a turn that has ended, or is taken back; `undefined` if nobody listened when it began. */
  timesOf(turn: Turn): MessageTimes | undefined {
    const { watched } = turn;
    if (watched === undefined) return undefined;
    this.ended(turn);
    return { acceptedMs: watched.message.acceptedMs, tookMs: watched.tookMs };
  }

  /** A turn has committed. */
  done(turn: Turn): void {
    const { watched } = turn;
    if (watched === undefined && !this.#inspectors.everything) return;
    const { message = this.#viewOf(turn, undefined), stands = 0, tookMs } = watched ?? {};
    this.#tell({ type: "done", message, tookMs }, message, stands);
  }

  /** A message was taken back. Returns it. */
  cancelled(envelope: Envelope, times?: MessageTimes): Envelope {
    if (this.#inspectors.unobserved) return envelope;
    const message = this.view(envelope, times?.acceptedMs);
    this.#inspectors.emit({ type: "cancelled", message, tookMs: times?.tookMs });
    return envelope;
  }

  /** A turn has failed. */
  failed(envelope: Envelope, error: unknown, times?: MessageTimes): void {
    if (this.#inspectors.unobserved) return;
    const message = this.view(envelope, times?.acceptedMs);
    this.#inspectors.emit({ type: "failed", message, error, tookMs: times?.tookMs });
  }

  /** A message will be tried again. */
  retrying(envelope: Envelope, afterMs: number, times?: MessageTimes): void {
    if (this.#inspectors.unobserved) return;
    const message = this.view(envelope, times?.acceptedMs);
    this.#inspectors.emit({ type: "retrying", message, afterMs, tookMs: times?.tookMs });
  }

  /** A message as listeners see it. */
  view(
    { operation, key, id, route, attempts }: Envelope,
    acceptedMs = route.extras?.watch?.acceptedMs,
  ): MessageView {
    return new MessageView(this.#ids, operation, key, id, route, attempts, acceptedMs);
  }

  #viewOf(turn: Turn, acceptedMs: number | undefined, stands?: number): MessageView {
    const { route, key, messageId, attempt } = turn;
    return new MessageView(this.#ids, route.operation, key, messageId, route, attempt, acceptedMs, stands);
  }

  /** How many messages one stands for as listeners see it first; those of a sample get another view if others listen too. */
  #shown(stands: number): number {
    return this.#inspectors.everything ? 1 : stands;
  }

  /** Draws a message in the store. Returns how many it stands for; 0 if it is not of the sample. */
  #draw(sampler: CountedSampler, protocol: string): number {
    const { sampling, sampledEveryMs } = this.#inspectors;
    return sampling ? sampler.draw(protocol, this.#clock.monotonicMs(), sampledEveryMs) : 0;
  }

  #tell(event: MessageInspection, message: MessageView, stands: number): void {
    if (this.#inspectors.everything) this.#inspectors.emitEach(standing(event, message, 1));
    if (stands > 0) this.#inspectors.emitSampled(standing(event, message, stands));
  }
}

/** The event for listeners to whom its message stands for so many. */
function standing(event: MessageInspection, message: MessageView, stands: number): MessageInspection {
  return message.stands === stands ? event : { ...event, message: message.standing(stands) };
}
