import type { Activation } from "./activations/activation.ts";
import type { ActorId, Address } from "./language/address.ts";
import type { Clock } from "./base/clock.ts";
import {
  codeOfThrown,
  type DeadLetter,
  errorOfReason,
  InMemoryDeadLetters,
  wordsMax,
} from "./ports/dead_letters.ts";
import { Envelope, isReplyTarget, namedOperation, nameOf, Route } from "./messages/envelope.ts";
import { deadLetterOf } from "./ports/dead_letter_of.ts";
import { messageOf, StoppedError, TerminalError } from "./base/errors.ts";
import type { Health } from "./ports/health.ts";
import type { MemoryHost } from "./activations/memory_host.ts";
import type { Ids } from "./messages/ids.ts";
import { FailureLog, type Fault } from "./ports/failure_log.ts";
import type { ResolvedOptions } from "./ports/options.ts";
import { DelayedDelivery } from "./delayed_delivery.ts";
import type { Timers } from "./scheduling/timers.ts";
import { type Callback, Inspectors } from "./ports/inspection.ts";
import { MessageReports, type MessageTimes } from "./activations/message_reports.ts";
import { failureAddresses, toldTo } from "./messages/failure_addresses.ts";
import { displace, offerWithin } from "./activations/overflow.ts";
import { fitsAsItIs } from "./language/fits_as_it_is.ts";
import type { Operation } from "./language/protocol.ts";
import { parse } from "./language/parse.ts";
import { Deduplication } from "./messages/deduplication.ts";
import { shorten } from "./base/shorten.ts";
import { shownName } from "./messages/shown_name.ts";
import { codeOf, isThrown } from "./base/thrown.ts";
import type { Interception } from "./turns/interception.ts";
import { tellPass } from "./messages/respondents.ts";
import type { DeliveryPort, Elsewhere } from "./activations/runtime_services.ts";
import type { Acceptance } from "./durable/delivery/acceptance.ts";
import type { Target } from "./target.ts";
import { actorOf, requireHandled } from "./require_handled.ts";
import { resend } from "./resend.ts";
import type { Persistence } from "./durable/persistence.ts";
import type { Remote } from "./remote/remote.ts";

/**
 * The two ways into a mailbox. `accept` takes messages from outside, and throws if it cannot. `deliver` takes messages
 * of turns, which have committed: if it cannot deliver one, it makes a dead letter of it.
 */
export class Delivery implements DeliveryPort {
  readonly inspectors: Inspectors = new Inspectors(
    (unobserved) => this.observersChanged(unobserved),
    (error) => this.callbackFailed("inspect", error),
  );
  readonly reports: MessageReports;
  readonly deduplication: Deduplication;
  readonly deadLetters: InMemoryDeadLetters;
  readonly log: FailureLog;
  readonly hosts: Map<string, MemoryHost> = new Map();
  /** The delayed messages that wait in memory. */
  readonly delayed: DelayedDelivery;
  /** The durable actors; absent if the system has no store. */
  persistence: Persistence | undefined = undefined;
  /** The store; if the system has none, the replies that it keeps in memory. */
  elsewhere: Elsewhere | undefined = undefined;
  /** The other services; absent if the system has no transport. */
  remote: Remote | undefined = undefined;
  private interception: Interception | undefined = undefined;
  private readonly clock: Clock;
  private readonly ids: Ids;
  private state: Health["status"] = "running";
  /** How many messages of turns, and from other processes, found no mailbox. */
  undelivered = 0;
  /** Whether the system runs and nobody is told of the next message: then most messages only need room in a mailbox. */
  private usual = true;

  constructor(
    ids: Ids,
    { clock, deduplicationWindowMs: windowMs, replyRetentionMs: answerMs, limits, log }: ResolvedOptions,
    timers: Timers,
  ) {
    this.ids = ids;
    this.clock = clock;
    this.reports = new MessageReports(this.inspectors, ids, clock);
    this.deduplication = new Deduplication({ ...limits, windowMs, answerMs }, clock);
    this.deadLetters = new InMemoryDeadLetters(limits.deadLetters, limits.deadLetterBytes);
    this.log = new FailureLog(log, clock);
    this.delayed = new DelayedDelivery(limits, timers, this);
  }

