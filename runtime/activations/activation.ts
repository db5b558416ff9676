import type { ActorId } from "../language/address.ts";
import { Envelope, isReplyTarget, type Route } from "../messages/envelope.ts";
import { lateness } from "../ports/dead_letters.ts";
import { StoppedError } from "../base/errors.ts";
import { isLater } from "../language/later.ts";
import { openLater } from "./open_later.ts";
import { tellPass } from "../messages/respondents.ts";
import type { Operation } from "../language/protocol.ts";
import type { QueuedRoute, Ring } from "../messages/ring.ts";
import { Recovery } from "./recovery.ts";
import { Resident, type Signal } from "./resident.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";
import { parse } from "../language/parse.ts";
import { Status } from "./status.ts";
import { needsCron } from "../turns/schedules.ts";
import { Turn } from "../turns/turn.ts";
import { TurnLimit } from "../turns/turn_limit.ts";
import { isThenable } from "../base/thenable.ts";
import type { OpenedLater } from "../turns/turn_laters.ts";
import type { TurnActor } from "../turns/turn_services.ts";
import type { WaitingTurn } from "../turns/wait_chain.ts";

/** One actor in this process that runs its turns one at a time. Only they change its state. */
export class Activation extends Resident implements TurnActor, WaitingTurn {
  /** Itself: a message for an activation needs no look-up. */
  get target(): this {
    return this;
  }

  /** Whether it is in memory and handles an operation. */
  takes(operation: Operation): boolean {
    return this.status !== Status.gone && this.host.handled[operation.slot] === operation;
  }

  find(protocol: string, key: string): ActorId | undefined {
    return this.host.reach(protocol, key);
  }

  /** Puts a message into the mailbox if that holds fewer than `capacity`. Returns whether it did. */
  offer(route: Route, value: unknown, capacity: number): boolean {
    if (this.length >= capacity) return false;
    this.push(route, value);
    this.host.accepted++;
    if (this.status === Status.idle) this.wake();
    return true;
  }

  /** Removes and returns the oldest message that waits. Changes of schedules, which are nobody's messages, stay. */
  evict(): Envelope | undefined {
    const kept: QueuedRoute[] = [];
    for (let { route } = this; route?.operation === this.host.scheduling; { route } = this) {
      kept.push({ route, value: this.value });
      this.drop();
    }
    const evicted = this.route === undefined ? undefined : this.displace();
    for (const { route, value } of kept.reverse()) this.unshift(route, value);
    return evicted;
  }

  /** Removes and returns whatever has waited longest. */
  private displace(): Envelope {
    const envelope = this.envelope(this.route!, this.value);
    this.drop();
    this.host.taken++;
    return envelope;
  }

  /**
   * Takes back the message whose route has a property: it waits no longer, in the mailbox or for a retry, and if it runs its
   * turn takes no effect. Returns the message if it was there.
   */
  takeBack(which: (route: Route) => boolean): Envelope | undefined {
    const { turn, value, recovery } = this.extras ?? {};
    const { reports } = this.host.services.delivery;
    if (turn !== undefined && which(turn.route)) {
      turn.revoke();
      return reports.cancelled(turn.envelope(value), reports.timesOf(turn));
    }
    const held = this.status === Status.held && which(this.route!);
    const found = this.takeOut(which);
    const envelope = found === undefined
      ? recovery?.delayedRetries.takeOut(which)
      : this.envelope(found.route, found.value);
    if (envelope === undefined) return undefined;
    this.host.taken++;
    this.host.cancelled++;
    if (held) recovery!.release();
    else if (!this.active) this.leaveIfDone();
    return reports.cancelled(envelope);
  }

  /** Gives it a signal, which it obeys before any message that waits. */
  override signal(signal: Signal): void {
    if (this.status === Status.held || this.isParked) return this.obey(signal);
    super.signal(signal);
    if (this.status === Status.idle) this.wake();
  }

  run(scheduler: Scheduler): boolean {
    if (this.signalled) this.obeyAll();
    this.usedMs = scheduler.monotonicMs;
    if (this.lone !== undefined && this.length === 1 && this.status === Status.ready) { // true for most actors
      this.handleLone(this.lone);
      scheduler.spend(1);
      return this.hasMore();
    }
    // A run handles only what waits at its beginning, so an actor that sends to itself cannot run for ever.
    let left = this.length;
    while (left > 0 && this.status === Status.ready) {
      const handled = this.take(Math.min(left, scheduler.allowance));
      left = handled === 0 ? 0 : left - handled;
      if (!scheduler.spend(handled) || this.signalled) break;
    }
    return this.hasMore();
  }

  /** Handles up to `most` messages, fewer if it is interrupted. Returns how many. */
  private take(most: number): number {
    let count = 0;
    while (count < most) {
      const { ring } = this;
      if (this.lone !== undefined) {
        this.handleLone(this.lone);
        count++;
      } else if (ring !== undefined && !ring.empty) {
        count += this.drain(ring, most - count);
      } else {
        break;
      }
      if (!this.undisturbed) break;
    }
    return count;
  }

