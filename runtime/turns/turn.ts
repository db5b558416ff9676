import type { ActorId, Address, AskOptions, SendOptions } from "../language/address.ts";
import type { Replies, SubscribeOptions, SurveyOptions } from "../language/context.ts";
import type { When } from "../language/when.ts";
import { Envelope, type MessageId, nameOf, Route } from "../messages/envelope.ts";
import { CancelledError } from "../base/cancelled_error.ts";
import { givenAddress } from "../language/given_address.ts";
import { Publication, Topic, topicKey } from "../messages/builtin_protocols.ts";
import { type MessageSink, Outbox, type Outgoing } from "../messages/outbox.ts";
import type { NamedProtocol, Operation } from "../language/protocol.ts";
import { optionsIn, payloadIn } from "../language/sent_options.ts";
import { requireSchedule } from "./schedule_time.ts";
import type { ScheduleChange } from "./schedules.ts";
import { givenSubject } from "../language/subject.ts";
import type { Later } from "../language/later.ts";
import type { LaterOptions, Reason } from "../language/later_options.ts";
import type { Handle, RouteParts, TurnActor } from "./turn_services.ts";
import { type LaterAnswer, openedIn, type OpenedLater, TurnLaters } from "./turn_laters.ts";
import { notTransient, turnOver } from "./turn_errors.ts";
import { refIn, TurnActorRef } from "./turn_ref.ts";
import type { Interception } from "./interception.ts";
import type { AddedToTurn, TurnExtras, WatchedTurn } from "./turn_extras.ts";
import { signalOf } from "./turn_signal.ts";
import type { WaitingTurn } from "./wait_chain.ts";

/**
 * The handling of one message: the context that its handler gets, and all effects of the handler, kept until the
 * commit. It has no effect itself, so dropping it is the rollback.
 */
export class Turn {
  readonly actor: TurnActor;
  readonly route: Route;
  private ownState: unknown;
  /** Whether the state was assigned. */
  changed = false;
  /** The interceptors around what it sends; absent if there are none. */
  interception: Interception | undefined = undefined;
  private over = false;
  private ownId: MessageId | undefined = undefined;
  /** The first message that is sent with the commit. Most turns send no other. */
  private sentTo: ActorId | undefined = undefined;
  private sentRoute: Route | undefined = undefined;
  private sentPayload: unknown = undefined;
  /** The messages after the first. */
  private others: Outbox | undefined = undefined;
  private extras: TurnExtras | undefined = undefined;

  constructor(actor: TurnActor, route: Route, state: unknown) {
    this.actor = actor;
    this.route = route;
    this.ownState = state;
  }

  get key(): string {
    return this.actor.key;
  }

  get state(): unknown {
    return this.ownState;
  }

  set state(value: unknown) {
    if (this.over) this.refuse("change the state");
    this.ownState = value;
    this.changed = true;
  }

  get self(): TurnActorRef {
    const { actor } = this;
    return new TurnActorRef(this, actor.protocol, actor.key, actor);
  }

  get id(): string {
    return this.actor.services.ids.text(this.messageId);
  }

  get causationId(): string | undefined {
    const { causationId } = this.route;
    return causationId === undefined ? undefined : this.actor.services.ids.text(causationId);
  }

  get correlationId(): string {
    return this.actor.services.ids.text(this.route.correlationId ?? this.messageId);
  }

  get headers(): Readonly<Record<string, string>> {
    return Object.freeze(this.route.extras?.headers ?? {}); // those of a row are plain data
  }

  get attempt(): number {
    return (this.route.extras?.attempts ?? 0) + 1;
  }

  /** When its message was accepted, in milliseconds since 1970, if that is known. */
  get acceptedMs(): number | undefined {
    return this.route.extras?.watch?.acceptedMs;
  }

  get now(): number {
    return this.ensureExtras.now ??= this.actor.services.clock.now();
  }

  get signal(): AbortSignal {
    const rare = this.ensureExtras;
    rare.signal ??= signalOf(this, this.over, rare.abortion);
    return rare.signal.controller.signal;
  }

  /** Whether its handler has asked for its signal. */
  get listens(): boolean {
    return this.extras?.signal !== undefined;
  }

  ref(to: NamedProtocol<string> | Handle, key?: string): TurnActorRef {
    return refIn(this, to, key);
  }

  publish(event: Operation, first?: unknown, second?: SendOptions): void {
    this.actor.services.delivery.requirePublishable(event);
    const options = optionsIn(event, first, second);
    const topic = { protocol: Topic.publish.protocol, key: topicKey(event) };
    this.send(topic, Topic.publish, new Publication(event, payloadIn(event, first)), options && { options });
  }

