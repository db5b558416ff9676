import type { Activation } from "./activations/activation.ts";
import type { Actor } from "./language/actor.ts";
import type { ActorId, Address } from "./language/address.ts";
import type { Clock } from "./base/clock.ts";
import { type DeadLetter, errorOfReason, InMemoryDeadLetters, wordsMax } from "./ports/dead_letters.ts";
import { Envelope, isReplyTarget, nameOf, Route } from "./messages/envelope.ts";
import { MailboxFullError, messageOf, NotFoundError, StoppedError, TerminalError } from "./base/errors.ts";
import type { Health } from "./ports/health.ts";
import type { MemoryHost } from "./activations/memory_host.ts";
import type { Ids } from "./messages/ids.ts";
import { FailureLog, type Log } from "./ports/failure_log.ts";
import {
  type Callback,
  type InspectedMessage,
  inspectedMessage,
  Inspectors,
  type MessageEvent,
} from "./ports/inspection.ts";
import { payloadOf } from "./messages/builtin_protocols.ts";
import { evictOldest, type Fullness, offerWithin } from "./activations/overflow.ts";
import { fitsAsItIs, type Operation } from "./language/protocol.ts";
import { parse, unchecked } from "./language/schema.ts";
import { Deduplication } from "./messages/deduplication.ts";
import { shorten } from "./base/shorten.ts";
import { shownActor, shownName } from "./messages/shown_name.ts";
import { codeOf, isThrown } from "./base/thrown.ts";
import type { DeliveryPort, Elsewhere } from "./activations/runtime_services.ts";
import type { Acceptance } from "./durable/delivery/accept_commit.ts";
import type { Persistence } from "./durable/persistence.ts";

/** Where a message goes. Whoever sends there often keeps the actor that was found. */
export interface Target extends ActorId {
  readonly target?: Activation | undefined;
  /** That is the actor. */
  cacheTarget?(found: Activation): void;
}

/** What delivery needs to know of a system's bounds. */
export interface DeliveryOptions {
  readonly clock: Clock;
  readonly deduplicationWindowMs: number;
  readonly replyRetentionMs: number;
  readonly log: Log | false;
  readonly limits: {
    readonly ids: number;
    readonly answerBytes: number;
    readonly deadLetters: number;
    readonly deadLetterBytes: number;
  };
}

/**
 * The two ways into a mailbox: `accept` from outside, which throws what stands in the way; `deliver` from turns, which
 * have committed, so that what stands in the way makes a dead letter.
 */
export class Delivery implements DeliveryPort {
  readonly inspectors: Inspectors = new Inspectors(
    (unobserved) => this.observersChanged(!unobserved),
    (error) => this.callbackFailed("inspect", error),
  );
  readonly deduplication: Deduplication;
  readonly deadLetters: InMemoryDeadLetters;
  readonly log: FailureLog;
  readonly hosts: Map<string, MemoryHost> = new Map();
  /** The durable actors; absent where there is no store. */
  persistence: Persistence | undefined = undefined;
  /** The store; where there is none, the replies that are kept in memory. */
  elsewhere: Elsewhere | undefined = undefined;
  private readonly clock: Clock;
  private readonly ids: Ids;
  private state: Health["status"] = "running";
  /** Messages that found no mailbox: their turn had committed. */
  undelivered = 0;
  /** Whether the system runs and nobody listens: then most messages need nothing but their place in a mailbox. */
  private usual = true;

  constructor(
    ids: Ids,
    { clock, deduplicationWindowMs: windowMs, replyRetentionMs: answerMs, limits, log }: DeliveryOptions,
  ) {
    this.ids = ids;
    this.clock = clock;
    this.deduplication = new Deduplication({ ...limits, windowMs, answerMs }, clock);
    this.deadLetters = new InMemoryDeadLetters(limits.deadLetters, limits.deadLetterBytes);
    this.log = new FailureLog(log, clock);
  }

  /** Whether the system takes messages in. */
  get status(): Health["status"] {
    return this.state;
  }

  set status(status: Health["status"]) {
    this.state = status;
    this.usual = status === "running" && this.inspectors.unobserved;
  }