  private handleLone(route: Route): void {
    const value = this.loneValue;
    this.lone = this.loneValue = undefined;
    this.host.taken++;
    this.handle(route, value);
  }

  /**
   * Handles up to `most` messages of the ring: fewer if it is interrupted, or if another operation follows. Returns how
   * many. Most messages of a busy actor are handled here, so what is the same for all of them is read once.
   */
  private drain(ring: Ring, most: number): number {
    const { host } = this;
    let { route } = ring;
    if (!this.active || host.observed || !route.carefree) {
      const { value } = ring;
      ring.drop();
      host.taken++;
      this.handle(route, value);
      return 1;
    }
    const { operation } = route;
    const handler = host.handlers[operation.slot]!;
    let count = 0;
    for (;;) {
      const { value } = ring;
      ring.drop();
      host.taken++;
      count++;
      const turn = new Turn(this, route, this.state);
      let result: unknown;
      try {
        result = handler(turn, value);
      } catch (error) {
        this.fail(turn, route, value, false, error);
        return count;
      }
      if (result !== undefined || !turn.plain || host.observed) {
        this.finish(turn, value, result, false);
        return count;
      }
      if (turn.changed) this.keep(turn.state);
      turn.close();
      if (turn.sends) turn.deliver(host.services.delivery);
      host.done++;
      if (count === most || ring.empty || this.lone !== undefined || !this.undisturbed) return count;
      const next = ring.route;
      if (next === route) continue;
      if (next.operation !== operation || !next.carefree) return count;
      route = next;
    }
  }

  /** Whether nothing interrupts the handling of messages. */
  private get undisturbed(): boolean {
    return this.status === Status.ready && !this.signalled;
  }

  /** Makes dead letters of all messages that wait, and of the one whose turn runs. Returns how many. */
  deadLetter(reason: string, message: string): number {
    const { services } = this.host;
    const envelopes: Envelope[] = [];
    const extras = this.extras;
    const turn = extras?.turn;
    if (extras !== undefined && turn !== undefined) {
      turn.abort(new StoppedError(`${turn}: ${message}`));
      turn.close();
      turn.discard();
      services.running--;
      if (turn.revoked) this.host.cancelled++;
      else envelopes.push(turn.envelope(extras.value));
      extras.turn = extras.value = undefined;
    }
    while (this.route !== undefined) envelopes.push(this.displace());
    for (const envelope of extras?.recovery?.delayedRetries.take() ?? []) {
      this.host.taken++;
      envelopes.push(envelope);
    }
    for (const envelope of envelopes) {
      services.delivery.deadLetter(envelope, reason, `${envelope}: ${message}`);
    }
    return envelopes.length;
  }

  get waitsFor(): readonly WaitingTurn[] {
    return this.extras?.turn?.waitsFor ?? [];
  }

  private wake(): void {
    this.status = Status.ready;
    this.host.ready.add(this);
  }

  private handle(route: Route, value: unknown): void {
    const { host } = this;
    if (route.deadline !== undefined && this.deadLettersLate(route, value)) return;
    const fresh = !this.active;
    let turn: Turn | undefined;
    let result: unknown;
    try {
      if (fresh) this.activate();
      turn = new Turn(this, route, this.state);
      if (host.observed || route.watched) host.services.delivery.reports.started(turn);
      const handler = host.handlers[route.operation.slot]!; // not as a method of the list
      result = handler(turn, value);
    } catch (error) {
      return this.fail(turn, route, value, fresh, error);
    }
    if (result === undefined && turn.plain && route.replyTo === undefined && !host.observed) this.apply(turn);
    else this.finish(turn, value, result, fresh);
  }

  /** A handler has returned: commits its turn, or awaits its promise first. */
  private finish(turn: Turn, value: unknown, result: unknown, fresh: boolean): void {
    const { route } = turn;
    try {
      if (typeof result === "object" && isThenable(result)) return this.await(turn, value, result, fresh);
    } catch (error) {
      return this.fail(turn, route, value, fresh, error);
    }
    // Most turns have only state and messages. The rest is in a method of its own, so that this one is inlined.
    if (turn.plain && route.replyTo === undefined && !this.host.observed) this.apply(turn);
    else this.commit(turn, value, result, fresh);
  }

  private deadLettersLate(route: Route, value: unknown): boolean {
    const { services } = this.host;
    if (route.deadline!.dueMs > services.scheduler.nowMs) return false;
    const envelope = this.envelope(route, value);
    services.delivery.deadLetter(envelope, "deadline", `${envelope} ${lateness(envelope.attempts)}`);
    return true;
  }

  private await(turn: Turn, value: unknown, result: unknown, fresh: boolean): void {
    const { services, actor: { turnMs } } = this.host;
    const promise = TurnLimit.within(turn, result, turnMs, services.deadlines);
    this.status = Status.running;
    this.ensureExtras.turn = turn;
    this.ensureExtras.value = value;
    services.running++;
    promise.then(
      (result) => this.settle(turn, fresh, () => this.commit(turn, value, result, fresh)),
      (error) => this.settle(turn, fresh, () => this.fail(turn, turn.route, value, fresh, error)),
    );
  }

