import { codeOfThrown, lateness, reasonOf, retryUnitsMax } from "../../ports/dead_letters.ts";
import { Envelope, nameOf } from "../../messages/envelope.ts";
import { messageOf, TerminalError } from "../../base/errors.ts";
import type { Operation } from "../../language/protocol.ts";
import { parse } from "../../language/parse.ts";
import { StoreError } from "../../base/store_errors.ts";
import { Supervisor } from "../../turns/supervisor.ts";
import { type ScheduleChange, tellRefused } from "../../turns/schedules.ts";
import { isThenable } from "../../base/thenable.ts";
import { TurnLimit } from "../../turns/turn_limit.ts";
import { shorten } from "../../base/shorten.ts";
import { timeAfter } from "../../base/times.ts";
import { codeOf, isThrown } from "../../base/thrown.ts";
import type { Batch } from "./batch.ts";
import type { DurableActivation } from "./durable_activation.ts";
import { leftMs } from "./durable_services.ts";
import { DurableTurn } from "./turn_writes.ts";
import { WriteSet } from "../commits/write_set.ts";
import { type QueuedMessage, timestampOf } from "../rows/queued_message.ts";
import type { ScheduleSummaries, TimerRows } from "../rows/schedule_row.ts";
import { requireText } from "../rows/value_codec.ts";

/** Whether a batch may take the next message, or ends here. */
export type TurnOutcome = "next" | "last";

/** How long a message of an unknown operation waits for a revision of the program that knows it. */
const unknownKeepMs = 300_000;
/** How long an actor waits before it is loaded again for that. */
const unknownRetryMs = 5_000;

/** Runs the turns of one durable actor, and puts what they do into its batch. */
export class TurnRunner {
  readonly #activation: DurableActivation;
  #supervisor: Supervisor | undefined = undefined;
  #turn: DurableTurn | undefined = undefined;

  constructor(activation: DurableActivation) {
    this.#activation = activation;
  }

  /** Aborts the turn that is awaited, if there is one. */
  abort(reason: unknown): void {
    this.#turn?.abort(reason);
    this.#turn?.close();
  }

  /** The turn whose handler is awaited. */
  get turn(): DurableTurn | undefined {
    return this.#turn;
  }