  /**
   * Puts a message from outside a turn into its mailbox, or throws: what stands in the way, and then nothing was
   * accepted. Without a route it is nothing but its payload. A durable receiver's is committed: a promise, which rejects
   * with the same.
   */
  accept(to: Target, operation: Operation, payload: unknown, route?: Route): Promise<unknown> | undefined {
    const { target: found } = to;
    if (
      found !== undefined && this.usual && fitsAsItIs(operation, payload) &&
      (route === undefined || route.extras === undefined) && found.takes(operation)
    ) {
      const { host } = found;
      if (found.offer(route ?? host.plainRoutes[operation.slot], payload, host.capacity)) return;
    }
    return this.acceptAny(to, operation, payload, route);
  }

  private acceptAny(
    to: Target,
    operation: Operation,
    payload: unknown,
    route?: Route,
  ): Promise<unknown> | undefined {
    if (this.state !== "running") this.requireRunning(`accept ${shownName(operation, to.key)}`);
    const value = this.check(operation, to.key, payload);
    if (this.persistence?.has(operation.protocol)) {
      this.requireHandled(operation, to.key);
      return this.persistence.accept(to, route ?? new Route(operation), payload);
    }
    const activation = this.receiver(to, operation);
    to.cacheTarget?.(activation);
    const { host } = activation;
    let way = route ?? host.plainRoutes[operation.slot];
    if (value !== payload) way = way.with({ input: { payload } });
    if (!this.inspectors.unobserved) way = this.numbered(way);
    const full = offerWithin(activation, way, value);
    const displaced = full === undefined ? [] : this.displace(activation, way, value, full);
    if (!this.inspectors.unobserved) this.inspect({ type: "accepted" }, this.envelope(way, to.key, value));
    for (const one of displaced) {
      const { held, bound, what } = full!;
      this.deadLetter(one, "dropped", `${one} gave way: the mailbox held ${held} of ${bound} ${what}`);
    }
  }

  /** The same for a durable receiver, with the name of the reply that is kept for it. */
  async acceptDurably(to: Target, payload: unknown, route: Route, ticket: string): Promise<Acceptance> {
    const { operation } = route;
    this.requireAcceptable(to, operation, payload);
    return await this.persistence!.accept(to, route, payload, { ticket });
  }

  deliver(to: Target, route: Route, payload: unknown): void {
    if (!this.place(to, route, payload)) this.deliverAny(to, route, payload);
  }

  /** Puts a message of a turn into its mailbox where that needs nothing else. Returns whether it did. */
  place(to: Target, route: Route, payload: unknown): boolean {
    const { target: found } = to;
    const { operation } = route;
    return found !== undefined && this.usual && route.extras === undefined &&
      fitsAsItIs(operation, payload) &&
      found.takes(operation) && found.offer(route, payload, found.host.turnCapacity);
  }

  private deliverAny(to: Target, route: Route, payload: unknown): void {
    const { extras } = route;
    if (this.elsewhere?.takes(to)) return this.deliverElsewhere(this.elsewhere, to, route, payload);
    if (extras?.scope === undefined) return this.deliverNew(to, route, payload);
    const envelope = new Envelope(route, to.key, extras.id!, payload);
    try {
      this.deduplication.once(envelope, () => {
        this.deliverNew(to, route, payload);
        return route.replyTo; // whoever submits it again is told where its reply is
      });
    } catch (error) {
      this.undelivered++; // a turn has committed: nothing may stop what is left of it
      this.deadLetterError(envelope, error);
    }
  }

  deliverTo(address: Address, payload: unknown, cause?: Envelope): void {
    const headers = cause?.headers;
    const route = new Route(
      this.operationAt(address),
      cause?.id,
      cause?.correlationId,
      undefined,
      undefined,
      headers && { headers },
    );
    this.deliverAny(address, route, payload);
  }

