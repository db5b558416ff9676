import type { ActivationRarities } from "./activation_rarities.ts";
import { Asker, Envelope, type Route } from "./envelope.ts";
import { lateness } from "./dead_letters.ts";
import { StoppedError } from "./errors.ts";
import type { Idler } from "./idle.ts";
import { Mailbox } from "./mailbox.ts";
import type { Operation } from "./protocol.ts";
import { type Recoverable, Recovery } from "./recovery.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { Schedules } from "./schedules.ts";
import { parse } from "./schema.ts";
import type { Home, Services } from "./services.ts";
import { Status } from "./status.ts";
import { Turn } from "./turn.ts";
import { isThenable } from "./thenable.ts";
import type { TurnActor } from "./turn_host.ts";
import type { Waits } from "./wait_chain.ts";

/** What one may ask of an actor from outside; it takes effect before any waiting message. */
export type Signal = "passivate" | "restart" | "forget";

/**
 * One actor in this process: its mailbox, its state, and the turn that runs. It takes one turn at a time; nothing
 * else ever changes its state. It extends its mailbox, and keeps apart what few need, because there may be a million.
 */
export class Activation extends Mailbox<Signal> implements Runnable, TurnActor, Idler, Recoverable, Waits {
  readonly home: Home<Activation>;
  readonly key: string;
  status: Status = Status.idle;
  /** Whether its state is in memory; a passivated one keeps it where it was committed. */
  active = false;
  /** Whether a state was committed: the initial one can be made again. */
  private kept = false;
  private state: unknown = undefined;
  usedMs = 0;
  nextReady: Runnable | undefined = undefined;
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  private rarities: ActivationRarities | undefined = undefined;

  constructor(home: Home<Activation>, key: string) {
    super();
    this.home = home;
    this.key = key;
  }

  get services(): Services {
    return this.home.services;
  }

  /** Whether it has nothing to do. */
  get idle(): boolean {
    return this.status === Status.idle;
  }

  /** Itself: a message for it needs no search. */
  get found(): this {
    return this;
  }

  /** Whether a message of that operation may be given to it. */
  takes(operation: Operation): boolean {
    return this.status !== Status.gone && this.home.handled[operation.slot] === operation;
  }

  get transient(): boolean {
    return this.home.actor.transient;
  }

  get protocol(): string {
    return this.home.actor.name;
  }

  /** Whether it has nothing that would be lost with it. */
  get disposable(): boolean {
    const { schedules, recovery } = this.rarities ?? {};
    return !this.kept && this.status === Status.idle && !schedules?.size && !recovery?.size;
  }

  override toString(): string {
    return `${this.protocol}/${this.key}`;
  }

  /** Puts a message into the mailbox where that holds fewer than `capacity`. Returns whether it did. */
  offer(route: Route, value: unknown, capacity: number): boolean {
    if (this.length >= capacity) return false;
    this.push(route, value);
    this.home.accepted++;
    if (this.status === Status.idle) this.wake();
    return true;
  }

  /** Takes the oldest waiting message out, for a newer one. */
  displace(): Envelope {
    const envelope = this.envelope(this.route!, this.value);
    this.drop();
    this.home.taken++;
    return envelope;
  }

  /** Gives it a signal: it goes before every waiting message. */
  override signal(signal: Signal): void {
    if (this.status === Status.held) return this.obey(signal);
    super.signal(signal);
    if (this.status === Status.idle) this.wake();
  }

  run(scheduler: Scheduler): boolean {
    if (this.signalled) this.obeyAll();
    this.usedMs = scheduler.monotonicMs;
    // What this run sends to itself waits for the next: a mailbox never runs longer than what was in it.
    let left = this.length;
    while (left > 0 && this.status === Status.ready) {
      const handled = this.take(Math.min(left, scheduler.allowance));
      left = handled === 0 ? 0 : left - handled;
      if (!scheduler.spend(handled) || this.signalled) break;
    }
    if (this.status !== Status.ready) return false;
    if (this.route !== undefined || this.signalled) return true;
    this.status = Status.idle;
    if (!this.active) this.leaveIfDone();
    return false;
  }