  /** Ends a turn that was awaited, unless its message has become a dead letter meanwhile. */
  protected settle(turn: Turn, fresh: boolean, end: () => void): void {
    const extras = this.ensureExtras;
    if (extras.turn !== turn) return;
    const { services } = this.host;
    extras.turn = extras.value = undefined;
    this.status = Status.ready;
    services.running--;
    if (turn.revoked) this.forget(turn, fresh);
    else end();
    if (this.status === Status.ready) this.host.ready.add(this);
    else services.rest();
  }

  /** The message of a turn was taken back while its handler was awaited: nothing of it takes effect. */
  private forget(turn: Turn, fresh: boolean): void {
    turn.close();
    turn.discard();
    if (fresh) this.active = false;
    this.host.cancelled++;
  }

  private commit(turn: Turn, value: unknown, result: unknown, fresh: boolean): void {
    const { route, plain } = turn;
    if (!plain) this.host.services.delivery.reports.ended(turn);
    let replies = route.replyTo !== undefined && turn.wantsReply(result);
    let opened: OpenedLater | undefined;
    let reply = result;
    const later = route.operation.mode === "submit" && isLater(result);
    if (!plain && this.loadsCron(turn)) {
      return this.await(turn, value, this.services.cron.load().then(() => result), fresh);
    }
    if (!plain || later || (replies && !route.operation.repliesUnchecked)) {
      try {
        if (later) opened = turn.opened(result);
        replies &&= opened === undefined;
        if (replies) reply = parse(route.operation.reply, result, "Cannot reply to", turn);
        if (turn.schedules !== undefined) this.ownSchedules.requireTurn(turn, String(this));
      } catch (error) {
        return this.fail(turn, route, value, fresh, error);
      }
    }
    if (opened !== undefined) openLater(this.host.services.delivery, opened, turn.envelope(value));
    this.apply(turn);
    if (replies) {
      const replyTo = route.replyTo!;
      if (isReplyTarget(replyTo)) replyTo.reply(reply, result, turn.causedHeaders);
      else this.host.services.delivery.deliverTo(replyTo, result, turn.cause(value));
    } else if (isReplyTarget(route.replyTo)) route.replyTo.done?.();
    else if (route.replyTo !== undefined && !turn.wantsReply(result)) {
      tellPass(this.host.services.delivery, turn.envelope(value));
    }
    if (this.host.observed || turn.watched !== undefined) this.host.services.delivery.reports.done(turn);
    if (plain) return;
    if (turn.ending === "passivate") this.passivate();
    else if (turn.ending === "erase") this.erase();
  }

  /** Makes a turn take effect: its state, its schedules, its messages. */
  private apply(turn: Turn): void {
    if (turn.changed) this.keep(turn.state);
    turn.close();
    if (!turn.plain) this.applySchedules(turn);
    const { host } = this;
    turn.deliver(host.services.delivery);
    host.done++;
  }

  /** Whether a turn schedules by a cron expression, and nothing can read those yet. */
  private loadsCron({ schedules }: Turn): boolean {
    return schedules !== undefined && !this.services.cron.loaded && needsCron(schedules);
  }

  private applySchedules({ schedules }: Turn): void {
    schedules?.forEach((change) => this.ownSchedules.change(change));
  }

  private fail(turn: Turn | undefined, route: Route, value: unknown, fresh: boolean, error: unknown): void {
    const { services } = this.host;
    // If there is no turn, the initial state could not be made.
    const envelope = (turn ?? new Turn(this, route, undefined)).envelope(value);
    if (turn !== undefined) {
      turn.close();
      turn.discard();
    }
    if (fresh) this.active = false; // if the first message fails, no actor is left
    const times = turn && services.delivery.reports.timesOf(turn);
    services.delivery.reports.failed(envelope, error, times);
    (this.ensureExtras.recovery ??= new Recovery(this)).recover(envelope, error, times);
    if (this.status === Status.held) this.obeyAll(); // signals must not wait as long as the message
  }

  /** Puts a message back at the front, and handles no other message until {@linkcode resume} is called. */
  hold({ route, value }: Envelope): void {
    this.unshift(route, value);
    this.status = Status.held;
  }

  /** Handles messages again. */
  resume(): void {
    if (this.status === Status.held) this.wake();
  }

  /** Puts a message back at the end, after its delay. */
  requeue({ route, value }: Envelope): void {
    this.push(route, value); // it was accepted before, so the capacity does not count
    if (this.status === Status.idle) this.wake();
  }

  /** Makes dead letters of all messages that wait, and passivates. */
  stop(reason: string): void {
    this.deadLetter("stopped", reason);
    this.emit("stopped");
    this.passivate();
  }

  private envelope(route: Route, value: unknown): Envelope {
    return new Envelope(route, this.key, route.extras?.id ?? this.host.services.ids.next(), value);
  }
}