  deadLetter(envelope: Envelope, reason: string, message: string, error?: unknown): void {
    const letter: DeadLetter = {
      id: this.ids.text(envelope.id),
      protocol: envelope.operation.protocol,
      key: envelope.key,
      operation: envelope.operation.name,
      payload: payloadOf(envelope),
      reason,
      message: shorten(message, wordsMax),
      attempts: envelope.attempts,
      atMs: this.clock.now(),
    };
    const { caller, bytes } = envelope.route.extras ?? {};
    this.deadLetters.add(letter, { resend: () => this.resend(envelope), caller, bytes });
    this.deadLettered(letter, error);
    const { replyTo, extras } = envelope.route;
    if (isReplyTarget(replyTo)) replyTo.fail(errorOfReason(reason, message, error));
    const failTo = extras?.failTo;
    if (failTo === undefined) return;
    const words = isThrown(error, TerminalError) ? messageOf(error) : message; // what its handler meant for the caller
    this.deliverTo(failTo, { id: letter.id, code: reason, message: shorten(words, wordsMax) }, envelope);
  }

  /** There is a dead letter: counts it, and tells whoever listens, and the log. */
  deadLettered(letter: DeadLetter, error?: unknown): void {
    this.deadLetters.count();
    if (!this.inspectors.unobserved) this.inspectors.emit({ type: "dead", letter });
    this.log.dead(letter, error);
  }

  callbackFailed(callback: Callback, error: unknown): void {
    const event = { type: "callback-failed", callback, error } as const;
    this.inspectors.emit(event);
    this.log.fault(event);
  }

  unreadable(row: string, error: unknown): void {
    const event = { type: "unreadable", row, error } as const;
    this.inspectors.emit(event);
    this.log.fault(event);
  }

  retrying(envelope: Envelope, error: unknown, attempt: number, afterMs: number): void {
    this.inspect({ type: "retrying", afterMs }, envelope);
    this.log.failed(() => this.inspected(envelope), error, attempt, afterMs);
  }

  /** The actor of that key, if there is one. */
  find(protocol: string, key: string): Activation | undefined {
    return this.hosts.get(protocol)?.find(key);
  }

  operationAt(address: Address): Operation {
    return this.actorOf(address.protocol)?.operations[address.operation] ??
      {
        protocol: address.protocol,
        mode: "tell",
        name: address.operation,
        slot: -1,
        payload: unchecked(),
        unchecked: true,
      };
  }

  inspect(event: MessageEvent, envelope: Envelope): void {
    if (this.inspectors.unobserved) return;
    this.inspectors.emit({ ...event, message: this.inspected(envelope) });
  }

  private inspected(envelope: Envelope): InspectedMessage {
    return inspectedMessage(envelope, (id) => this.ids.text(id));
  }

  /** The actor that handles an operation under that name. Throws an `NotFoundError` or a `LimitExceededError`. */
  receiver(to: Target, operation: Operation): Activation {
    if (to.target?.takes(operation)) return to.target;
    this.requireHandled(operation, to.key);
    return this.hosts.get(operation.protocol)!.get(to.key);
  }

  /** Throws an `NotFoundError` unless somebody here handles the operation. */
  private requireHandled(operation: Operation, key: string): void {
    const actor = this.actorOf(operation.protocol);
    if (actor === undefined) {
      const why = `this system hosts no actor of ${operation.protocol}`;
      throw new NotFoundError("unknown-protocol", `Cannot deliver to ${operation.protocol}/${key}: ${why}`);
    }
    // By identity: another protocol of that name would meet a handler that is not its own, unchecked.
    const own = actor.operations[operation.name];
    if (own !== operation || own.mode === "event") {
      const why = own === undefined
        ? `it has no operation ${operation.name}`
        : own === operation
        ? `${operation.name} is an event, which is published and not sent to an actor`
        : `its ${operation.protocol} is another protocol of that name, or a second copy of its module`;
      throw new NotFoundError("unknown-operation", `Cannot deliver to ${operation.protocol}/${key}: ${why}`);
    }
  }

  private actorOf(protocol: string): Actor | undefined {
    return this.hosts.get(protocol)?.actor ?? this.persistence?.hosts.get(protocol)?.actor;
  }