  /** Handles so many messages, or fewer where something comes between. Returns how many. */
  private take(most: number): number {
    const { home } = this;
    let count = 0;
    while (count < most) {
      const { ring } = this; // written out: the mailbox's own methods are calls here, 5 ns a message
      let route = this.lone;
      let value: unknown;
      if (route !== undefined) {
        value = this.loneValue;
        this.lone = this.loneValue = undefined;
      } else if (ring !== undefined && !ring.empty) {
        route = ring.route;
        value = ring.value;
        ring.drop();
      } else {
        break;
      }
      home.taken++;
      count++;
      this.handle(route, value);
      if (this.status !== Status.ready || this.signalled) break;
    }
    return count;
  }

  /** Makes dead letters of all that waits, and of the turn that runs. Returns how many. */
  bury(reason: string, message: string): number {
    const { services } = this.home;
    const envelopes: Envelope[] = [];
    const rare = this.rarities;
    const turn = rare?.turn;
    if (rare !== undefined && turn !== undefined) {
      turn.abort(new StoppedError(`${turn}: ${message}`));
      turn.close();
      turn.discard();
      services.running--;
      envelopes.push(turn.envelope(rare.value));
      rare.turn = rare.value = undefined;
    }
    while (this.route !== undefined) envelopes.push(this.displace());
    for (const envelope of rare?.recovery?.take() ?? []) {
      this.home.taken++;
      envelopes.push(envelope);
    }
    for (const envelope of envelopes) services.delivery.bury(envelope, reason, `${envelope}: ${message}`);
    return envelopes.length;
  }

  get waitsFor(): readonly Waits[] {
    return this.rarities?.turn?.waitsFor ?? [];
  }

  /** Leaves memory; the state stays where it was committed, or goes where the actor says so. */
  passivate(): void {
    if (!this.active) return;
    this.active = false;
    this.home.leaveIdle(this);
    this.release();
    if (this.home.actor.onIdle === "drop") this.dropState();
    this.emit("passivated");
    this.leaveIfDone();
  }

  private wake(): void {
    this.status = Status.ready;
    this.home.services.scheduler.add(this);
  }

  private handle(route: Route, value: unknown): void {
    const { home } = this;
    if (route.deadline !== undefined && this.buriesLate(route, value)) return;
    const fresh = !this.active;
    let turn: Turn | undefined;
    let result: unknown;
    try {
      if (fresh) this.activate();
      turn = new Turn(this, route, this.state);
      if (home.heard) this.inspect("started", turn, value);
      const handler = home.handlers[route.operation.slot]!; // by itself: the list of all would be its `this`
      result = handler(turn, value);
      if (typeof result === "object" && isThenable(result)) return this.await(turn, value, result, fresh);
    } catch (error) {
      return this.fail(turn, route, value, fresh, error);
    }
    // Most turns have nothing but state and messages. What else there may be is apart: the compiler takes in only so much.
    if (turn.plain && route.replyTo === undefined && !home.heard) this.apply(turn);
    else this.commit(turn, value, result, fresh);
  }

  private buriesLate(route: Route, value: unknown): boolean {
    const { services } = this.home;
    if (route.deadline!.dueMs > services.scheduler.nowMs) return false;
    const envelope = this.envelope(route, value);
    services.delivery.bury(envelope, "deadline", `${envelope} ${lateness(envelope.attempts)}`);
    return true;
  }

  private activate(): void {
    if (!this.kept) this.state = this.services.broken.make(this, this.home.actor.state);
    this.active = true;
    this.home.watchIdle(this);
    this.emit("activated");
  }

  private await(turn: Turn, value: unknown, result: unknown, fresh: boolean): void {
    const promise = Promise.resolve(result); // not every thenable settles later, as a promise does; and it may throw here
    this.status = Status.running;
    this.rare.turn = turn;
    this.rare.value = value;
    this.home.services.running++;
    promise.then(
      (result) => this.settle(turn, () => this.commit(turn, value, result, fresh)),
      (error) => this.settle(turn, () => this.fail(turn, turn.route, value, fresh, error)),
    );
  }

  /** A turn that was awaited is over; unless it was buried in the meantime. */
  private settle(turn: Turn, end: () => void): void {
    const rare = this.rare;
    if (rare.turn !== turn) return;
    const { services } = this.home;
    rare.turn = rare.value = undefined;
    this.status = Status.ready;
    services.running--;
    end();
    if (this.status === Status.ready) services.scheduler.add(this);
    else services.rest();
  }

