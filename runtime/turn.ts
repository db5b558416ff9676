import {
  type ActorId,
  type Address,
  type AskOptions,
  requireKey,
  type SendOptions,
  type SubmitOptions,
} from "./address.ts";
import type { SubscribeOptions, SurveyOptions, When } from "./context.ts";
import type { Asker, Envelope, MessageId } from "./envelope.ts";
import { DeadlineError, PosthornError } from "./errors.ts";
import { Publication, Reply, Topic, topicKey } from "./modes.ts";
import type { NamedProtocol, Operation } from "./protocol.ts";
import { parseSubjectPattern } from "./subject.ts";

/** What the runtime does for a turn while it runs. What must wait for the commit, the turn keeps itself. */
export interface TurnHost {
  /** Makes an envelope that was sent in this turn. */
  compose(operation: Operation, key: string, payload: unknown, parts: Parts): Envelope;
  /** The operation at an address; where this system does not know it, one that cannot be delivered. */
  operationAt(address: Address): Operation;
  /** The name of a message. */
  idText(id: MessageId): string;
  /** A new id, which carries its time. */
  newId(): string;
  /** The time of day, in milliseconds since 1970. */
  now(): number;
  /** The time that schedules are measured with. */
  monotonicMs(): number;
  /** Sends an ask out of this turn and waits for its reply. */
  ask(
    turn: Turn,
    operation: Operation,
    key: string,
    payload: unknown,
    options?: AskOptions,
  ): Promise<unknown>;
  /** Asks all respondents. */
  survey(
    turn: Turn,
    operation: Operation,
    payload: unknown,
    options?: SurveyOptions,
  ): AsyncIterableIterator<unknown>;
  /** Calls `callback` after a while. */
  after(delayMs: number, callback: () => void): { cancel(): void };
}

/** What an envelope is made of, besides receiver and payload. */
export interface Parts {
  readonly options?: SendOptions | undefined;
  readonly cause?: Turn | undefined;
  readonly replyTo?: Asker | Address | undefined;
  readonly failTo?: Address | undefined;
  readonly id?: string | undefined;
  /** Instead of what the options say. */
  readonly deadlineMs?: number | undefined;
}

/** What a turn wants scheduled under a name, or taken back where `when` is absent. */
export interface ScheduleChange {
  readonly name: string;
  readonly when?: When;
  readonly to?: Address;
  readonly payload?: unknown;
}

/**
 * One envelope handled: what its handler sees of the world, and all that it wants done, kept until the commit. It
 * does nothing itself, so dropping it is the rollback.
 */
export class Turn {
  readonly #host: TurnHost;
  readonly #actor: ActorId;
  readonly envelope: Envelope;
  readonly #transient: boolean;
  #state: unknown;
  #open = true;
  #now: number | undefined;
  #controller: AbortController | undefined;
  /** Why its work is no longer wanted; also for a handler that looks only later. */
  #abortion: { readonly reason: unknown } | undefined;
  #deadline: { cancel(): void } | undefined;
  /** Whether the state was assigned. */
  changed = false;
  /** What leaves with the commit, in the order of sending. */
  outgoing: Envelope[] | undefined;
  /** What its schedules become, in order. */
  schedules: ScheduleChange[] | undefined;
  /** What becomes of the actor after the commit. */
  ending: "passivate" | "forget" | undefined;
  /** Whether the reply is given later, by whoever took `replyTo`. */
  deferred = false;

  constructor(
    host: TurnHost,
    actor: ActorId,
    envelope: Envelope,
    state: unknown,
    transient: boolean,
  ) {
    this.#host = host;
    this.#actor = actor;
    this.envelope = envelope;
    this.#state = state;
    this.#transient = transient;
  }

  get key(): string {
    return this.#actor.key;
  }

  get state(): unknown {
    return this.#state;
  }

  set state(value: unknown) {
    this.#require("change the state");
    this.#state = value;
    this.changed = true;
  }

  get self(): TurnRef {
    return this.#ref(this.#actor.protocol, this.#actor.key);
  }

  get id(): string {
    return this.#host.idText(this.envelope.id);
  }

  get causationId(): string | undefined {
    const { causationId } = this.envelope;
    return causationId === undefined ? undefined : this.#host.idText(causationId);
  }

  get correlationId(): string {
    return this.#host.idText(this.envelope.correlationId);
  }

  get attempt(): number {
    return this.envelope.attempts;
  }

  get now(): number {
    return this.#now ??= this.#host.now();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { deadlineMs } = this.envelope;
      if (this.#abortion !== undefined) this.#controller.abort(this.#abortion.reason);
      else if (this.#open && deadlineMs < Infinity) {
        const late = () => this.abort(new DeadlineError(`${this.envelope} did not end before its deadline`));
        this.#deadline = this.#host.after(Math.max(deadlineMs - this.#host.now(), 0), late);
      }
    }
    return this.#controller.signal;
  }

  ref(protocol: NamedProtocol<string>, key: string): TurnRef {
    const { name } = protocol["~protocol"];
    requireKey(name, key);
    return this.#ref(name, key);
  }

  publish(event: Operation, payload?: unknown, options?: SendOptions): void {
    this.send(Topic.publish, topicKey(event), new Publication(event, payload), { options });
  }

