import type { Actor } from "./language/actor.ts";
import type { ActorId, Address } from "./language/address.ts";
import { BrokenActors } from "./ports/broken_actors.ts";
import type { Clock } from "./base/clock.ts";
import { Deadlines } from "./scheduling/deadlines.ts";
import { Delivery } from "./delivery.ts";
import { type Asker, deadlineAt, Route } from "./messages/envelope.ts";
import { delayOf } from "./messages/delay.ts";
import { messageOf } from "./base/errors.ts";
import { requireDuration, requireOneOf } from "./base/require.ts";
import { whyUnhandled } from "./require_handled.ts";
import { withHeaders } from "./language/given_headers.ts";
import type { Health, StopReport } from "./ports/health.ts";
import { ActorQuota } from "./activations/actor_registry.ts";
import { MemoryHost } from "./activations/memory_host.ts";
import { Ids, requireGivenId } from "./messages/ids.ts";
import { Laters } from "./messages/later.ts";
import { InMemoryReplies } from "./in_memory_replies.ts";
import { Reply, Topic } from "./messages/builtin_protocols.ts";
import type { Operation } from "./language/protocol.ts";
import { type Signal, signals } from "./activations/resident.ts";
import type { Random } from "./base/random.ts";
import type { RuntimeServices } from "./activations/runtime_services.ts";
import type { Stats } from "./ports/stats.ts";
import { requireCaller } from "./messages/reply_name.ts";
import { requireNotRemote, requirePeers } from "./require_peers.ts";
import { Scheduler } from "./scheduling/scheduler.ts";
import { type ResolvedOptions, resolveOptions, type SystemOptions } from "./ports/options.ts";
import type { HostCounts } from "./durable/hosted_actor.ts";
import type { Persistence, PersistenceParts } from "./durable/persistence.ts";
import type { Store } from "./ports/store.ts";
import type { Remote, RemoteParts } from "./remote/remote.ts";
import type { Transport } from "./ports/transport.ts";
import { Interception } from "./turns/interception.ts";
import type { Interceptor } from "./ports/interceptor.ts";
import { CronTimes } from "./turns/cron_times.ts";
import { Timers } from "./scheduling/timers.ts";
import type { RouteParts, TurnModes } from "./turns/turn_services.ts";

/** What the modes add to a system: what turns can wait for, and the built-in actors that the modes need. */
export interface ModeSet extends TurnModes {
  readonly actors: readonly Actor[];
  /** The key of the later in memory of a request that is answered later, by its id and where its reply goes. */
  laterOf(requestId: string, replyTo: Address): string | undefined;
  /** The system has stopped: what the modes keep in memory ends. */
  stop(): void;
}

/**
 * The machinery of one system. It knows one primitive: put an envelope into a mailbox. The modes are built on it, in
 * `actors/`.
 */
export class Runtime implements RuntimeServices {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly cron: CronTimes = new CronTimes();
  readonly scheduler: Scheduler;
  readonly deadlines: Deadlines;
  readonly ids: Ids;
  readonly laters: Laters;
  readonly delivery: Delivery;
  /** The replies that wait to be collected, if there is no store. */
  readonly replies: InMemoryReplies;
  /** Resolves when the system has stopped: with the failure that stopped it, if there was one. */
  readonly closed: Promise<unknown>;
  running = 0;
  cancelledElsewhere = 0;
  /** How many replies came to surveys that were over. */
  lateReplies = 0;
  readonly broken = new BrokenActors();
  readonly askers: Map<string, Asker> = new Map();
  readonly modes: ModeSet;
  readonly interception: Interception | undefined;
  /** What interceptors began that listen to events. */
  private readonly observing: Disposable[] = [];
  private readonly close: (failure: unknown) => void;
  private failure: unknown;
  private stopping: Promise<StopReport> | undefined;
  private rested: (() => void) | undefined;

