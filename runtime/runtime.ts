import type { Activation, Signal } from "./activation.ts";
import type { ActorId, Address, AskOptions } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { Conversations, Modes } from "./conversations.ts";
import type { SurveyOptions } from "./context.ts";
import { type DeadLetter, errorOfReason, KeptDeadLetters } from "./dead_letters.ts";
import { Envelope, isAsker } from "./envelope.ts";
import {
  MailboxFullError,
  messageOf,
  PosthornError,
  requireDuration,
  StoppedError,
  TerminalError,
  UnknownError,
} from "./errors.ts";
import type { Health, StopReport } from "./health.ts";
import { Host, type Population } from "./host.ts";
import { Ids, isGivenId } from "./ids.ts";
import { inspectedMessage, Inspectors } from "./inspection.ts";
import { payloadOf, Topic } from "./modes.ts";
import type { Operation } from "./protocol.ts";
import type { Random } from "./random.ts";
import type { Services } from "./services.ts";
import type { Stats } from "./stats.ts";
import { Recent } from "./recent.ts";
import { Scheduler } from "./scheduler.ts";
import { unchecked } from "./schema.ts";
import { Seen } from "./seen.ts";
import { type ResolvedOptions, resolveOptions, type SystemOptions } from "./system_options.ts";
import { Timers } from "./timers.ts";
import type { Parts, Turn } from "./turn.ts";

/**
 * The machinery of one system, which knows one primitive: put an envelope in a mailbox. The modes are built on it,
 * outside of it.
 */
export class Runtime implements Services {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly scheduler: Scheduler;
  readonly inspectors = new Inspectors();
  readonly ids: Ids;
  readonly seen: Seen;
  /** The keys of replies that have expired: to tell them from those that never were. */
  readonly expiredReplies: Recent;
  readonly deadLetters: KeptDeadLetters;
  /** Resolves when the system has stopped, with the failure that stopped it where there was one. */
  readonly closed: Promise<unknown>;
  running = 0;
  readonly #conversations: Conversations<Runtime>;
  readonly #hosts = new Map<string, Host>();
  readonly #close: (failure: unknown) => void;
  #status: Health["status"] = "running";
  #failure: unknown;
  #accepted = 0;
  #stopping: Promise<StopReport> | undefined;
  #rested: (() => void) | undefined;