  subscribe(event: Operation, to: Address, options?: SubscribeOptions): void {
    const subject = options?.subject;
    if (subject !== undefined) parseSubjectPattern(subject);
    this.send(Topic.subscribe, topicKey(event), { to, subject }, {});
  }

  unsubscribe(event: Operation, to: Address): void {
    this.send(Topic.unsubscribe, topicKey(event), { to }, {});
  }

  schedule(name: string, when: When, to: Address, payload?: unknown): void {
    this.#require("schedule");
    requireWhen(name, when);
    (this.schedules ??= []).push({ name, when, to, payload });
  }

  cancel(name: string): void {
    this.#require("cancel");
    (this.schedules ??= []).push({ name });
  }

  stop(): void {
    this.#require("stop");
    this.ending ??= "passivate";
  }

  forget(): void {
    this.#require("forget");
    this.ending = "forget";
  }

  survey(operation: Operation, payload?: unknown, options?: SurveyOptions): AsyncIterableIterator<unknown> {
    this.#requireTransient("survey");
    return this.#host.survey(this, operation, payload, options);
  }

  /** Sends an ask now, behind what this turn has for the same actor. For a {@linkcode TurnRef}. */
  ask(operation: Operation, key: string, payload: unknown, options?: AskOptions): Promise<unknown> {
    this.#requireTransient("ask");
    return this.#host.ask(this, operation, key, payload, options);
  }

  /** Keeps an envelope until the commit. */
  send(operation: Operation, key: string, payload: unknown, parts: Omit<Parts, "cause">): Envelope {
    this.#require("send");
    const envelope = this.#host.compose(operation, key, payload, { ...parts, cause: this });
    (this.outgoing ??= []).push(envelope);
    return envelope;
  }

  /** The operation at an address. For the runtime's own actors. */
  operationAt(address: Address): Operation {
    return this.#host.operationAt(address);
  }

  /** Takes the asker of this turn's message, to answer it after the turn. For the runtime's own actors. */
  defer(): Asker | Address | undefined {
    this.deferred = true;
    return this.envelope.replyTo;
  }

  /** A new id, which carries its time. */
  newId(): string {
    return this.#host.newId();
  }

  /** Whose turn it is. */
  get actor(): ActorId {
    return this.#actor;
  }

  /** Takes what would leave for one actor with the commit: it leaves now. */
  takeOutgoing(protocol: string, key: string): Envelope[] {
    const taken: Envelope[] = [];
    this.outgoing = this.outgoing?.filter((envelope) => {
      if (envelope.operation.protocol !== protocol || envelope.key !== key) return true;
      taken.push(envelope);
      return false;
    });
    return taken;
  }

  /** Tells the handler that its work is no longer wanted. */
  abort(reason: unknown): void {
    this.#abortion = { reason };
    this.#controller?.abort(reason);
  }

  /** The turn is over, one way or the other. */
  close(): void {
    this.#open = false;
    this.#deadline?.cancel();
  }

  #ref(protocol: string, key: string): TurnRef {
    return this.#transient ? new TransientTurnRef(this, protocol, key) : new TurnRef(this, protocol, key);
  }

  #require(what: string): void {
    if (this.#open) return;
    const { protocol, key } = this.#actor;
    throw new PosthornError(
      "turn-over",
      `Cannot ${what} in a turn of ${protocol}/${key} that is over: await everything within the handler`,
    );
  }

  #requireTransient(what: string): void {
    this.#require(what);
    if (this.#transient) return;
    throw new PosthornError(
      "not-transient",
      `Cannot ${what} in a turn of ${this.#actor.protocol}/${this.#actor.key}: only a transient actor may wait for others`,
    );
  }
}

/** A handle to another actor within a turn. */
export class TurnRef {
  protected readonly turn: Turn;
  readonly protocol: string;
  readonly key: string;

  constructor(turn: Turn, protocol: string, key: string) {
    this.turn = turn;
    this.protocol = protocol;
    this.key = key;
  }

  tell(operation: Operation, payload?: unknown, options?: SendOptions): void {
    this.turn.send(operation, this.key, payload, { options });
  }

  submit(operation: Operation, payload?: unknown, options?: SubmitOptions<unknown>): string {
    const id = options?.id ?? this.turn.newId();
    let { replyTo, failTo } = options ?? {};
    if (replyTo === undefined) {
      const reply = { protocol: Reply.open.protocol, key: id };
      this.turn.send(Reply.open, id, undefined, {});
      replyTo = { ...reply, operation: Reply.arrive.name };
      failTo ??= { ...reply, operation: Reply.refuse.name };
    }
    this.turn.send(operation, this.key, payload, { options, id, replyTo, failTo });
    return id;
  }

  at(operation: Operation): Address {
    return { protocol: this.protocol, key: this.key, operation: operation.name };
  }
}

/** A handle that can also ask. */
export class TransientTurnRef extends TurnRef {
  ask(operation: Operation, payload?: unknown, options?: AskOptions): Promise<unknown> {
    return this.turn.ask(operation, this.key, payload, options);
  }
}

function requireWhen(name: string, when: When): void {
  const value = "afterMs" in when ? when.afterMs : "everyMs" in when ? when.everyMs : when.at.getTime();
  const least = "everyMs" in when ? 1 : 0;
  if (!(value >= least && value < Infinity)) {
    throw new RangeError(
      `Cannot schedule ${name}: ${
        Object.keys(when)[0]
      } must be a time of at least ${least} ms: current value is ${value}`,
    );
  }
}