  subscribe(event: Operation, to: Address, options?: SubscribeOptions): void {
    const subject = givenSubject("ctx.subscribe", options);
    const topic = { protocol: Topic.subscribe.protocol, key: topicKey(event) };
    this.send(topic, Topic.subscribe, { to: givenAddress(to), subject });
  }

  unsubscribe(event: Operation, to: Address): void {
    const topic = { protocol: Topic.unsubscribe.protocol, key: topicKey(event) };
    this.send(topic, Topic.unsubscribe, { to: givenAddress(to) });
  }

  schedule(name: string, when: When, to: Address, payload?: unknown): void {
    if (this.over) this.refuse("schedule");
    requireSchedule(name, when);
    const own = this.actor.protocol.startsWith("~"); // keys of built-in actors are no keys that a user may give
    this.changeSchedule({ name, when, to: own ? to : givenAddress(to), payload });
  }

  /** Changes a schedule of its actor with the commit. */
  changeSchedule(change: ScheduleChange): void {
    (this.ensureExtras.schedules ??= []).push(change);
  }

  /** Changes no schedule of its actor. */
  keepSchedules(): void {
    this.ensureExtras.schedules = [];
  }

  cancel(name: string): void {
    if (this.over) this.refuse("cancel");
    this.changeSchedule({ name });
  }

  passivate(): void {
    if (this.over) this.refuse("passivate");
    this.ensureExtras.ending ??= "passivate";
  }

  erase(): void {
    if (this.over) this.refuse("erase");
    this.ensureExtras.ending = "erase";
  }

  later(options?: LaterOptions): Later {
    if (this.over) this.refuse("answer later");
    return this.laters.open(options);
  }

  reply(later: Later, value: unknown): void {
    this.laters.reply(later, value);
  }

  fail(later: Later, reason: Reason): void {
    this.laters.fail(later, reason);
  }

  survey(operation: Operation, first?: unknown, second?: SurveyOptions): Replies<unknown> {
    this.requireTransient("survey");
    return this.actor.services.modes.survey(operation, first, second, this);
  }

  /** Sends an ask now, after what this turn has sent to the same actor. For a {@linkcode TurnActorRef}. */
  ask(operation: Operation, key: string, first: unknown, second?: AskOptions): Promise<unknown> {
    this.requireTransient("ask");
    const to = { protocol: operation.protocol, key };
    return this.actor.services.modes.ask(to, operation, first, second, this);
  }

  /** Keeps a message until the commit. */
  send(to: ActorId, operation: Operation, payload: unknown, parts?: Omit<RouteParts, "cause">): void {
    const route = parts === undefined ? this.routeTo(operation) : this.routeOf(operation, parts);
    this.dispatch(to, route, payload);
  }

  /** Keeps a message of the handler with a given route until the commit. */
  dispatch(to: ActorId, route: Route, payload: unknown): void {
    const { interception } = this;
    if (!interception?.takes(route.operation)) return this.post(to, route, payload);
    interception.send(to, route, payload, (route) => this.post(to, route, payload));
  }

  /** Keeps a message with a given route until the commit. */
  post(to: ActorId, route: Route, payload: unknown): void {
    if (this.over) this.refuse("send");
    if (this.sentTo === undefined) {
      this.sentTo = to;
      this.sentRoute = route;
      this.sentPayload = payload;
    } else {
      (this.others ??= new Outbox()).push(to, route, payload);
    }
  }

  /**
   * Sends a message of a turn that cannot fail any more: at once if no other message of it waits, otherwise in order.
   * For built-in actors.
   */
  postNow(to: ActorId, route: Route, payload: unknown): void {
    if (this.over) this.refuse("send");
    if (this.sentTo !== undefined || !this.actor.services.delivery.place(to, route, payload)) {
      this.post(to, route, payload);
    }
  }

  /** Whether it sends something with the commit. */
  get sends(): boolean {
    return this.sentTo !== undefined;
  }

  /** Delivers all messages, in the order of sending. */
  deliver(sink: MessageSink): void {
    const to = this.sentTo;
    if (to === undefined) return;
    this.sentTo = undefined;
    sink.deliver(to, this.sentRoute!, this.sentPayload);
    if (this.others === undefined) return;
    this.others.deliver(sink);
    this.discard();
  }

  /** Drops all messages. */
  discard(): void {
    this.sentTo = undefined;
    this.others = undefined;
  }

  /** All messages that it sends with the commit, in the order of sending. */
  get outgoing(): Outgoing[] {
    if (this.sentTo === undefined) return [];
    const first = { to: this.sentTo, route: this.sentRoute!, payload: this.sentPayload };
    return [first, ...this.others?.list() ?? []];
  }