  private commit(turn: Turn, value: unknown, result: unknown, fresh: boolean): void {
    const { route, plain } = turn;
    const replies = route.replyTo !== undefined && turn.wantsReply(result);
    let reply = result;
    if (!plain || (replies && !route.operation.repliesUnchecked)) {
      try {
        if (replies) reply = parse(route.operation.reply, result, "Cannot reply to", turn);
        if (turn.schedules !== undefined) this.ownSchedules.requireRoom(turn.schedules, String(this));
      } catch (error) {
        return this.fail(turn, route, value, fresh, error);
      }
    }
    this.apply(turn);
    if (replies) {
      const replyTo = route.replyTo!;
      if (replyTo instanceof Asker) replyTo.reply(reply, result);
      else this.home.services.delivery.deliverTo(replyTo, result, turn.envelope(value));
    }
    if (this.home.heard) this.inspect("done", turn, value);
    if (plain) return;
    if (turn.ending === "passivate") this.passivate();
    else if (turn.ending === "forget") this.forget();
  }

  /** The turn takes effect: its state, its schedules, its messages. */
  private apply(turn: Turn): void {
    if (turn.changed) {
      this.state = turn.state;
      this.kept = true;
    }
    turn.close();
    if (!turn.plain) this.applySchedules(turn);
    const { home } = this;
    turn.deliver(home.services.delivery);
    home.done++;
  }

  private applySchedules({ schedules }: Turn): void {
    schedules?.forEach((change) => this.ownSchedules.change(change));
  }

  private inspect(type: "started" | "done", turn: Turn, value: unknown): void {
    this.home.services.delivery.inspect({ type }, turn.envelope(value));
  }

  private fail(turn: Turn | undefined, route: Route, value: unknown, fresh: boolean, error: unknown): void {
    const { services } = this.home;
    // Where there is no turn, the initial state could not be made.
    const envelope = (turn ?? new Turn(this, route, undefined)).envelope(value);
    if (turn !== undefined) {
      turn.close();
      turn.discard();
    }
    if (fresh) this.active = false; // a first message that fails leaves no actor behind
    services.delivery.inspect({ type: "failed", error }, envelope);
    (this.rare.recovery ??= new Recovery(this)).recover(envelope, error);
    if (this.status === Status.held) this.obeyAll(); // they would wait as long as the message
  }

  hold({ route, value }: Envelope): void {
    this.unshift(route, value);
    this.status = Status.held;
  }

  goOn(): void {
    if (this.status === Status.held) this.wake();
  }

  takeBack({ route, value }: Envelope): void {
    this.push(route, value); // it has been in the mailbox before: its place is not taken from others
    if (this.status === Status.idle) this.wake();
  }

  stop(reason: string): void {
    this.bury("stopped", reason);
    this.emit("stopped");
    this.passivate();
  }

  private obeyAll(): void {
    for (let next = this.takeSignal(); next !== undefined; next = this.takeSignal()) this.obey(next);
  }

  private obey(signal: Signal): void {
    if (signal === "restart") this.restart();
    else if (signal === "passivate") this.passivate();
    else this.forget();
  }

  restart(): void {
    if (this.home.actor.transient) this.dropState();
    this.active = false;
    this.emit("restarted");
  }

  private forget(): void {
    this.rarities?.schedules?.clear();
    this.dropState();
    this.active = false;
    this.home.services.broken.remove(this);
    this.home.services.leaveTopics(this);
    this.emit("forgotten");
    this.leaveIfDone();
  }

  /** An actor with nothing that would be lost leaves memory altogether. */
  private leaveIfDone(): void {
    if (this.disposable && !this.active) this.home.remove(this);
  }

  private dropState(): void {
    this.kept = false;
    this.state = undefined;
  }

  private emit(type: "activated" | "passivated" | "restarted" | "stopped" | "forgotten"): void {
    const { inspectors } = this.home.services.delivery;
    if (inspectors.silent) return;
    inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  /** Its process has no more use for it. */
  leave(): void {
    this.status = Status.gone;
    this.rarities?.schedules?.clear();
  }

  get rare(): ActivationRarities {
    return this.rarities ??= {};
  }

  private get ownSchedules(): Schedules {
    return this.rare.schedules ??= new Schedules(this.home.services, () => this.leaveIfDone());
  }

  private envelope(route: Route, value: unknown): Envelope {
    return new Envelope(route, this.key, route.rarities?.id ?? this.home.services.nextNumber(), value);
  }
}