  /**
   * Handles a message, and puts the outcome into the batch. Returns a promise if the handler is awaited; it rejects if the
   * store does not answer.
   */
  handle(batch: Batch, mail: QueuedMessage): TurnOutcome | Promise<void> {
    let handled: TurnOutcome | Promise<void>;
    try {
      handled = this.#handle(batch, mail);
    } catch (error) {
      return this.#giveUp(batch, mail, error);
    }
    if (!(handled instanceof Promise)) return handled;
    return handled.catch(async (error) => {
      if (isThrown(error, StoreError)) throw error; // not the fault of the message: it stays
      if (this.#activation.status !== "gone") await this.#giveUp(batch, mail, error);
    });
  }

  #handle(batch: Batch, mail: QueuedMessage): TurnOutcome | Promise<void> {
    const { host, services } = this.#activation;
    const attempts = this.#attemptsOf(mail);
    if (mail.fault !== undefined) {
      return this.#deadLetter(batch, mail, "failed", ` cannot be handled: ${mail.fault}`, attempts);
    }
    if (batch.stopped !== undefined) {
      return this.#deadLetter(batch, mail, "stopped", `: ${batch.stopped}`, attempts);
    }
    if ((mail.head.deadlineMs ?? Infinity) <= services.clock.now()) {
      return this.#deadLetter(batch, mail, "deadline", ` ${lateness(attempts)}`, attempts);
    }
    if (attempts >= host.actor.retry.attempts) {
      this.#activation.durable.session.probes?.reach("a message is given up that ended processes");
      const why = `: its process ended while it ran: ${attempts} of ${host.actor.retry.attempts} attempts`;
      return this.#deadLetter(batch, mail, "failed", why, attempts);
    }
    const operation = host.operation(mail.head.operation);
    if (operation === undefined) return this.#unknown(batch, mail, attempts);
    if (host.awaited[operation.slot] && batch.taken > 0) return "last"; // those before it are committed first
    let value: unknown;
    let payload: unknown;
    try {
      payload = mail.read();
    } catch (error) {
      const why = ` cannot be handled: its payload cannot be read: ${messageOf(error)}`;
      return this.#deadLetter(batch, mail, "failed", why, attempts, error);
    }
    try {
      value = operation.unchecked
        ? payload
        : parse(operation.payload, payload, "Cannot accept", nameOf(operation, this.#activation.key));
    } catch (error) {
      // The schema would throw again at each attempt.
      return this.#deadLetter(batch, mail, codeOf(error, "failed"), `: ${messageOf(error)}`, attempts, error);
    }
    const route = mail.route(operation, attempts, operation.unchecked ? undefined : { payload });
    const turn = new DurableTurn(this.#activation, route, batch.state, mail, value);
    const { fault } = this.#activation;
    if (fault !== undefined) return this.#failed(batch, turn, fault.error);
    if (turn.isFirst) this.#activation.emit("activated");
    if (host.observed) services.delivery.reports.startedInStore(turn, mail);
    let result: unknown;
    let awaited: boolean;
    try {
      result = host.handlers[operation.slot]!(turn, value);
      awaited = typeof result === "object" && isThenable(result);
    } catch (error) {
      return this.#failed(batch, turn, error);
    }
    if (host.awaited[operation.slot] !== awaited) host.awaited[operation.slot] = awaited;
    if (awaited || host.direct[operation.slot] === undefined) host.direct[operation.slot] = !awaited;
    return awaited ? this.#await(batch, turn, result) : this.#done(batch, turn, result);
  }

  /** Erases the actor: its state, its schedules, its subscriptions. */
  async erase(batch: Batch): Promise<void> {
    const { durable: { turnWrites } } = this.#activation;
    const writeSet = new WriteSet();
    await turnWrites.erase(writeSet, this.#activation, batch.schedules);
    batch.add(writeSet);
    batch.erase();
    batch.after(() => {
      this.#activation.services.broken.remove(this.#activation);
      this.#activation.emit("erased");
    });
  }

  /** Makes a dead letter of a message whose turn cannot be committed. */
  refuse(batch: Batch, mail: QueuedMessage, error: unknown): void {
    const attempts = this.#attemptsOf(mail) + 1;
    this.#deadLetter(batch, mail, codeOf(error, "failed"), `: ${messageOf(error)}`, attempts, error);
  }

  /** The same in a commit of its own, without the payload if that is too large. */
  async refuseAlone(mail: QueuedMessage, error: unknown): Promise<void> {
    const attempts = this.#attemptsOf(mail) + 1;
    const deadLetterReason = {
      reason: codeOf(error, "failed"),
      message: `${this.#activation} ${mail.head.operation}: ${messageOf(error)}`,
      attempts,
    };
    if (await this.#activation.deadLetterAlone(mail, deadLetterReason)) return;
    const { head, place, key, version, bytes } = mail;
    const bare = { head, place, key, version, bytes, text: "", payload: undefined };
    await this.#activation.deadLetterAlone(bare, deadLetterReason);
  }

  async #await(batch: Batch, turn: DurableTurn, promise: unknown): Promise<void> {
    const { runningRequests } = this.#activation.durable;
    this.#turn = turn;
    runningRequests.begin(turn);
    try {
      let result: unknown;
      try {
        const { host: { actor: { turnMs } }, services: { deadlines } } = this.#activation;
        result = await TurnLimit.within(turn, promise, turnMs, deadlines);
      } catch (error) {
        if (turn.revoked) this.#forget(turn);
        else if (this.#activation.status !== "gone") this.#failed(batch, turn, error);
        return;
      }
      if (turn.revoked) this.#forget(turn);
      else if (this.#activation.status !== "gone") await this.#done(batch, turn, result);
    } finally {
      runningRequests.end(turn);
      this.#turn = undefined;
    }
  }

  /** The message of a turn was taken back while its handler was awaited: nothing of it is committed. */
  #forget(turn: DurableTurn): void {
    const { host, mailbox, picker } = this.#activation;
    turn.close();
    turn.discard();
    if (turn.isFirst) this.#activation.active = false;
    mailbox.remove(turn.mail);
    picker.endTrial();
    host.cancelled++;
  }

  /** A handler has returned: if it answers later, opens that, and puts the turn into the batch. */
  #done(batch: Batch, turn: DurableTurn, result: unknown): TurnOutcome | Promise<void> {
    this.#activation.services.delivery.reports.ended(turn);
    let opening: Promise<void> | undefined;
    try {
      opening = this.#activation.durable.laters.open(turn, result);
    } catch (error) {
      return this.#failed(batch, turn, error);
    }
    if (opening === undefined) return this.#schedule(batch, turn, result);
    return opening.then(async () => {
      if (this.#activation.status !== "gone") await this.#schedule(batch, turn, result);
    });
  }

  /** Reads rows of schedules that the turn changes, and puts the turn into the batch. */
  #schedule(batch: Batch, turn: DurableTurn, result: unknown): TurnOutcome | Promise<void> {
    if (turn.schedules === undefined) return this.#take(batch, turn, result);
    const timers = this.#activation.durable.turnWrites.timersFor(this.#activation, batch, turn.schedules);
    if (!(timers instanceof Promise)) return this.#take(batch, turn, result, timers);
    return timers.then(async (timers) => {
      if (this.#activation.status !== "gone") await this.#take(batch, turn, result, timers);
    });
  }

  /** Writes the changes of schedules. If they came from outside and cannot be made, that is told, and all stay. */
  #changed(
    writeSet: WriteSet,
    { schedules }: Batch,
    changes: readonly ScheduleChange[],
    timers: TimerRows,
  ): ScheduleSummaries | undefined {
    try {
      const { durable: { turnWrites } } = this.#activation;
      return turnWrites.schedule(writeSet, this.#activation, schedules, changes, timers);
    } catch (error) {
      if (!tellRefused(changes, error)) throw error;
      return undefined;
    }
  }

  #take(batch: Batch, turn: DurableTurn, result: unknown, timers?: TimerRows): TurnOutcome | Promise<void> {
    const { durable: { turnWrites }, host } = this.#activation;
    let writeSet: WriteSet;
    let schedules: ScheduleSummaries | undefined;
    let json = false;
    try {
      writeSet = turnWrites.of(turn, result);
      if (timers !== undefined) {
        schedules = this.#changed(writeSet, batch, turn.schedules!, timers);
      }
      if (turn.changed) json = requireText(turn.state);
    } catch (error) {
      return this.#failed(batch, turn, error);
    }
    const { changed, ending, again, state } = turn;
    turn.close();
    turn.discard();
    if (!batch.takeWhereRoom(turn.mail, writeSet, again)) return "last";
    if (changed) batch.change(state, json);
    if (schedules !== undefined) batch.schedule(schedules);
    batch.after(() => {
      if (!again) host.done++;
      if (host.observed) this.#activation.services.delivery.reports.done(turn);
    });
    if (ending === "erase") return this.erase(batch);
    if (ending === "passivate") {
      batch.passivates = true;
      batch.after(() => this.#activation.emit("passivated")); // the next message activates it again
    }
    return again || ending !== undefined ? "last" : "next";
  }

  /** Makes a dead letter of a message that failed outside of its handler. If even that fails, it stays. */
  #giveUp(batch: Batch, mail: QueuedMessage, error: unknown): TurnOutcome | Promise<void> {
    if (this.#activation.mailbox.mails[batch.taken] !== mail) return "last"; // its turn is in the batch already
    const attempts = this.#attemptsOf(mail) + 1;
    try {
      return this.#deadLetter(batch, mail, "failed", ` failed: ${messageOf(error)}`, attempts, error);
    } catch (worse) {
      return Promise.reject(worse);
    }
  }

  #failed(batch: Batch, turn: DurableTurn, error: unknown): TurnOutcome {
    const { host, services } = this.#activation;
    const { mail } = turn;
    const envelope = turn.envelope(turn.value);
    turn.close();
    turn.discard();
    if (turn.isFirst) this.#activation.active = false; // a first message that fails leaves no actor behind
    const times = { acceptedMs: mail.acceptedMs, ...services.delivery.reports.timesOf(turn) };
    services.delivery.reports.failed(envelope, error, times);
    this.#supervisor ??= new Supervisor(host.actor, services.random);
    const { mode } = turn.route.operation;
    const attempt = turn.attempt;
    const { directive, retryAfterMs } = this.#supervisor.decide({
      error,
      attempt,
      mode: mail.replyTarget === undefined ? mode : "ask",
      monotonicMs: services.timers.monotonicMs(),
    });
    const { mailbox, record } = this.#activation;
    if (turn.isFirst && record.version === undefined && mailbox.length === 0) this.#supervisor = undefined;
    if (retryAfterMs === undefined) {
      this.#deadLetter(batch, mail, reasonOf(error), ` failed: ${messageOf(error)}`, attempt, error);
    } else {
      services.delivery.retrying(envelope, error, retryAfterMs, times);
      this.#retry(batch, mail, attempt, retryAfterMs, error);
    }
    if (directive === "restart") this.#activation.emit("restarted");
    if (directive === "stop" || directive === "escalate") {
      batch.stopped = `its actor stopped: ${messageOf(error)}`;
      batch.after(() => {
        this.#activation.emit("stopped");
        if (this.#activation.active) this.#activation.emit("passivated");
        if (directive === "escalate") services.escalate(this.#activation, error);
      });
    }
    return "last";
  }

  #retry(batch: Batch, mail: QueuedMessage, attempts: number, delayMs: number, thrown: unknown): void {
    const { host, services, durable } = this.#activation;
    const notBeforeMs = timeAfter(services.clock.now(), delayMs);
    const afterMs = timeAfter(0, delayMs);
    const error = this.#wordsOf(thrown, mail);
    const { mailbox, retry } = host.actor;
    if (retry.order === "hold" || this.#activation.aside >= mailbox.capacity) {
      if (mail.direct !== undefined) batch.keep(mail);
      // Else a message that came again after its turn, and fails then, would leave a record of an erased actor.
      else if (batch.taken === 0) batch.whereWaits(mail);
      return batch.retry({ place: mail.place, attempts, notBeforeMs, afterMs, error });
    }
    const writeSet = new WriteSet();
    const place = durable.session.positionAt(notBeforeMs);
    const changes = { attempts, notBeforeMs, afterMs, error };
    durable.writer.move(writeSet, this.#activation, mail, changes, place);
    batch.take(mail, writeSet);
  }

  /** The words of an error that are stored with its retry, unless the commit might become too large for them. */
  #wordsOf(error: unknown, { bytes }: QueuedMessage): string | undefined {
    const { record, durable: { session: { traits: { limits } } } } = this.#activation;
    const isLarge = record.bytes + bytes > limits.bytes / 2;
    return isLarge ? undefined : shorten(messageOf(error), retryUnitsMax);
  }

  #deadLetter(
    batch: Batch,
    mail: QueuedMessage,
    reason: string,
    why: string,
    attempts: number,
    error?: unknown,
  ): TurnOutcome {
    const { host, services, durable } = this.#activation;
    const writeSet = new WriteSet();
    writeSet.after(() => host.deadLettered++);
    const message = `${this.#activation} ${mail.head.operation}${why}`;
    if (mail.replyTarget === undefined) {
      const words = isThrown(error, TerminalError) ? messageOf(error) : message; // the words of the handler for the caller
      const deadLetterReason = { reason, message, attempts, words, ...codeOfThrown(error) };
      const letter = durable.writer.deadLetter(writeSet, this.#activation, mail, deadLetterReason);
      writeSet.after(() => durable.deadLettered(letter, error));
    } else {
      const envelope = this.#envelope(mail, attempts);
      writeSet.after(() => services.delivery.deadLetter(envelope, reason, message, error));
    }
    batch.take(mail, writeSet);
    // Anybody may send to a built-in actor that is no more, or never was: that must not fill the store.
    if (host.actor.name.startsWith("~")) batch.eraseIfEmpty();
    return "next";
  }

  #unknown(batch: Batch, mail: QueuedMessage, attempts: number): TurnOutcome {
    const { host, services } = this.#activation;
    const sinceMs = services.clock.now() - timestampOf(mail.place) / 1_000;
    if (mail.replyTarget !== undefined || sinceMs >= unknownKeepMs) {
      const why = ` cannot be handled: its actor has no such operation`;
      return this.#deadLetter(batch, mail, "unknown-operation", why, attempts);
    }
    if (batch.taken === 0) {
      host.release(this.#activation, leftMs);
      this.#activation.hold(unknownRetryMs);
    }
    return "last";
  }

  #attemptsOf(mail: QueuedMessage): number {
    const { retry } = this.#activation.record.head;
    if (retry?.place !== mail.place) return mail.head.attempts ?? 0;
    return this.#activation.picker.onTrial ? retry.attempts - 1 : retry.attempts;
  }

  #envelope(mail: QueuedMessage, attempts: number): Envelope {
    const { host, key, protocol } = this.#activation;
    const operation: Operation = host.operation(mail.head.operation) ??
      { protocol, name: mail.head.operation, mode: "ask", slot: -1 };
    return new Envelope(mail.route(operation, attempts, undefined), key, mail.head.id, mail.payload);
  }
}
