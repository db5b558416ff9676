import type { Activation } from "./activations/activation.ts";
import type { Actor } from "./language/actor.ts";
import type { ActorId, Address, AskOptions } from "./language/address.ts";
import { BrokenActors } from "./ports/broken_actors.ts";
import type { Clock } from "./base/clock.ts";
import type { ModeHooks, ModeSet } from "./mode_hooks.ts";
import type { SurveyOptions } from "./language/context.ts";
import { Deadlines } from "./scheduling/deadlines.ts";
import { Delivery, type Target } from "./delivery.ts";
import { deadlineAt, Envelope, type MessageId, Route } from "./messages/envelope.ts";
import { messageOf, PosthornError, requireDuration } from "./base/errors.ts";
import { givenHeaders } from "./language/given_headers.ts";
import type { Health, StopReport } from "./ports/health.ts";
import { type ActorQuota, MemoryHost } from "./activations/memory_host.ts";
import { Ids, isGivenId } from "./messages/ids.ts";
import type { Callback } from "./ports/inspection.ts";
import { InMemoryReplies } from "./in_memory_replies.ts";
import { Reply, Topic } from "./messages/builtin_protocols.ts";
import type { Operation } from "./language/protocol.ts";
import type { Signal } from "./activations/resident.ts";
import type { Random } from "./base/random.ts";
import type { RuntimeServices } from "./activations/runtime_services.ts";
import type { Stats } from "./ports/stats.ts";
import { requireCaller } from "./messages/reply_name.ts";
import { Scheduler } from "./scheduling/scheduler.ts";
import { type ResolvedOptions, resolveOptions, type SystemOptions } from "./ports/options.ts";
import { type HostCounts, Persistence } from "./durable/persistence.ts";
import { Timers } from "./scheduling/timers.ts";
import type { OpenTurn, RouteParts } from "./turns/turn_services.ts";

/**
 * The machinery of one system, which knows one primitive: put an envelope in a mailbox. The modes are built on it,
 * outside of it.
 */
export class Runtime implements RuntimeServices {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly scheduler: Scheduler;
  readonly deadlines: Deadlines;
  readonly ids: Ids;
  readonly delivery: Delivery;
  /** The replies that wait to be collected, where there is no store. */
  readonly replies: InMemoryReplies;
  /** Resolves when the system has stopped, with the failure that stopped it where there was one. */
  readonly closed: Promise<unknown>;
  running = 0;
  /** Replies to surveys that were over. */
  lateReplies = 0;
  readonly broken = new BrokenActors();
  private readonly modeHooks: ModeHooks<Runtime>;
  private readonly close: (failure: unknown) => void;
  private failure: unknown;
  private stopping: Promise<StopReport> | undefined;
  private rested: (() => void) | undefined;

  /** `modes` brings what the modes need: their actors, each with a bound of its own, and their conversations. */
  constructor(options: SystemOptions, modes: ModeSet<Runtime>) {
    const resolved = this.options = resolveOptions(options);
    this.clock = resolved.clock;
    this.random = resolved.random;
    this.timers = new Timers(this.clock);
    this.scheduler = new Scheduler(
      this.clock,
      resolved.scheduler,
      () => this.rest(),
      () => this.deadlines.begin(),
      () => this.deadlines.wantsLook,
    );
    this.deadlines = new Deadlines(this.clock, this.timers, this.scheduler);
    this.ids = new Ids(this.clock, this.random);
    this.delivery = new Delivery(this.ids, resolved);
    this.replies = new InMemoryReplies(resolved.limits, resolved.replyRetentionMs, this);
    this.modeHooks = modes.modeHooks;
    const quota: ActorQuota = { capacity: resolved.limits.actors, size: 0 };
    const durable: Actor[] = [];
    const names = new Set<string>();
    const { store } = options;
    for (const actor of [...modes.actors(this, store !== undefined), ...options.actors]) {
      if (names.has(actor.name)) {
        throw new TypeError(`Cannot start the system: two of its actors have the protocol ${actor.name}`);
      }
      names.add(actor.name);
      if (store !== undefined && !actor.transient) durable.push(actor);
      else this.delivery.hosts.set(actor.name, new MemoryHost(actor, this, quota));
    }
    if (store !== undefined) {
      this.delivery.persistence = new Persistence({
        store,
        options: resolved,
        services: this,
        ids: this.ids,
        letters: this.delivery.deadLetters,
        actors: durable,
        quota,
        isTransient: (protocol) => this.delivery.hosts.has(protocol),
      });
    }
    this.delivery.elsewhere = this.persistence ?? this.replies;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.closed = promise;
    this.close = resolve;
  }