  private deliverElsewhere(elsewhere: Elsewhere, to: Target, route: Route, payload: unknown): void {
    const refuse = (error: unknown) => {
      this.undelivered++;
      this.deadLetterError(this.envelope(route, to.key, payload), error);
    };
    try {
      elsewhere.send(to, route, payload)?.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  }

  private deliverNew(to: Target, route: Route, payload: unknown): void {
    const { operation, extras } = route;
    let activation: Activation;
    let value = payload;
    let way = route;
    try {
      if (this.state === "stopped") this.requireRunning(`accept ${shownName(operation, to.key)}`);
      if (extras === undefined || extras.input === undefined) {
        value = this.check(operation, to.key, payload);
        if (value !== payload) way = route.with({ input: { payload } });
      }
      activation = this.receiver(to, operation);
      to.cacheTarget?.(activation);
    } catch (error) {
      this.undelivered++;
      return this.deadLetterError(this.envelope(way, to.key, value), error);
    }
    if (!this.inspectors.unobserved) way = this.numbered(way);
    if (!activation.offer(way, value, activation.host.turnCapacity)) {
      return this.deadLetterFull(activation, way, value);
    }
    if (!this.inspectors.unobserved) this.inspect({ type: "accepted" }, this.envelope(way, to.key, value));
  }

  /** What its schema makes of a payload. Throws an `InvalidPayloadError` when it does not fit. */
  check(operation: Operation, key: string, payload: unknown): unknown {
    if (operation.unchecked) return payload;
    return parse(operation.payload, payload, "Cannot accept", { toString: () => nameOf(operation, key) });
  }

  /** Throws what stands in the way of a message by itself, whatever room there is. */
  requireAcceptable({ key }: ActorId, operation: Operation, payload: unknown): void {
    if (this.state !== "running") this.requireRunning(`accept ${shownName(operation, key)}`);
    this.check(operation, key, payload);
    this.requireHandled(operation, key);
  }

  /** Throws a `StoppedError` unless the system takes messages in; `what` is what it should be there for. */
  requireRunning(what: string): void {
    if (this.state === "running") return;
    const why = this.state === "stopped" ? "has stopped" : "is stopping";
    throw new StoppedError(`Cannot ${what}: the system ${why}`);
  }

  /** What gives way where a mailbox is full: the message itself, or the oldest. Throws where it refuses. */
  private displace(activation: Activation, route: Route, value: unknown, full: Fullness): Envelope[] {
    const { overflow } = activation.host.actor.mailbox;
    if (overflow === "reject") {
      throw new MailboxFullError(
        shownActor(activation.protocol, activation.key),
        full.held,
        full.bound,
        full.what,
      );
    }
    if (overflow === "drop-oldest") return evictOldest(activation, route, value, full);
    this.undelivered++;
    return [this.envelope(route, activation.key, value)];
  }

  private deadLetterError(envelope: Envelope, error: unknown): void {
    this.deadLetter(envelope, codeOf(error, "failed"), messageOf(error), error);
  }

  private deadLetterFull(activation: Activation, route: Route, value: unknown): void {
    this.undelivered++;
    const envelope = this.envelope(route, activation.key, value);
    const held = `the mailbox holds ${activation.length} of ${activation.host.turnCapacity} messages`;
    this.deadLetter(envelope, "mailbox-full", `${envelope}: ${held}`);
  }

  private envelope(route: Route, key: string, value: unknown): Envelope {
    return new Envelope(route, key, route.extras?.id ?? this.ids.next(), value);
  }

  /** With an id of its own: whoever listens sees the same from the beginning to the end. */
  private numbered(route: Route): Route {
    return route.extras?.id === undefined ? route.with({ id: this.ids.next() }) : route;
  }

  private observersChanged(observed: boolean): void {
    this.usual = !observed && this.state === "running";
    for (const host of this.hosts.values()) host.observed = observed;
  }

  private resend({ operation, key, payload, routeAgain }: Envelope): void | Promise<void> {
    this.requireRunning(`accept ${shownName(operation, key)}`);
    const to = { protocol: operation.protocol, key };
    const elsewhere = this.persistence?.has(to.protocol) ? undefined : this.elsewhere;
    const sent = elsewhere?.takes(to)
      ? elsewhere.send(to, routeAgain, payload)
      : this.accept(to, operation, payload, routeAgain);
    return sent?.then(() => {});
  }
}
