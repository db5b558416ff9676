import type { Actor, OnFailure } from "./actor.ts";
import type { ActorId, Address } from "./address.ts";
import type { When } from "./context.ts";
import { type Envelope, isAsker } from "./envelope.ts";
import { CycleError, LimitError, messageOf, StoppedError, TerminalError } from "./errors.ts";
import type { InspectedMessage, Inspectors } from "./inspection.ts";
import { Mailbox } from "./mailbox.ts";
import type { Random } from "./random.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { parse } from "./schema.ts";
import { Supervisor } from "./supervisor.ts";
import type { Timer, Timers } from "./timers.ts";
import { type ScheduleChange, Turn, type TurnHost } from "./turn.ts";

/** What one may ask of an actor from outside; it takes effect before any waiting message. */
export type Signal = "passivate" | "restart" | "forget";

/** What an activation needs of its system. */
export interface Services {
  readonly scheduler: Scheduler;
  readonly timers: Timers;
  readonly random: Random;
  readonly inspectors: Inspectors;
  readonly turnHost: TurnHost;
  /** How many turns a promise is awaited for. */
  running: number;
  /** There may be nothing left to run. */
  rest(): void;
  /** Delivers what a turn sent; what cannot be delivered becomes a dead letter. */
  deliver(envelope: Envelope): void;
  /** Sends to an address, in answer to `cause` where there is one. */
  deliverTo(address: Address, payload: unknown, cause?: Envelope): void;
  /** Makes a dead letter, and tells whoever waits for the answer. */
  bury(envelope: Envelope, reason: string, message: string, error?: unknown): void;
  /** Emits what happened to a message. */
  inspectMessage(type: "accepted" | "started" | "done", envelope: Envelope): void;
  /** A failure that the system must answer for. */
  escalate(activation: Activation, error: unknown): void;
  /** An actor was erased: its subscriptions go. */
  leaveTopics(actor: ActorId): void;
}

/** Where activations of one actor definition live. */
export interface Home {
  readonly actor: Actor;
  readonly services: Services;
  /** How many messages wait, counted here because there may be a million mailboxes. */
  waiting: number;
  /** How many turns have committed. */
  done: number;
  /** An activation has nothing left to keep. */
  remove(activation: Activation): void;
  /** An activation became active: passivate it when it is idle for long enough. */
  watchIdle(activation: Activation): void;
}

interface Schedule {
  timer: Timer;
  readonly when: When;
  readonly to: Address;
  readonly payload: unknown;
}

interface Aside {
  readonly timer: Timer;
  readonly envelope: Envelope;
}

/** What turns send has this many times the room of what comes from outside. */
const turnRoom = 10;
const schedulesMax = 1_000;

/**
 * One actor in this process: its mailbox, its state, and the turn that runs. It takes one turn at a time; nothing
 * else ever changes its state.
 *
 * `idle`: nothing to do. `ready`: the scheduler has it, or its turn runs. `running`: a promise is awaited. `held`:
 * it waits to try a message again. `gone`: no longer in this process, and nothing may be given to it.
 */
export class Activation implements Runnable, ActorId {
  readonly key: string;
  readonly mailbox: Mailbox<Envelope, Signal>;
  readonly #home: Home;
  status: "idle" | "ready" | "running" | "held" | "gone" = "idle";
  /** Whether its state is in memory; a passivated one keeps it where it was committed. */
  active = false;
  /** When it last had a turn. */
  usedMs = 0;
  nextReady: Runnable | undefined;
  /** Whether its home will look whether it is idle. */
  watched = false;
  #waitsFor: Activation[] | undefined;
  /** Whether a state was committed: the initial one can be made again. */
  #kept = false;
  /** Whether a turn has committed since the activation. */
  #proven = false;
  #state: unknown;
  #turn: Turn | undefined;
  #supervisor: Supervisor | undefined;
  #schedules: Map<string, Schedule> | undefined;
  #asides: Set<Aside> | undefined;

  constructor(home: Home, key: string) {
    this.#home = home;
    this.key = key;
    this.mailbox = new Mailbox(home.actor.mailbox.capacity, home.actor.mailbox.overflow);
  }

  get protocol(): string {
    return this.#home.actor.name;
  }

  /** The turn that a promise is awaited for. */
  get turn(): Turn | undefined {
    return this.#turn;
  }

  /** Whether it has nothing that would be lost with it. */
  get disposable(): boolean {
    return !this.#kept && this.status === "idle" && this.#schedules === undefined &&
      this.#asides === undefined;
  }