  /** Whether the system accepts messages. */
  get status(): Health["status"] {
    return this.state;
  }

  set status(status: Health["status"]) {
    this.state = status;
    this.observe();
  }

  /** Has interceptors from now on. */
  intercept(interception: Interception | undefined): void {
    this.interception = interception;
    this.observe();
  }

  /**
   * Puts a message from outside a turn into its mailbox. Throws if it cannot, and then nothing was accepted. A message
   * without a route is only its payload. If the receiver is durable, the message is committed to the store: then it
   * returns a promise, which rejects with what it would throw.
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
    given?: Route,
  ): Promise<unknown> | undefined {
    const { interception } = this;
    if (!interception?.takes(operation)) return this.receive(to, operation, payload, given);
    const receive = (route: Route) => this.receive(to, operation, payload, route);
    return interception.send(to, given ?? new Route(operation), payload, receive);
  }

  /** Accepts a message as `accept` does, without interceptors: it was sent before. */
  receive(to: Target, operation: Operation, payload: unknown, route?: Route): Promise<unknown> | undefined {
    const waits = route?.extras?.delay !== undefined && !this.commits(operation.protocol);
    if (waits) return this.delayed.accept(to, route, payload);
    if (this.persistence?.has(operation.protocol) || this.remote?.has(operation.protocol)) {
      return this.commit(to, payload, route ?? new Route(operation));
    }
    if (this.state !== "running") this.requireRunning(`accept ${shownName(operation, to.key)}`);
    const value = this.check(operation, to.key, payload);
    const activation = this.receiver(to, operation);
    to.cacheTarget?.(activation);
    const { host } = activation;
    let sent = route ?? host.plainRoutes[operation.slot];
    if (value !== payload) sent = sent.with({ input: { payload } });
    if (this.reports.watchesNext) sent = this.watched(sent, host);
    const full = offerWithin(activation, sent, value);
    const displaced = full === undefined ? [] : displace(activation, sent, value, full, () => {
      this.undelivered++;
      return this.envelope(sent, to.key, value);
    });
    if (sent.watched) this.reports.accepted(sent, to.key, host);
    for (const one of displaced) {
      const { held, bound, what } = full!;
      this.deadLetter(one, "dropped", `${one} was evicted: the mailbox held ${held} of ${bound} ${what}`);
    }
  }

  /** Whether a message from outside to an actor of that protocol is committed, here or to another service. */
  commits(protocol: string): boolean {
    const { persistence } = this;
    return persistence !== undefined && (persistence.has(protocol) || this.remote?.has(protocol) === true);
  }

  /**
   * Accepts a message for a durable receiver, or for another service; `ticket` is the key of the reply that the store keeps
   * for it.
   */
  acceptDurably(to: Target, payload: unknown, route: Route, ticket?: string): Promise<Acceptance> {
    if (!this.interception?.takes(route.operation)) return this.commit(to, payload, route, ticket);
    return this.interception.send(to, route, payload, (route) => this.commit(to, payload, route, ticket));
  }

  private commit(to: Target, payload: unknown, route: Route, ticket?: string): Promise<Acceptance> {
    const { operation, extras } = route;
    this.requireAcceptable(to, operation, payload);
    if (extras?.delay !== undefined) return this.persistence!.accept(to, route, payload, ticket);
    if (this.remote?.has(operation.protocol)) return this.remote.accept(to, route, payload, ticket);
    return this.persistence!.accept(to, route, payload, ticket);
  }

  deliver(to: Target, route: Route, payload: unknown): void {
    if (!this.place(to, route, payload)) this.deliverAny(to, route, payload);
  }

