import type { OnFailure } from "./actor.ts";
import type { ActorId } from "./address.ts";
import { Asides } from "./asides.ts";
import { reasonOf } from "./dead_letters.ts";
import { type Envelope, isAsker } from "./envelope.ts";
import { CycleError, messageOf, StoppedError } from "./errors.ts";
import { Mailbox } from "./mailbox.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { Schedules } from "./schedules.ts";
import { parse } from "./schema.ts";
import type { Home } from "./services.ts";
import { Supervisor } from "./supervisor.ts";
import { Turn } from "./turn.ts";
import { waitChain } from "./wait_chain.ts";

/** What one may ask of an actor from outside; it takes effect before any waiting message. */
export type Signal = "passivate" | "restart" | "forget";

/** What turns send has this many times the room of what comes from outside. */
const turnRoom = 10;

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
  readonly #home: Home<Activation>;
  status: "idle" | "ready" | "running" | "held" | "gone" = "idle";
  /** Whether its state is in memory; a passivated one keeps it where it was committed. */
  active = false;
  /** When it last had a turn. */
  usedMs = 0;
  nextReady: Runnable | undefined;
  /** Those with whom its home will look whether it is idle. */
  watchers: Set<Activation> | undefined;
  #waitsFor: Activation[] | undefined;
  /** Whether a state was committed: the initial one can be made again. */
  #kept = false;
  /** Whether a turn has committed since the activation. */
  #proven = false;
  #state: unknown;
  #turn: Turn | undefined;
  #supervisor: Supervisor | undefined;
  #schedules: Schedules | undefined;
  #asides: Asides | undefined;

  constructor(home: Home<Activation>, key: string) {
    this.#home = home;
    this.key = key;
    this.mailbox = new Mailbox(home.actor.mailbox.capacity, home.actor.mailbox.overflow);
  }

  get protocol(): string {
    return this.#home.actor.name;
  }

  /** Whether it has nothing that would be lost with it. */
  get disposable(): boolean {
    const waiting = (this.#schedules?.size ?? 0) + (this.#asides?.size ?? 0);
    return !this.#kept && this.status === "idle" && waiting === 0;
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

  /** How many messages the mailbox holds when turns send them. */
  get room(): number {
    return this.mailbox.capacity * turnRoom;
  }

  /** Puts a message of a turn into the mailbox. Returns whether there was room. */
  push(envelope: Envelope): boolean {
    if (this.mailbox.length >= this.room) return false;
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
    this.#obeyAll();
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
    this.#leaveIfDone();
    return false;
  }

  /** Makes dead letters of all that waits, and of the turn that runs. Returns how many. */
  bury(reason: string, message: string): number {
    const { services } = this.#home;
    const envelopes: Envelope[] = [];
    if (this.#turn !== undefined) {
      this.#turn.abort(new StoppedError(`${this.#turn.envelope}: ${message}`));
      this.#close(this.#turn);
      services.running--;
      envelopes.push(this.#turn.envelope);
      this.#turn = undefined;
    }
    for (let next = this.mailbox.shift(); next !== undefined; next = this.mailbox.shift()) {
      this.#home.waiting--;
      envelopes.push(next);
    }
    for (const envelope of this.#asides?.take() ?? []) {
      this.#home.waiting--;
      envelopes.push(envelope);
    }
    for (const envelope of envelopes) services.bury(envelope, reason, `${envelope}: ${message}`);
    return envelopes.length;
  }

  /**
   * The running turn waits for an answer of `target` from now on. Throws a `CycleError` when `target`, itself or
   * through those whose answers it waits for, waits for this one.
   */
  waitFor(target: Activation): void {
    const chain = waitChain(target, this);
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
    this.#leaveIfDone();
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
    envelope.attempts++;
    try {
      if (!this.active) this.#activate();
      turn = new Turn(services, this, envelope, this.#state, actor.transient);
      if (!services.inspectors.silent) this.#inspect("started", envelope);
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
      if (turn.schedules !== undefined) {
        this.#schedules ??= new Schedules(services, () => this.#leaveIfDone());
        this.#schedules.requireRoom(turn.schedules, String(this));
      }
    } catch (error) {
      return this.#fail(envelope, turn, error);
    }
    this.#close(turn);
    this.#proven = true;
    if (turn.changed) {
      this.#state = turn.state;
      this.#kept = true;
    }
    if (turn.schedules !== undefined) turn.schedules.forEach((change) => this.#schedules!.change(change));
    if (turn.outgoing !== undefined) { for (const outgoing of turn.outgoing) services.deliver(outgoing); }
    if (replies) {
      const replyTo = envelope.replyTo!;
      if (isAsker(replyTo)) replyTo.reply(reply, result);
      else services.deliverTo(replyTo, result, envelope);
    }
    this.#home.done++;
    if (!services.inspectors.silent) this.#inspect("done", envelope);
    if (turn.ending === "passivate") this.passivate();
    else if (turn.ending === "forget") this.#forget();
  }

  #fail(envelope: Envelope, turn: Turn | undefined, error: unknown): void {
    const { actor, services } = this.#home;
    if (turn !== undefined) this.#close(turn);
    if (!this.#proven) this.active = false; // a first message that fails leaves no actor behind
    if (!services.inspectors.silent) {
      services.inspectors.emit({ type: "failed", message: services.inspected(envelope), error });
    }
    this.#supervisor ??= new Supervisor(actor, services.random);
    const { directive, retryAfterMs } = this.#supervisor.decide({
      error,
      attempt: envelope.attempts,
      mode: envelope.operation.mode,
      monotonicMs: services.monotonicMs(), // the scheduler's is old when the turn was awaited
    });
    if (retryAfterMs === undefined) {
      services.bury(envelope, reasonOf(error), `${envelope} failed: ${messageOf(error)}`, error);
    } else {
      this.#retry(envelope, retryAfterMs);
    }
    this.#follow(directive, error);
    if (this.status === "held") this.#obeyAll(); // they would wait as long as the message
  }

  #retry(envelope: Envelope, afterMs: number): void {
    const { actor, services } = this.#home;
    this.#home.waiting++;
    if (!services.inspectors.silent) {
      services.inspectors.emit({ type: "retrying", message: services.inspected(envelope), afterMs });
    }
    const full = (this.#asides?.size ?? 0) >= actor.mailbox.capacity; // who stepped aside takes memory as well
    if (actor.retry.order === "hold" || full) {
      this.mailbox.unshift(envelope);
      this.status = "held";
      services.timers.set(afterMs, () => this.#release());
      return;
    }
    this.#asides ??= new Asides(services.timers);
    this.#asides.add(envelope, afterMs, () => {
      this.mailbox.push(envelope); // it has been in the mailbox before: its place is not taken from others
      this.#wake();
    });
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

  #obeyAll(): void {
    const { mailbox } = this;
    for (let next = mailbox.takeSignal(); next !== undefined; next = mailbox.takeSignal()) this.#obey(next);
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
    this.#schedules?.clear();
    this.#drop();
    this.active = false;
    this.#home.services.leaveTopics(this);
    this.#emit("forgotten");
    this.#leaveIfDone();
  }

  /** An actor with nothing that would be lost leaves memory altogether. */
  #leaveIfDone(): void {
    if (this.disposable && !this.active) this.#home.remove(this);
  }

  #drop(): void {
    this.#kept = false;
    this.#state = undefined;
  }

  #inspect(type: "started" | "done", envelope: Envelope): void {
    const { inspectors, inspected } = this.#home.services;
    inspectors.emit({ type, message: inspected(envelope) });
  }

  #emit(type: "activated" | "passivated" | "restarted" | "stopped" | "forgotten"): void {
    const { inspectors } = this.#home.services;
    if (inspectors.silent) return;
    inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  /** Its process has no more use for it. */
  leave(): void {
    this.status = "gone";
    this.#schedules?.clear();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}