  toString(): string {
    return `${this.protocol}/${this.key}`;
  }

  /** Puts a message from outside into the mailbox; returns the one that has no place. */
  offer(envelope: Envelope): Envelope | undefined {
    const displaced = this.mailbox.offer(envelope);
    if (displaced === undefined) this.#home.waiting++;
    if (displaced !== envelope) this.#wake();
    return displaced;
  }

  /** Puts a message of a turn into the mailbox. Returns whether there was room. */
  push(envelope: Envelope): boolean {
    if (this.mailbox.length >= this.mailbox.capacity * turnRoom) return false;
    this.mailbox.push(envelope);
    this.#home.waiting++;
    this.#wake();
    return true;
  }

  /** Gives it a signal: it goes before every waiting message. */
  signal(signal: Signal): void {
    if (this.status === "held") return this.#obey(signal);
    this.mailbox.signal(signal);
    this.#wake();
  }

  run(scheduler: Scheduler): boolean {
    const { mailbox } = this;
    for (let signal = mailbox.takeSignal(); signal !== undefined; signal = mailbox.takeSignal()) {
      this.#obey(signal);
    }
    this.usedMs = scheduler.monotonicMs;
    // What this run sends to itself waits for the next: a mailbox never runs longer than what was in it.
    for (let left = mailbox.length; left > 0 && mailbox.length > 0 && this.status === "ready"; left--) {
      this.#home.waiting--;
      this.#handle(mailbox.shift()!);
      if (!scheduler.tick() || mailbox.signalled) break;
    }
    if (this.status !== "ready") return false;
    if (mailbox.length > 0 || mailbox.signalled) return true;
    this.status = "idle";
    if (this.disposable && !this.active) this.#home.remove(this);
    return false;
  }