  constructor(options: SystemOptions, modesOf: (runtime: Runtime, durable: boolean) => ModeSet) {
    const resolved = this.options = resolveOptions(options);
    this.clock = resolved.clock;
    this.random = resolved.random;
    this.timers = new Timers(this.clock);
    this.scheduler = new Scheduler(
      this.clock,
      resolved.scheduler,
      () => this.rest(),
      () => {
        this.deadlines.begin();
        const { readMs, nowMs } = this.scheduler;
        if (this.delivery.reports.look(readMs, nowMs)) this.delivery.observe(); // a message of the sample is due
      },
      () => this.deadlines.wantsLook,
    );
    this.deadlines = new Deadlines(this.clock, this.timers, this.scheduler);
    this.ids = new Ids(this.clock, this.random);
    this.delivery = new Delivery(this.ids, resolved, this.timers);
    this.replies = new InMemoryReplies(resolved, this.timers);
    const { store, transport, name = "" } = options;
    this.laters = new Laters(transport === undefined ? "" : name, store !== undefined, resolved);
    const peers = requirePeers({ ...options, stored: store !== undefined });
    const modes = this.modes = modesOf(this, store !== undefined);
    const failed = (error: unknown) => this.delivery.callbackFailed("intercept", error);
    this.interception = options.intercept?.length
      ? new Interception(options.intercept, this.ids, failed)
      : undefined;
    this.delivery.intercept(this.interception);
    const quota = new ActorQuota(resolved.limits.actors);
    const durable: Actor[] = [];
    const names = new Set<string>();
    for (const actor of [...modes.actors, ...options.actors]) {
      if (names.has(actor.name)) {
        throw new TypeError(`Cannot start the system: two of its actors have the protocol ${actor.name}`);
      }
      names.add(actor.name);
      if (store !== undefined && !actor.transient) durable.push(actor);
      else this.delivery.hosts.set(actor.name, new MemoryHost(actor, this, quota));
    }
    const remote = this.delivery.remote = beginRemote(options, this, resolved);
    requireNotRemote(peers, (protocol) => remote?.has(protocol) === true);
    if (store !== undefined) {
      this.delivery.persistence = beginDurable({
        store,
        remote,
        options: resolved,
        services: this,
        ids: this.ids,
        letters: this.delivery.deadLetters,
        actors: durable,
        quota,
        peers,
        isTransient: (protocol) => this.delivery.hosts.has(protocol),
      });
    }
    this.delivery.elsewhere = this.persistence ?? this.replies;
    remote?.begin();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.closed = promise;
    this.close = resolve;
    try {
      this.beginObserving(options.intercept);
    } catch (error) {
      void this.stop(0); // nobody has the system to stop it
      throw error;
    }
  }