  route(operation: Operation, parts: RouteParts): Route {
    const { options, cause, input } = parts;
    const id = parts.id ?? options?.id;
    if (id !== undefined && !isGivenId(id)) {
      const value = JSON.stringify(String(id).slice(0, 80));
      const why = `an id is 1 to 255 visible ASCII characters: current value is ${value}`;
      throw new PosthornError("invalid-id", `Cannot name a message so: ${why}`);
    }
    if (options?.caller !== undefined) requireCaller(options.caller);
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs !== undefined) requireDuration("timeoutMs", timeoutMs);
    const deadline = parts.deadline ??
      (timeoutMs === undefined ? undefined : deadlineAt(this.clock.now() + timeoutMs));
    const given = options?.headers ?? undefined;
    const headers = given === undefined ? cause?.route.extras?.headers : givenHeaders(given);
    const { failTo } = parts;
    const scope = options?.id === undefined || options.deduplicate === false
      ? undefined
      : cause === undefined
      ? `out ${options.caller ?? ""}`
      : `in ${cause.actor.protocol}/${cause.actor.key}`;
    const { after, onAccepted, caller, bytes } = options ?? {};
    const rare = (id ?? failTo ?? headers ?? input ?? after ?? onAccepted ?? caller ?? bytes) !== undefined;
    return new Route(
      operation,
      cause?.messageId,
      cause && (cause.route.correlationId ?? cause.messageId),
      parts.replyTo,
      deadline,
      rare ? { id, failTo, headers, scope, input, after, onAccepted, caller, bytes } : undefined,
    );
  }

  /** The durable actors, where there is a store. */
  get persistence(): Persistence | undefined {
    return this.delivery.persistence;
  }

  find(protocol: string, key: string): Activation | undefined {
    return this.delivery.find(protocol, key);
  }

  place(to: Target, route: Route, payload: unknown): boolean {
    return this.delivery.place(to, route, payload);
  }

  operationAt(address: Address): Operation {
    return this.delivery.operationAt(address);
  }

  /** Gives an actor a signal, if there is such an actor. */
  signal(actor: ActorId, signal: Signal): void | Promise<void> {
    const { persistence } = this;
    if (persistence?.has(actor.protocol)) return persistence.signal(actor, signal);
    this.find(actor.protocol, actor.key)?.signal(signal);
  }

  leaveTopics(actor: ActorId): void {
    const id = { protocol: actor.protocol, key: actor.key };
    for (const topic of this.delivery.hosts.get(Topic.leave.protocol)?.activations() ?? []) {
      this.delivery.deliverTo({ protocol: topic.protocol, key: topic.key, operation: Topic.leave.name }, id);
    }
    void this.persistence?.leaveTopics(id, (topic) => {
      this.delivery.deliverTo(
        { protocol: Topic.leave.protocol, key: topic, operation: Topic.leave.name },
        id,
      );
    });
  }

  stats(): Stats {
    const hosts = [...this.delivery.hosts.values(), ...this.persistence?.counts ?? []];
    const sum = (count: (host: HostCounts) => number) =>
      hosts.reduce((total, host) => total + count(host), 0);
    return {
      accepted: sum((host) => host.accepted) + this.delivery.undelivered,
      done: sum((host) => host.done),
      dead: this.delivery.deadLetters.deadLettered,
      waiting: sum((host) => host.waiting),
      running: this.running,
      lateReplies: this.lateReplies,
      protocols: {
        ...Object.fromEntries(
          hosts.map(({ actor, size, waiting, done }) => [actor.name, { actors: size, waiting, done }]),
        ),
        ...this.persistence === undefined && { [Reply.open.protocol]: this.replies.counts },
      },
      ...this.persistence !== undefined && { unhosted: this.persistence.unhosted() },
    };
  }

  nextNumber(): number {
    return this.ids.next();
  }

  idText(id: MessageId): string {
    return this.ids.text(id);
  }

  newId(): string {
    return this.ids.ulid();
  }

  replyToOf(
    turn: OpenTurn,
    to: ActorId,
    operation: Operation,
    id: string,
    payload: unknown,
  ): Address | undefined {
    const route = this.route(operation, { options: { id }, cause: turn });
    return this.delivery.deduplication.answerOf(new Envelope(route, to.key, id, payload)) as
      | Address
      | undefined;
  }

  now(): number {
    return this.clock.now();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    return this.timers.set(delayMs, callback);
  }

  ask(
    turn: OpenTurn,
    operation: Operation,
    key: string,
    payload: unknown,
    options?: AskOptions,
  ): Promise<unknown> {
    for (const { to, route, payload } of turn.takeOutgoing(operation.protocol, key)) {
      this.delivery.deliver(to, route, payload);
    }
    return this.modeHooks.ask(
      this,
      { protocol: operation.protocol, key },
      operation,
      payload,
      options,
      turn,
    );
  }

  survey(
    turn: OpenTurn,
    operation: Operation,
    payload: unknown,
    options?: SurveyOptions,
  ): AsyncIterableIterator<unknown> {
    return this.modeHooks.survey(this, operation, payload, options, turn);
  }

  get health(): Health {
    const { status } = this.delivery;
    const reason = this.failure === undefined ? undefined : messageOf(this.failure);
    const store = this.persistence?.health;
    const broken = this.broken.list();
    return {
      status,
      ...(reason !== undefined && { reason }),
      ...(store !== undefined && { store }),
      ...(broken.length > 0 && { broken }),
    };
  }

  callbackFailed(callback: Callback, error: unknown): void {
    this.delivery.callbackFailed(callback, error);
  }

  escalate({ protocol, key }: ActorId, error: unknown): void {
    const { inspectors } = this.delivery;
    if (!inspectors.unobserved) inspectors.emit({ type: "escalated", actor: { protocol, key }, error });
    this.failure ??= error;
    void this.stop(this.options.drainMs);
  }

  /** Takes nothing in any more, lets run what can run for so long, and makes dead letters of the rest. */
  stop(drainMs: number): Promise<StopReport> {
    return this.stopping ??= this.end(drainMs);
  }

  rest(): void {
    if (this.rested === undefined || this.running > 0 || this.scheduler.busy) return;
    if (!this.persistence?.busy) this.rested();
  }

  private async end(drainMs: number): Promise<StopReport> {
    this.delivery.status = "stopping";
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.rested = () => resolve(true);
    if (drainMs > 0) this.timers.set(drainMs, () => resolve(false));
    queueMicrotask(() => {
      this.rest();
      if (drainMs === 0) resolve(false);
    });
    const drained = await promise;
    this.rested = undefined;
    this.delivery.status = "stopped";
    let left = 0;
    for (const host of this.delivery.hosts.values()) {
      for (const activation of host.activations()) {
        left += activation.deadLetter("stopping", "the system stopped");
      }
    }
    await this.persistence?.end();
    this.timers.clear();
    this.deadlines.stop();
    if (this.scheduler.pending) await new Promise<void>((resolve) => this.clock.yield(resolve));
    this.close(this.failure);
    const kept = this.persistence?.waiting;
    return { drained: drained && left === 0, left, ...(kept !== undefined && { kept }) };
  }
}