  /** The route of a message of this turn that is more than its payload. */
  routeOf(operation: Operation, parts: Omit<RouteParts, "cause">): Route {
    return this.actor.services.route(operation, { ...parts, cause: this });
  }

  /** The id of its message. A message without one gets a number when its id is first read. */
  get messageId(): MessageId {
    return this.ownId ??= this.route.extras?.id ?? this.actor.services.ids.next();
  }

  /** Its message, with this attempt counted; `value` is the payload that the handler got. */
  envelope(value: unknown): Envelope {
    const id = this.messageId;
    return new Envelope(this.route.with({ id, attempts: this.attempt }), this.actor.key, id, value);
  }

  /** Its message as the cause of its reply. */
  cause(value: unknown): Envelope {
    const envelope = this.envelope(value);
    const { causedHeaders: headers } = this;
    return headers === envelope.headers ? envelope : envelope.withRoute(envelope.route.with({ headers }));
  }

  /** The changes to the schedules of its actor, in order. */
  get schedules(): readonly ScheduleChange[] | undefined {
    return this.extras?.schedules;
  }

  /** Whether its actor is passivated or erased after the commit. */
  get ending(): "passivate" | "erase" | undefined {
    return this.extras?.ending;
  }

  get waitsFor(): WaitingTurn[] {
    return this.ensureExtras.waitsFor ??= [];
  }

  /** Aborts the signal of the handler. */
  abort(reason: unknown): void {
    this.ensureExtras.abortion = { reason };
    this.ensureExtras.signal?.controller.abort(reason);
  }

  /** Its message was taken back: it commits nothing, and the signal of the handler is aborted. */
  revoke(): void {
    this.ensureExtras.revoked = true;
    this.abort(new CancelledError(`${this} was cancelled`));
  }

  /** Whether its message was taken back. */
  get revoked(): boolean {
    return this.extras?.revoked === true;
  }

  /** What is kept of it while somebody listens to events; absent if nobody did when it began. */
  get watched(): WatchedTurn | undefined {
    return this.extras?.watched;
  }

  set watched(watched: WatchedTurn) {
    this.ensureExtras.watched = watched;
  }

  /** What its interceptors add to all that it causes. */
  get added(): AddedToTurn | undefined {
    return this.extras?.added;
  }

  set added(added: AddedToTurn) {
    this.ensureExtras.added = added;
  }

  /** The headers of what it causes: those of its message, and those of its interceptors. */
  get causedHeaders(): Readonly<Record<string, string>> | undefined {
    return this.extras?.added?.headers ?? this.route.extras?.headers;
  }

  /** Whether it has ended, or its message was taken back. */
  get closed(): boolean {
    return this.over || this.revoked;
  }

  /** Ends the turn: its context can no longer be used. */
  close(): void {
    this.over = true;
    if (this.extras === undefined) return;
    this.extras.signal?.release();
    this.extras.laters?.close();
  }

  /** Whether it has only state and messages to commit. */
  get plain(): boolean {
    return this.extras === undefined;
  }

  /** Whether the result of the handler is a reply. */
  wantsReply(result: unknown): boolean {
    const { mode } = this.route.operation;
    return mode !== "tell" && !(result === undefined && mode === "survey");
  }

  /** The later that its handler returned instead of a reply. Throws a `TypeError` if that is of another turn. */
  opened(result: unknown): OpenedLater | undefined {
    return openedIn(this, this.extras?.laters, result);
  }

  /** What it answered of other requests, in order. */
  get answers(): readonly LaterAnswer[] {
    return this.extras?.laters?.answers ?? [];
  }

  /** Receiver and operation of its message, for messages to people. */
  toString(): string {
    return nameOf(this.route.operation, this.actor.key);
  }

  private get laters(): TurnLaters {
    return this.ensureExtras.laters ??= new TurnLaters(this);
  }

  private get ensureExtras(): TurnExtras {
    return this.extras ??= {};
  }

  private routeTo(operation: Operation): Route {
    const first = this.sentRoute;
    if (first !== undefined && first.operation === operation && first.plain) return first;
    const known = this.others?.routeTo(operation);
    if (known !== undefined) return known;
    const { route, messageId: id, causedHeaders: headers } = this; // which are passed on
    const extras = headers && { id: this.interception && this.actor.services.ids.next(), headers };
    return new Route(operation, id, route.correlationId ?? id, undefined, undefined, extras);
  }

  private refuse(what: string): never {
    throw turnOver(what, this.actor);
  }

  private requireTransient(what: string): void {
    if (this.over) this.refuse(what);
    if (!this.actor.transient) throw notTransient(what, this.actor);
  }
}