  route(operation: Operation, parts: RouteParts): Route {
    const { options, cause, input } = parts;
    const id = parts.id ?? options?.id;
    if (id !== undefined) requireGivenId(id);
    if (options?.caller !== undefined) requireCaller(options.caller);
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs !== undefined) requireDuration("timeoutMs", timeoutMs);
    const delay = options && delayOf(operation, options, this.clock);
    const deadline = parts.deadline ??
      (timeoutMs === undefined ? undefined : deadlineAt((delay?.dueMs ?? this.clock.now()) + timeoutMs));
    const given = options?.headers ?? undefined;
    const headers = given === undefined ? cause?.causedHeaders : withHeaders(cause?.added?.added, given);
    const { failTo } = parts;
    const scope = options?.id === undefined || options.deduplicate === false
      ? undefined
      : cause === undefined
      ? `out ${options.caller ?? ""}`
      : `in ${cause.actor.protocol}/${cause.actor.key}`;
    const { after, onAccepted, caller, bytes } = options ?? {};
    const rare =
      (id ?? failTo ?? headers ?? input ?? after ?? onAccepted ?? caller ?? bytes ?? delay) !== undefined;
    return new Route(
      operation,
      cause?.messageId,
      cause && (cause.route.correlationId ?? cause.messageId),
      parts.replyTo,
      deadline,
      rare ? { id, failTo, headers, scope, input, after, onAccepted, caller, bytes, delay } : undefined,
    );
  }

  /** The durable actors, if there is a store. */
  get persistence(): Persistence | undefined {
    return this.delivery.persistence;
  }

  /** The other services, if there is a transport. */
  get remote(): Remote | undefined {
    return this.delivery.remote;
  }

  /** Why neither an actor of this system, nor a peer, nor another service handles an operation; `undefined` if one does. */
  whyUnhandled(operation: Operation): string | undefined {
    return whyUnhandled(this.delivery, operation);
  }

  /** Gives an actor a signal, if there is such an actor. */
  signal(actor: ActorId, signal: Signal): void | Promise<void> {
    requireOneOf("this signal", signal, signals);
    const { persistence } = this;
    if (persistence?.has(actor.protocol)) return persistence.signal(actor, signal);
    this.delivery.find(actor.protocol, actor.key)?.signal(signal);
  }

  leaveTopics(actor: ActorId): void {
    const id = { protocol: actor.protocol, key: actor.key };
    const { protocol, name: operation } = Topic.leave;
    const leave = (key: string) => this.delivery.deliverTo({ protocol, key, operation }, id);
    for (const { key } of this.delivery.hosts.get(protocol)?.activations() ?? []) leave(key);
    void this.persistence?.leaveTopics(id, leave);
  }

  stats(): Stats {
    const hosts = [...this.delivery.hosts.values(), ...this.persistence?.counts ?? []];
    const sum = (count: (host: HostCounts) => number) =>
      hosts.reduce((total, host) => total + count(host), 0);
    return {
      accepted: sum((host) => host.accepted) + this.delivery.undelivered + this.cancelledElsewhere,
      done: sum((host) => host.done),
      dead: this.delivery.deadLetters.deadLettered,
      cancelled: sum((host) => host.cancelled) + this.cancelledElsewhere,
      waiting: sum((host) => host.waiting),
      delayed: this.delivery.delayed.size + (this.persistence?.delayed ?? 0),
      running: this.running,
      lateReplies: this.lateReplies,
      protocols: {
        ...Object.fromEntries(
          hosts.map(({ actor, size, waiting, done, slots }) => {
            const turns = slots && { running: slots.holders.size, waiting: slots.waiting };
            return [actor.name, { actors: size, waiting, done, ...turns && { turns } }];
          }),
        ),
        ...this.persistence === undefined && { // a reply has no mailbox and no turn
          [Reply.open.protocol]: { actors: this.replies.size, waiting: 0, done: 0 },
        },
      },
      ...this.persistence !== undefined && { unhosted: this.persistence.unhosted() },
      ...this.remote !== undefined && { outbox: this.remote.lanes },
    };
  }

  get health(): Health {
    const { status } = this.delivery;
    const reason = this.failure === undefined ? undefined : messageOf(this.failure);
    const store = this.persistence?.health;
    const transport = this.remote?.health;
    const broken = this.broken.list();
    const unhosted = this.persistence?.unhosted() ?? {};
    return {
      status,
      ...(reason !== undefined && { reason }),
      ...(store !== undefined && { store }),
      ...(transport !== undefined && { transport }),
      ...(Object.keys(unhosted).length > 0 && { unhosted }),
      ...(broken.length > 0 && { broken }),
    };
  }

  escalate({ protocol, key }: ActorId, error: unknown): void {
    const { inspectors } = this.delivery;
    if (!inspectors.unobserved) inspectors.emit({ type: "escalated", actor: { protocol, key }, error });
    this.failure ??= error;
    void this.stop(this.options.drainMs);
  }

  /** Accepts no more messages, lets turns run for up to `drainMs`, and makes dead letters of what is left in memory. */
  stop(drainMs: number): Promise<StopReport> {
    return this.stopping ??= this.end(drainMs);
  }

  rest(): void {
    if (this.rested === undefined || this.running > 0 || this.scheduler.busy) return;
    if (!this.persistence?.busy && !this.remote?.busy) this.rested();
  }

  private beginObserving(interceptors: readonly Interceptor[] = []): void {
    const { inspectors } = this.delivery;
    const inspectable = { inspect: inspectors.add.bind(inspectors) };
    for (const interceptor of interceptors) {
      const observing = interceptor.observe?.(inspectable);
      if (observing) this.observing.push(observing);
    }
  }

  private endObserving(observing: Disposable): void {
    try {
      observing[Symbol.dispose]();
    } catch (error) {
      this.delivery.callbackFailed("intercept", error);
    }
  }

  private async end(drainMs: number): Promise<StopReport> {
    this.delivery.status = "stopping";
    const handedOver = this.remote?.drain();
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
    this.scheduler.end();
    let left = this.delivery.delayed.end();
    for (const host of this.delivery.hosts.values()) {
      for (const activation of host.activations()) {
        left += activation.deadLetter("stopping", "the system stopped");
      }
    }
    this.modes.stop();
    const { remote } = this;
    if (handedOver !== undefined) await handedOver; // a batch ends with its turns, of which none is left now
    const turned = () => new Promise<void>((resolve) => this.clock.yield(resolve));
    if (remote !== undefined && this.persistence !== undefined) {
      this.persistence.endActors(); // their asks fail, and other services are told that
      await turned();
    }
    if (remote !== undefined) await remote.endSending();
    await this.persistence?.end();
    if (remote !== undefined) await remote.close();
    this.timers.clear();
    this.deadlines.stop();
    while (this.scheduler.busy) await turned(); // questions that came before that
    if (this.scheduler.pending) await turned();
    for (const observing of this.observing) this.endObserving(observing);
    this.close(this.failure);
    const kept = this.persistence?.waiting;
    return { drained: drained && left === 0, left, ...(kept !== undefined && { kept }) };
  }
}