  /** `modes` brings what the modes need: their actors, each with a bound of its own, and their conversations. */
  constructor(options: SystemOptions, modes: Modes<Runtime>) {
    const resolved = this.options = resolveOptions(options);
    this.clock = resolved.clock;
    this.random = resolved.random;
    this.timers = new Timers(this.clock);
    this.scheduler = new Scheduler(this.clock, resolved.scheduler, () => this.rest());
    this.ids = new Ids(this.clock, this.random);
    this.seen = new Seen(resolved.limits.ids, resolved.idWindowMs, this.clock);
    this.expiredReplies = new Recent(resolved.limits.ids);
    this.deadLetters = new KeptDeadLetters(resolved.limits.deadLetters, (envelope) => this.#resend(envelope));
    this.#conversations = modes.conversations;
    const population: Population = {
      capacity: resolved.limits.actors,
      size: 0,
      code: "too-many-actors",
      what: "actors",
    };
    for (
      const { actor, population: own = population } of [
        ...modes.actors(resolved),
        ...options.actors.map((actor) => ({ actor, population: undefined })),
      ]
    ) {
      if (this.#hosts.has(actor.name)) {
        throw new TypeError(`Cannot start the system: two of its actors have the protocol ${actor.name}`);
      }
      this.#hosts.set(actor.name, new Host(actor, this, own));
    }
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.closed = promise;
    this.#close = resolve;
  }

  compose(operation: Operation, key: string, payload: unknown, parts: Parts): Envelope {
    const { options, cause } = parts;
    const named = parts.id ?? options?.id;
    if (named !== undefined && !isGivenId(named)) {
      const value = JSON.stringify(String(named).slice(0, 80));
      const why = `an id is 1 to 255 visible ASCII characters: current value is ${value}`;
      throw new PosthornError("invalid-id", `Cannot name a message so: ${why}`);
    }
    if (options?.timeoutMs !== undefined) requireDuration("timeoutMs", options.timeoutMs);
    return new Envelope(operation, key, payload, {
      id: named ?? this.ids.next(),
      causationId: cause?.envelope.id,
      correlationId: cause?.envelope.correlationId,
      replyTo: parts.replyTo,
      failTo: parts.failTo,
      deadlineMs: parts.deadlineMs ??
        (options?.timeoutMs === undefined ? Infinity : this.clock.now() + options.timeoutMs),
      headers: options?.headers ?? cause?.envelope.headers,
      scope: options?.id === undefined || options.deduplicate === false
        ? undefined
        : cause === undefined
        ? `out ${options.caller ?? ""}`
        : `in ${cause.actor.protocol}/${cause.actor.key}`,
    });
  }

  /**
   * Puts an envelope from outside a turn into its mailbox, or throws: what stands in the way, and then nothing was
   * accepted.
   */
  accept(envelope: Envelope): void {
    if (this.#status !== "running") {
      throw new StoppedError(
        `Cannot accept ${envelope}: the system ${this.#status === "stopped" ? "has stopped" : "is stopping"}`,
      );
    }
    envelope.check();
    const activation = this.receiver(envelope);
    const { mailbox } = activation;
    const displaced = activation.offer(envelope);
    if (displaced === envelope && this.#hosts.get(activation.protocol)!.actor.mailbox.overflow === "reject") {
      throw new MailboxFullError(String(activation), mailbox.length, mailbox.capacity);
    }
    this.#accepted++;
    if (!this.inspectors.silent) this.#inspectAccepted(envelope);
    if (displaced === undefined) return;
    this.bury(
      displaced,
      "dropped",
      `${displaced} gave way: the mailbox held ${mailbox.length} of ${mailbox.capacity} messages`,
    );
  }

  deliver(envelope: Envelope): void {
    if (envelope.scope === undefined) return this.#deliver(envelope);
    try {
      this.seen.once(envelope, () => this.#deliver(envelope));
    } catch (error) {
      this.#accepted++; // a turn has committed: nothing may stop what is left of it
      this.bury(envelope, error instanceof PosthornError ? error.code : "failed", messageOf(error), error);
    }
  }

  deliverTo(address: Address, payload: unknown, cause?: Envelope): void {
    this.#deliver(
      new Envelope(this.operationAt(address), address.key, payload, {
        id: this.ids.next(),
        causationId: cause?.id,
        correlationId: cause?.correlationId,
        replyTo: undefined,
        failTo: undefined,
        deadlineMs: Infinity,
        headers: cause?.headers,
        scope: undefined,
      }),
    );
  }

  bury(envelope: Envelope, reason: string, message: string, error?: unknown): void {
    const letter: DeadLetter = {
      id: this.ids.text(envelope.id),
      protocol: envelope.operation.protocol,
      key: envelope.key,
      operation: envelope.operation.name,
      payload: payloadOf(envelope),
      reason,
      message,
      attempts: envelope.attempts,
      atMs: this.clock.now(),
    };
    this.deadLetters.add(letter, envelope);
    if (!this.inspectors.silent) this.inspectors.emit({ type: "dead", letter });
    const { replyTo, failTo } = envelope;
    if (replyTo !== undefined && isAsker(replyTo)) replyTo.fail(errorOfReason(reason, message, error));
    if (failTo === undefined) return;
    const words = error instanceof TerminalError ? error.message : message; // what its handler meant for the caller
    this.deliverTo(failTo, { id: letter.id, code: reason, message: words }, envelope);
  }

  readonly inspected = (envelope: Envelope) => inspectedMessage(envelope, (id) => this.ids.text(id));

  /** The actor of that key, if there is one. */
  find({ protocol, key }: ActorId): Activation | undefined {
    return this.#hosts.get(protocol)?.find(key);
  }

  /** Gives an actor a signal, if there is such an actor. */
  signal(actor: ActorId, signal: Signal): void {
    this.find(actor)?.signal(signal);
  }

  leaveTopics(actor: ActorId): void {
    const id = { protocol: actor.protocol, key: actor.key };
    for (const topic of this.#hosts.get(Topic.leave.protocol)?.activations() ?? []) {
      this.deliverTo({ protocol: topic.protocol, key: topic.key, operation: Topic.leave.name }, id);
    }
  }

  stats(): Stats {
    const hosts = [...this.#hosts.values()];
    const sum = (count: (host: Host) => number) => hosts.reduce((total, host) => total + count(host), 0);
    return {
      accepted: this.#accepted,
      done: sum((host) => host.done),
      dead: this.deadLetters.total,
      waiting: sum((host) => host.waiting),
      running: this.running,
      protocols: Object.fromEntries(
        hosts.map((host) => [host.actor.name, { actors: host.size, waiting: host.waiting, done: host.done }]),
      ),
    };
  }

  operationAt(address: Address): Operation {
    return this.#hosts.get(address.protocol)?.actor.operations[address.operation] ??
      { protocol: address.protocol, mode: "tell", name: address.operation, slot: -1, payload: unchecked() };
  }

  idText(id: string | number): string {
    return this.ids.text(id);
  }

  newId(): string {
    return this.ids.ulid();
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
    turn: Turn,
    operation: Operation,
    key: string,
    payload: unknown,
    options?: AskOptions,
  ): Promise<unknown> {
    for (const envelope of turn.takeOutgoing(operation.protocol, key)) this.deliver(envelope);
    return this.#conversations.ask(this, operation, key, payload, options, turn);
  }

  survey(
    turn: Turn,
    operation: Operation,
    payload: unknown,
    options?: SurveyOptions,
  ): AsyncIterableIterator<unknown> {
    return this.#conversations.survey(this, operation, payload, options, turn);
  }

  get health(): Health {
    if (this.#failure === undefined) return { status: this.#status };
    return { status: this.#status, reason: messageOf(this.#failure) };
  }

  escalate({ protocol, key }: ActorId, error: unknown): void {
    if (!this.inspectors.silent) this.inspectors.emit({ type: "escalated", actor: { protocol, key }, error });
    this.#failure ??= error;
    void this.stop(this.options.drainMs);
  }

  /** Takes nothing in any more, lets run what can run for so long, and makes dead letters of the rest. */
  stop(drainMs: number): Promise<StopReport> {
    return this.#stopping ??= this.#stop(drainMs);
  }

  rest(): void {
    if (this.#rested !== undefined && this.running === 0 && !this.scheduler.busy) this.#rested();
  }

  async #stop(drainMs: number): Promise<StopReport> {
    this.#status = "stopping";
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#rested = () => resolve(true);
    if (drainMs > 0) this.timers.set(drainMs, () => resolve(false));
    queueMicrotask(() => {
      this.rest();
      if (drainMs === 0) resolve(false);
    });
    const drained = await promise;
    this.#rested = undefined;
    this.#status = "stopped";
    let left = 0;
    for (const host of this.#hosts.values()) {
      for (const activation of host.activations()) left += activation.bury("stopping", "the system stopped");
    }
    this.timers.clear();
    await new Promise<void>((resolve) => this.clock.yield(resolve)); // nothing of the scheduler is on its way any more
    this.#close(this.#failure);
    return { drained: drained && left === 0, left };
  }

  /** The actor of an envelope. Throws an `UnknownError` or a `LimitError`. */
  receiver({ operation, key }: Envelope): Activation {
    const host = this.#hosts.get(operation.protocol);
    if (host === undefined) {
      const why = `this system hosts no actor of ${operation.protocol}`;
      throw new UnknownError("unknown-protocol", `Cannot deliver to ${operation.protocol}/${key}: ${why}`);
    }
    // By identity: another protocol of that name would meet a handler that is not its own, unchecked.
    if (host.operations[operation.slot] !== operation || operation.mode === "event") {
      const why = !(operation.name in host.actor.operations)
        ? `it has no operation ${operation.name}`
        : host.operations[operation.slot] === operation
        ? `${operation.name} is an event, which is published and not sent to an actor`
        : `its ${operation.protocol} is another protocol of that name, or a second copy of its module`;
      throw new UnknownError("unknown-operation", `Cannot deliver to ${operation.protocol}/${key}: ${why}`);
    }
    return host.get(key);
  }

  #inspectAccepted(envelope: Envelope): void {
    this.inspectors.emit({ type: "accepted", message: this.inspected(envelope) });
  }

  #deliver(envelope: Envelope): void {
    this.#accepted++;
    if (this.#status === "stopped") {
      return this.bury(envelope, "stopping", `${envelope}: the system has stopped`);
    }
    let activation: Activation;
    try {
      envelope.check();
      activation = this.receiver(envelope);
    } catch (error) {
      return this.bury(
        envelope,
        error instanceof PosthornError ? error.code : "failed",
        messageOf(error),
        error,
      );
    }
    if (!activation.push(envelope)) {
      return this.bury(
        envelope,
        "mailbox-full",
        `${envelope}: the mailbox holds ${activation.mailbox.length} of ${activation.room} messages`,
      );
    }
    if (!this.inspectors.silent) this.#inspectAccepted(envelope);
  }

  #resend(letter: Envelope): void {
    const { replyTo } = letter;
    const again = new Envelope(letter.operation, letter.key, letter.payload, {
      id: letter.id,
      causationId: letter.causationId,
      correlationId: letter.correlationId,
      replyTo: replyTo !== undefined && isAsker(replyTo) ? undefined : replyTo,
      failTo: letter.failTo,
      deadlineMs: Infinity,
      headers: letter.headers,
      scope: undefined,
    });
    this.accept(again);
  }
}