  /** Puts a message of a turn into its mailbox, if that needs no further step. Returns whether it did. */
  place(to: Target, route: Route, payload: unknown): boolean {
    const { target: found } = to;
    const { operation } = route;
    return found !== undefined && this.usual && route.extras === undefined &&
      fitsAsItIs(operation, payload) &&
      found.takes(operation) && found.offer(route, payload, found.host.turnCapacity);
  }

  /** Delivers a message of a turn, or one that was delayed and is due. */
  deliverAny(to: Target, route: Route, payload: unknown): void {
    const { extras } = route;
    if (extras?.delay !== undefined) return this.delayed.deliver(to, route, payload);
    if (this.remote !== undefined) {
      if (this.remote.takes(to)) return this.deliverElsewhere(this.remote, to, route, payload);
      this.deliverCopies(this.remote, to, route, payload);
    }
    if (this.elsewhere?.takes(to)) return this.deliverElsewhere(this.elsewhere, to, route, payload);
    if (extras?.scope === undefined) return this.deliverNew(to, route, payload);
    const envelope = new Envelope(route, to.key, extras.id!, payload);
    try {
      this.deduplication.once(envelope, () => {
        this.deliverNew(to, route, payload);
        return route.replyTo; // a repeat is answered with the address of its reply
      });
    } catch (error) {
      this.undeliverable(envelope, error);
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
    const letter = deadLetterOf(envelope, this.ids, { reason, message, atMs: this.clock.now() });
    const { caller, bytes } = envelope.route.extras ?? {};
    const correlationId = this.ids.text(envelope.correlationId);
    this.deadLetters.add(letter, { resend: () => resend(this, envelope), caller, bytes, correlationId });
    this.deadLettered(letter, error);
    const { replyTo, extras } = envelope.route;
    if (isReplyTarget(replyTo)) replyTo.fail(errorOfReason(reason, message, error));
    const told = failureAddresses(replyTo, extras?.failTo);
    if (told.length === 0) return this.state === "stopped" ? undefined : tellPass(this, envelope);
    const words = isThrown(error, TerminalError) ? messageOf(error) : message; // the handler's own words
    const failure = {
      id: letter.id,
      code: reason,
      message: shorten(words, wordsMax),
      ...codeOfThrown(error),
    };
    for (const to of told) this.deliverTo(to, toldTo(to, failure), envelope);
  }

  /** Counts a new dead letter, and reports it to observers and to the log. */
  deadLettered(letter: DeadLetter, error?: unknown): void {
    this.deadLetters.count();
    if (!this.inspectors.unobserved) this.inspectors.emit({ type: "dead", letter });
    this.log.dead(letter, error);
  }

  callbackFailed(callback: Callback, error: unknown): void {
    this.fault({ type: "callback-failed", callback, error });
  }

  /** The transport reports a failure that no call can report. */
  transportFailed(transport: string, error: unknown): void {
    this.fault({ type: "transport-failed", transport, error });
  }

  unreadable(row: string, error: unknown): void {
    this.fault({ type: "unreadable", row, error });
  }

  private fault(event: Fault): void {
    this.inspectors.emit(event);
    this.log.fault(event);
  }

  retrying(envelope: Envelope, error: unknown, afterMs: number, times?: MessageTimes): void {
    this.reports.retrying(envelope, afterMs, times);
    this.log.failed(() => this.reports.view(envelope), error, envelope.attempts, afterMs);
  }

  /** The activation of that key that lives in memory alone, if there is one. */
  find(protocol: string, key: string): Activation | undefined {
    return this.hosts.get(protocol)?.find(key);
  }

  operationAt(address: Address): Operation {
    const { protocol, operation } = address;
    return actorOf(this, protocol)?.operations[operation] ?? this.remote?.operation(protocol, operation) ??
      namedOperation(address);
  }

  requirePublishable(event: Operation): void {
    this.remote?.requirePublishable(event);
  }

  answerOf(envelope: Envelope): unknown {
    return this.deduplication.answerOf(envelope);
  }

  /** The activation that handles an operation. Throws a `NotFoundError` or a `LimitExceededError`. */
  receiver(to: Target, operation: Operation): Activation {
    if (to.target?.takes(operation)) return to.target;
    requireHandled(this, operation, to.key);
    return this.hosts.get(operation.protocol)!.get(to.key);
  }

  private deliverElsewhere(elsewhere: Elsewhere, to: Target, route: Route, payload: unknown): void {
    const refuse = (error: unknown) => this.undeliverable(this.envelope(route, to.key, payload), error);
    try {
      elsewhere.send(to, route, payload)?.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  }

  /** Other services get a publication too. */
  private deliverCopies(remote: Remote, to: Target, route: Route, payload: unknown): void {
    for (const copy of remote.copiesOf(to, route, payload)) {
      this.deliverElsewhere(remote, copy.to, copy.route, payload);
    }
  }

  private deliverNew(to: Target, route: Route, payload: unknown): void {
    const { operation, extras } = route;
    let activation: Activation;
    let value = payload;
    let sent = route;
    try {
      if (this.state === "stopped") this.requireRunning(`accept ${shownName(operation, to.key)}`);
      if (extras === undefined || extras.input === undefined) {
        value = this.check(operation, to.key, payload);
        if (value !== payload) sent = route.with({ input: { payload } });
      }
      activation = this.receiver(to, operation);
      to.cacheTarget?.(activation);
    } catch (error) {
      return this.undeliverable(this.envelope(sent, to.key, value), error);
    }
    if (this.reports.watchesNext) sent = this.watched(sent, activation.host);
    if (!activation.offer(sent, value, activation.host.turnCapacity)) {
      const envelope = this.envelope(sent, to.key, value);
      const held = `the mailbox holds ${activation.length} of ${activation.host.turnCapacity} messages`;
      this.undelivered++;
      return this.deadLetter(envelope, "mailbox-full", `${envelope}: ${held}`);
    }
    if (sent.watched) this.reports.accepted(sent, to.key, activation.host);
  }

  /**
   * The output of the operation's schema for a payload. Throws an `InvalidPayloadError` if the payload does not fit.
   */
  check(operation: Operation, key: string, payload: unknown): unknown {
    if (operation.unchecked) return payload;
    return parse(operation.payload, payload, "Cannot accept", { toString: () => nameOf(operation, key) });
  }

  /** Throws if a message could not be accepted even if there were room for it. */
  requireAcceptable({ key }: ActorId, operation: Operation, payload: unknown): void {
    if (this.state !== "running") this.requireRunning(`accept ${shownName(operation, key)}`);
    this.check(operation, key, payload);
    requireHandled(this, operation, key);
  }

  /** Throws a `StoppedError` unless the system accepts messages; `what` names what the caller wants to do. */
  requireRunning(what: string): void {
    if (this.state === "running") return;
    const why = this.state === "stopped" ? "has stopped" : "is stopping";
    throw new StoppedError(`Cannot ${what}: the system ${why}`);
  }

  /**
   * Makes a dead letter of a message that a committed turn sent: the other messages of the turn must still be
   * delivered.
   */
  undeliverable(envelope: Envelope, error: unknown): void {
    this.undelivered++;
    this.deadLetter(envelope, codeOf(error, "failed"), messageOf(error), error);
  }

  envelope(route: Route, key: string, value: unknown): Envelope {
    return new Envelope(route, key, route.extras?.id ?? this.ids.next(), value);
  }

  /** The route of a message of whose turn listeners may be told. */
  private watched(route: Route, host: MemoryHost): Route {
    const watched = this.reports.watch(route, host);
    this.observe();
    return watched;
  }

  /** Decides anew whether the next message is a usual one. */
  observe(): void {
    this.usual = this.state === "running" && !this.reports.watchesNext && !this.interception?.sends;
  }

  private observersChanged(unobserved: boolean): void {
    if (unobserved) this.reports.rest();
    this.observe();
    for (const host of this.hosts.values()) host.observed = this.inspectors.everything;
  }
}