/** The pattern of the names of services. */
const servicePattern = /^[a-z][a-z0-9-]{0,63}$/;

/** Begins to speak to other services, with the engine that the transport carries; nothing without a transport. */
function beginRemote(
  { actors, name, transport, remote, store }: SystemOptions,
  runtime: Runtime,
  options: ResolvedOptions,
): Remote | undefined {
  if (name !== undefined && !servicePattern.test(name)) {
    const value = JSON.stringify(String(name).slice(0, 80));
    throw new RangeError(`Cannot use name: it must match ${servicePattern}: current value is ${value}`);
  }
  if (transport === undefined) {
    if (remote === undefined || remote.length === 0) return undefined;
    throw new TypeError(
      "Cannot start the system: `remote` names other services, and no `transport` reaches them",
    );
  }
  if (name === undefined) {
    throw new TypeError(
      "Cannot start the system: with a `transport` it needs a `name`, which other services know",
    );
  }
  const { engine, traits }: Partial<Transport> = transport ?? {};
  if (typeof engine?.["~begin"] !== "function") {
    const remedy = "a transport has `engine: transportEngine`, of @posthorn/posthorn/transport";
    const which = traits === undefined ? "" : ` ${traits.name}`;
    throw new TypeError(`Cannot use the transport${which}: it has no engine: ${remedy}`);
  }
  const { delivery, ids } = runtime;
  return (engine["~begin"] as (parts: RemoteParts) => Remote)({
    transport,
    service: name,
    remote: remote ?? [],
    actors,
    options,
    services: runtime,
    ids,
    stored: store !== undefined,
    respondents: () => runtime.persistence?.respondents,
    laterOf: async (requestId, replyTo) => {
      await runtime.scheduler.turn(); // one whose turn has just ended is opened by a message
      return runtime.modes.laterOf(requestId, replyTo);
    },
    accept: (to, operation, payload, route) => delivery.receive(to, operation, payload, route),
    report: (error) => delivery.transportFailed(traits.name, error),
  });
}

/** Begins the durable actors of a system, with the engine that its store carries. */
function beginDurable(parts: PersistenceParts): Persistence {
  const { engine, traits }: Partial<Store> = parts.store ?? {};
  if (typeof engine?.["~begin"] !== "function") {
    const remedy = "a store has `engine: storeEngine`, of @posthorn/posthorn/store";
    const which = traits === undefined ? "" : ` ${traits.name}`;
    throw new TypeError(`Cannot use the store${which}: it has no engine: ${remedy}`);
  }
  return (engine["~begin"] as (parts: PersistenceParts) => Persistence)(parts);
}