  /** Makes dead letters of all that waits, and of the turn that runs. Returns how many. */
  bury(reason: string, message: string): number {
    const { services } = this.#home;
    const envelopes: Envelope[] = [];
    if (this.#turn !== undefined) {
      this.#turn.abort(new StoppedError(`${this.#turn.envelope}: ${message}`));
      this.#close(this.#turn);
      this.#home.services.running--;
      envelopes.push(this.#turn.envelope);
      this.#turn = undefined;
    }
    for (let next = this.mailbox.shift(); next !== undefined; next = this.mailbox.shift()) {
      this.#home.waiting--;
      envelopes.push(next);
    }
    for (const { timer, envelope } of this.#asides ?? []) {
      timer.cancel();
      this.#home.waiting--;
      envelopes.push(envelope);
    }
    this.#asides = undefined;
    for (const envelope of envelopes) services.bury(envelope, reason, `${envelope}: ${message}`);
    return envelopes.length;
  }

  /**
   * The running turn waits for an answer of `target` from now on. Throws a `CycleError` when `target`, itself or
   * through those whose answers it waits for, waits for this one.
   */
  waitFor(target: Activation): void {
    const chain = chainBetween(target, this);
    if (chain !== undefined) throw new CycleError([this, ...chain].map(String));
    (this.#waitsFor ??= []).push(target);
  }

  /** The answer has come, or is no longer waited for. */
  waitOver(target: Activation): void {
    const index = this.#waitsFor?.indexOf(target) ?? -1;
    if (index >= 0) this.#waitsFor!.splice(index, 1);
  }

  /** Those whose answers the running turn waits for. */
  get waitsFor(): readonly Activation[] {
    return this.#waitsFor ?? [];
  }

  /** Leaves memory; the state stays where it was committed, or goes where the actor says so. */
  passivate(): void {
    if (!this.active) return;
    this.active = false;
    this.mailbox.release();
    if (this.#home.actor.onIdle === "drop") this.#drop();
    this.#emit("passivated");
    if (this.disposable) this.#home.remove(this);
  }

  #wake(): void {
    if (this.status !== "idle") return;
    this.status = "ready";
    this.#home.services.scheduler.add(this);
  }

  #handle(envelope: Envelope): void {
    const { actor, services } = this.#home;
    if (envelope.deadlineMs <= services.scheduler.nowMs) {
      services.bury(envelope, "deadline", `${envelope} was not started before its deadline`);
      return;
    }
    const handler = actor.handlers[envelope.operation.slot]!;
    let turn: Turn | undefined;
    let result: unknown;
    let awaited = false;
    try {
      if (!this.active) this.#activate();
      turn = new Turn(services.turnHost, this, envelope, this.#state, actor.transient);
      if (!services.inspectors.silent) services.inspectMessage("started", envelope);
      result = handler(turn, envelope.value);
      awaited = isThenable(result);
    } catch (error) {
      return this.#fail(envelope, turn, error);
    }
    if (!awaited) return this.#commit(turn, result);
    this.status = "running";
    this.#turn = turn;
    services.running++;
    Promise.resolve(result).then( // not every thenable settles later, as a promise does
      (value) => this.#settle(turn, () => this.#commit(turn, value)),
      (error) => this.#settle(turn, () => this.#fail(envelope, turn, error)),
    );
  }

  #activate(): void {
    if (!this.#kept) this.#state = this.#home.actor.state();
    this.#proven = false;
    this.active = true;
    this.#home.watchIdle(this);
    this.#emit("activated");
  }

  /** A turn that was awaited is over; unless it was buried in the meantime. */
  #settle(turn: Turn, end: () => void): void {
    if (this.#turn !== turn) return;
    const { services } = this.#home;
    this.#turn = undefined;
    this.status = "ready";
    services.running--;
    end();
    if (this.status === "ready") services.scheduler.add(this);
    else services.rest();
  }

  /** A turn that is over waits for nobody, whatever it began. */
  #close(turn: Turn): void {
    turn.close();
    this.#waitsFor = undefined;
  }

  #commit(turn: Turn, result: unknown): void {
    const { services } = this.#home;
    const { envelope } = turn;
    const replies = envelope.replyTo !== undefined && !turn.deferred && envelope.operation.mode !== "tell" &&
      !(result === undefined && envelope.operation.mode === "survey");
    let reply: unknown;
    try {
      if (replies) reply = parse(envelope.operation.reply, result, () => `Cannot reply to ${envelope}`);
      if (turn.schedules !== undefined) this.#requireRoom(turn.schedules);
    } catch (error) {
      return this.#fail(envelope, turn, error);
    }
    this.#close(turn);
    this.#proven = true;
    if (turn.changed) {
      this.#state = turn.state;
      this.#kept = true;
    }
    if (turn.schedules !== undefined) { for (const change of turn.schedules) this.#schedule(change); }
    if (turn.outgoing !== undefined) { for (const outgoing of turn.outgoing) services.deliver(outgoing); }
    if (replies) {
      const replyTo = envelope.replyTo!;
      if (isAsker(replyTo)) replyTo.reply(reply, result);
      else services.deliverTo(replyTo, result, envelope);
    }
    this.#home.done++;
    if (!services.inspectors.silent) services.inspectMessage("done", envelope);
    if (turn.ending === "passivate") this.passivate();
    else if (turn.ending === "forget") this.#forget();
  }

  #fail(envelope: Envelope, turn: Turn | undefined, error: unknown): void {
    const { actor, services } = this.#home;
    if (turn !== undefined) this.#close(turn);
    if (!this.#proven) this.active = false; // a first message that fails leaves no actor behind
    if (!services.inspectors.silent) {
      services.inspectors.emit({ type: "failed", message: inspectedMessage(envelope, services), error });
    }
    this.#supervisor ??= new Supervisor(actor, services.random);
    const { directive, retryAfterMs } = this.#supervisor.decide({
      error,
      attempt: envelope.attempt,
      mode: envelope.operation.mode,
      monotonicMs: services.turnHost.monotonicMs(), // the scheduler's is old when the turn was awaited
    });
    if (retryAfterMs === undefined) {
      services.bury(envelope, reasonOf(error), `${envelope} failed: ${messageOf(error)}`, error);
    } else {
      envelope.attempt++;
      this.#retry(envelope, retryAfterMs);
    }
    this.#follow(directive, error);
  }

  #retry(envelope: Envelope, afterMs: number): void {
    const { actor, services } = this.#home;
    this.#home.waiting++;
    if (!services.inspectors.silent) {
      services.inspectors.emit({ type: "retrying", message: inspectedMessage(envelope, services), afterMs });
    }
    if (actor.retry.order === "hold") {
      this.mailbox.unshift(envelope);
      this.status = "held";
      services.timers.set(afterMs, () => this.#release());
      return;
    }
    const aside: Aside = {
      envelope,
      timer: services.timers.set(afterMs, () => {
        this.#asides?.delete(aside);
        if (this.#asides?.size === 0) this.#asides = undefined;
        this.mailbox.push(envelope); // it has been in the mailbox before: its place is not taken from others
        this.#wake();
      }),
    };
    (this.#asides ??= new Set()).add(aside);
  }

  #release(): void {
    if (this.status !== "held") return;
    this.status = "idle";
    this.#wake();
  }

  #follow(directive: OnFailure, error: unknown): void {
    if (directive === "resume") return;
    if (directive === "restart") return this.#restart();
    this.bury("stopped", `its actor stopped: ${messageOf(error)}`);
    this.#emit("stopped");
    this.passivate();
    if (directive === "escalate") this.#home.services.escalate(this, error);
  }

  #obey(signal: Signal): void {
    if (signal === "restart") this.#restart();
    else if (signal === "passivate") this.passivate();
    else this.#forget();
  }

  #restart(): void {
    if (this.#home.actor.transient) this.#drop();
    this.active = false;
    this.#emit("restarted");
  }

  #forget(): void {
    for (const { timer } of this.#schedules?.values() ?? []) timer.cancel();
    this.#schedules = undefined;
    this.#drop();
    this.active = false;
    this.#home.services.leaveTopics(this);
    this.#emit("forgotten");
    if (this.disposable) this.#home.remove(this);
  }

  #drop(): void {
    this.#kept = false;
    this.#state = undefined;
  }

  #emit(type: "activated" | "passivated" | "restarted" | "stopped" | "forgotten"): void {
    const { inspectors } = this.#home.services;
    if (inspectors.silent) return;
    inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  #requireRoom(changes: readonly ScheduleChange[]): void {
    const names = new Set(this.#schedules?.keys());
    for (const { name, when } of changes) when === undefined ? names.delete(name) : names.add(name);
    if (names.size <= schedulesMax) return;
    throw new LimitError(
      "too-many-schedules",
      `Cannot schedule for ${this}: it would have ${names.size} of ${schedulesMax} schedules`,
    );
  }

  #schedule({ name, when, to, payload }: ScheduleChange): void {
    this.#schedules?.get(name)?.timer.cancel();
    if (when === undefined || to === undefined) {
      this.#schedules?.delete(name);
      if (this.#schedules?.size === 0) this.#schedules = undefined;
      return;
    }
    const delayMs = "afterMs" in when
      ? when.afterMs
      : "everyMs" in when
      ? when.everyMs
      : when.at.getTime() - this.#home.services.turnHost.now();
    const schedule = { when, to, payload, timer: this.#arm(name, Math.max(delayMs, 0)) };
    (this.#schedules ??= new Map()).set(name, schedule);
  }

  #arm(name: string, delayMs: number): Timer {
    return this.#home.services.timers.set(delayMs, () => this.#fire(name));
  }

  #fire(name: string): void {
    const schedule = this.#schedules?.get(name);
    if (schedule === undefined) return;
    if ("everyMs" in schedule.when) {
      const { everyMs } = schedule.when;
      const lateMs = this.#home.services.turnHost.monotonicMs() - schedule.timer.dueMs;
      schedule.timer = this.#arm(name, everyMs - (lateMs % everyMs)); // ticks that were missed come as this one
    } else {
      this.#schedules?.delete(name);
      if (this.#schedules?.size === 0) this.#schedules = undefined;
    }
    this.#home.services.deliverTo(schedule.to, schedule.payload);
  }

  /** Its process has no more use for it. */
  leave(): void {
    this.status = "gone";
    for (const { timer } of this.#schedules?.values() ?? []) timer.cancel();
  }
}

/** Who waits for whom from one actor to another, both included; nothing where there is no such chain. */
function chainBetween(
  from: Activation,
  to: Activation,
  seen = new Set<Activation>(),
): Activation[] | undefined {
  if (from === to) return [to];
  seen.add(from);
  for (const next of from.waitsFor) {
    const rest = seen.has(next) ? undefined : chainBetween(next, to, seen);
    if (rest !== undefined) return [from, ...rest];
  }
  return undefined;
}

/** One message, as an inspection sees it. */
export function inspectedMessage(
  envelope: Envelope,
  services: Pick<Services, "turnHost">,
): InspectedMessage {
  const { turnHost } = services;
  return {
    protocol: envelope.operation.protocol,
    key: envelope.key,
    operation: envelope.operation.name,
    id: turnHost.idText(envelope.id),
    causationId: envelope.causationId === undefined ? undefined : turnHost.idText(envelope.causationId),
    correlationId: turnHost.idText(envelope.correlationId),
    attempt: envelope.attempt,
    headers: envelope.headers,
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** What a failure is called among dead letters. A reply that does not fit is the handler's failure, not the caller's. */
function reasonOf(error: unknown): string {
  return error instanceof TerminalError ? error.code : "failed";
}
