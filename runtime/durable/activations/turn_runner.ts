import { lateness, reasonOf } from "../../ports/dead_letters.ts";
import { Envelope, nameOf } from "../../messages/envelope.ts";
import { messageOf, TerminalError } from "../../base/errors.ts";
import type { Operation } from "../../language/protocol.ts";
import { parse } from "../../language/parse.ts";
import { StoreError } from "../../base/store_errors.ts";
import { Supervisor } from "../../turns/supervisor.ts";
import { isThenable } from "../../base/thenable.ts";
import { timeAfter } from "../../base/times.ts";
import { codeOf, isThrown } from "../../base/thrown.ts";
import type { Batch } from "./batch.ts";
import type { DurableActor } from "./durable_actor.ts";
import { deadLetterAlone } from "./dead_letter_alone.ts";
import { leftMs } from "./durable_services.ts";
import { DurableTurn } from "./durable_turn.ts";
import { WriteSet } from "../commits/write_set.ts";
import { mailPrefix } from "../rows/keys.ts";
import { NewMessage, type QueuedMessage, timestampOf } from "../rows/queued_message.ts";
import type { ScheduleSummaries, TimerRows } from "../rows/schedule_summaries.ts";
import { requireText } from "../rows/value_codec.ts";

/** Whether a batch may go on behind a message, or ends: before it, or with it. */
export type TurnOutcome = "next" | "last";

/** How long a message of an unknown operation waits for a revision of the program that knows it. */
const unknownKeepMs = 300_000;
/** How long an actor waits before it looks whether it is still unknown. */
const unknownRetryMs = 5_000;

const noTimers: TimerRows = new Map();

/** Brings messages of one durable actor through their turns, into its batch. */
export class TurnRunner {
  readonly #activation: DurableActor;
  #supervisor: Supervisor | undefined = undefined;
  #turn: DurableTurn | undefined = undefined;
  #stopped: string | undefined = undefined;
  #ending: "passivate" | undefined = undefined;
  /** Whether the turn that runs is its actor's first since that is here. */
  #fresh = false;

  constructor(activation: DurableActor) {
    this.#activation = activation;
  }

  /** What becomes of the actor after the commit. */
  takeEnding(): "passivate" | undefined {
    const ending = this.#ending;
    this.#ending = undefined;
    return ending;
  }

  /** A batch was dropped, and what it decided about the actor with it; `stoppedBefore` is how it was then. */
  drop(stoppedBefore: string | undefined): void {
    this.#stopped = stoppedBefore;
    this.#ending = undefined;
  }

  /** Why its mail becomes dead letters; absent where it is handled. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /**
   * All mail of an actor that stopped becomes dead letters: what comes now begins anew. Returns whether it had stopped.
   */
  revive(): boolean {
    if (this.#stopped === undefined) return false;
    this.#stopped = undefined;
    this.#supervisor = undefined;
    return true;
  }

  /** Whether a turn is awaited. */
  get awaits(): boolean {
    return this.#turn !== undefined;
  }

  /** Tells a turn that is awaited that nobody wants it any more. */
  abort(reason: unknown): void {
    this.#turn?.abort(reason);
    this.#turn?.close();
  }

  /**
   * Handles a message. Whatever comes of it is in the batch then; a promise where its handler is awaited. It rejects where
   * the store did not answer.
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
      if (isThrown(error, StoreError)) throw error; // no fault of the message: it waits
      if (this.#activation.status !== "gone") await this.#giveUp(batch, mail, error);
    });
  }

  #handle(batch: Batch, mail: QueuedMessage): TurnOutcome | Promise<void> {
    const { host, services } = this.#activation;
    const attempts = this.#attemptsOf(mail);
    if (mail.fault !== undefined) {
      return this.#deadLetter(batch, mail, "failed", `cannot be handled: ${mail.fault}`, attempts);
    }
    if (this.#stopped !== undefined) return this.#deadLetter(batch, mail, "stopped", this.#stopped, attempts);
    if ((mail.head.deadlineMs ?? Infinity) <= services.clock.now()) {
      return this.#deadLetter(batch, mail, "deadline", lateness(attempts), attempts);
    }
    if (attempts >= host.actor.retry.attempts) {
      this.#activation.durable.session.probes?.reach("a message is given up that ended processes");
      const why = `its process ended while it ran: ${attempts} of ${host.actor.retry.attempts} attempts`;
      return this.#deadLetter(batch, mail, "failed", why, attempts);
    }
    const operation = host.operation(mail.head.operation);
    if (operation === undefined) return this.#unknown(batch, mail, attempts);
    if (host.awaited[operation.slot] && batch.taken > 0) return "last"; // those before it need not wait for it
    let value: unknown;
    let payload: unknown;
    try {
      payload = mail.read();
    } catch (error) {
      const why = `cannot be handled: its payload cannot be read: ${messageOf(error)}`;
      return this.#deadLetter(batch, mail, "failed", why, attempts, error);
    }
    try {
      value = operation.unchecked
        ? payload
        : parse(operation.payload, payload, "Cannot accept", nameOf(operation, this.#activation.key));
    } catch (error) {
      // A schema that throws on what is stored would throw again.
      return this.#deadLetter(batch, mail, codeOf(error, "failed"), messageOf(error), attempts, error);
    }
    const route = mail.route(operation, attempts, operation.unchecked ? undefined : { payload });
    const place = mail.head.firstPlace ?? mail.place;
    const turn = new DurableTurn(this.#activation, route, batch.state, place);
    this.#fresh = !this.#activation.active;
    const { fault } = this.#activation;
    if (fault !== undefined) return this.#failed(batch, mail, turn, value, fault.error);
    if (this.#fresh) this.#activation.emit("activated");
    if (this.#activation.host.observed) this.#activation.inspect({ type: "started" }, turn.envelope(value));
    let result: unknown;
    let awaited: boolean;
    try {
      result = host.handlers[operation.slot]!(turn, value);
      awaited = typeof result === "object" && isThenable(result);
    } catch (error) {
      return this.#failed(batch, mail, turn, value, error);
    }
    if (host.awaited[operation.slot] !== awaited) host.awaited[operation.slot] = awaited;
    if (awaited || host.direct[operation.slot] === undefined) host.direct[operation.slot] = !awaited;
    if (awaited) {
      return this.#await(batch, mail, turn, value, result);
    }
    return this.#done(batch, mail, turn, value, result);
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

  /** What came of a message cannot be committed. */
  refuse(batch: Batch, mail: QueuedMessage, error: unknown): void {
    const attempts = this.#attemptsOf(mail) + 1;
    this.#deadLetter(batch, mail, codeOf(error, "failed"), messageOf(error), attempts, error);
  }

  /** The same in a commit of its own, without its payload where that is too large. */
  async refuseAlone(mail: QueuedMessage, error: unknown): Promise<void> {
    const attempts = this.#attemptsOf(mail) + 1;
    const deadLetterReason = {
      reason: codeOf(error, "failed"),
      message: `${this.#activation} ${mail.head.operation} ${messageOf(error)}`,
      attempts,
    };
    if (await deadLetterAlone(this.#activation, mail, deadLetterReason)) return;
    const { head, place, key, version, bytes } = mail;
    await deadLetterAlone(
      this.#activation,
      { head, place, key, version, bytes, text: "", payload: undefined },
      deadLetterReason,
    );
  }

  async #await(
    batch: Batch,
    mail: QueuedMessage,
    turn: DurableTurn,
    value: unknown,
    promise: unknown,
  ): Promise<void> {
    this.#turn = turn;
    try {
      let result: unknown;
      try {
        result = await promise;
      } catch (error) {
        if (this.#activation.status !== "gone") this.#failed(batch, mail, turn, value, error);
        return;
      }
      if (this.#activation.status !== "gone") await this.#done(batch, mail, turn, value, result);
    } finally {
      this.#turn = undefined;
    }
  }

  #done(
    batch: Batch,
    mail: QueuedMessage,
    turn: DurableTurn,
    value: unknown,
    result: unknown,
    timers?: TimerRows,
  ): TurnOutcome | Promise<void> {
    const { durable: { turnWrites }, host } = this.#activation;
    if (turn.schedules !== undefined && timers === undefined) {
      const unsure = turnWrites.unsure(batch.schedules, batch.committedSchedules, turn.schedules);
      const withTimers = (timers: TimerRows) => this.#done(batch, mail, turn, value, result, timers);
      if (unsure.length === 0) return withTimers(noTimers);
      return this.#read(unsure, withTimers);
    }
    let writeSet: WriteSet;
    let schedules: ScheduleSummaries | undefined;
    let json = false;
    try {
      writeSet = turnWrites.of(turn, mail, result);
      if (turn.schedules !== undefined) {
        const before = batch.schedules;
        schedules = turnWrites.schedule(writeSet, this.#activation, before, turn.schedules, timers!);
      }
      if (turn.changed) json = requireText(turn.state);
    } catch (error) {
      return this.#failed(batch, mail, turn, value, error);
    }
    const { changed, ending, again } = turn;
    const { state } = turn;
    turn.close();
    turn.discard();
    if (!batch.takeWhereRoom(mail, writeSet, again)) return "last";
    if (changed) batch.change(state, json);
    if (schedules !== undefined) batch.schedule(schedules);
    batch.after(() => {
      if (!again) host.done++;
      if (host.observed) this.#activation.inspect({ type: "done" }, turn.envelope(value));
    });
    if (ending === "erase") return this.erase(batch);
    if (ending === "passivate") {
      this.#ending = "passivate";
      batch.after(() => this.#activation.emit("passivated")); // what waits behind activates it again
    }
    return again || ending !== undefined ? "last" : "next";
  }

  /** What is in the way of a message is not its handler's: it is given up. Where even that fails, it waits. */
  #giveUp(batch: Batch, mail: QueuedMessage, error: unknown): TurnOutcome | Promise<void> {
    if (this.#activation.mailbox.mails[batch.taken] !== mail) return "last"; // it is in the batch, with all that it does
    const attempts = this.#attemptsOf(mail) + 1;
    try {
      return this.#deadLetter(batch, mail, "failed", `failed: ${messageOf(error)}`, attempts, error);
    } catch (worse) {
      return Promise.reject(worse);
    }
  }

  /** A turn's effects wait for what is in some rows. */
  async #read(names: readonly string[], goOn: (timers: TimerRows) => unknown): Promise<void> {
    const timers = await this.#activation.durable.turnWrites.read(this.#activation, names);
    if (this.#activation.status !== "gone") await goOn(timers);
  }

  #failed(batch: Batch, mail: QueuedMessage, turn: DurableTurn, value: unknown, error: unknown): TurnOutcome {
    const { host, services } = this.#activation;
    const envelope = turn.envelope(value);
    turn.close();
    turn.discard();
    if (this.#fresh) this.#activation.active = false; // a first message that fails leaves no actor behind
    this.#activation.inspect({ type: "failed", error }, envelope);
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
    if (this.#fresh && record.version === undefined && mailbox.length === 0) this.#supervisor = undefined;
    if (retryAfterMs === undefined) {
      this.#deadLetter(batch, mail, reasonOf(error), `failed: ${messageOf(error)}`, attempt, error);
    } else {
      services.delivery.retrying(envelope, error, attempt, retryAfterMs);
      this.#retry(batch, mail, attempt, retryAfterMs);
    }
    if (directive === "restart") this.#activation.emit("restarted");
    if (directive === "stop" || directive === "escalate") {
      this.#stopped = `its actor stopped: ${messageOf(error)}`;
      batch.after(() => {
        this.#activation.emit("stopped");
        if (this.#activation.active) this.#activation.emit("passivated");
        if (directive === "escalate") services.escalate(this.#activation, error);
      });
    }
    return "last";
  }

  #retry(batch: Batch, mail: QueuedMessage, attempts: number, delayMs: number): void {
    const { host, services, durable } = this.#activation;
    const notBeforeMs = timeAfter(services.clock.now(), delayMs);
    const afterMs = timeAfter(0, delayMs);
    const { mailbox, retry } = host.actor;
    if (retry.order === "hold" || this.#activation.aside >= mailbox.capacity) {
      if (mail.direct !== undefined) batch.keep(mail);
      return batch.retry({ place: mail.place, attempts, notBeforeMs, afterMs });
    }
    const head = { ...mail.head, via: durable.session.instance, attempts, notBeforeMs, afterMs };
    const draft = new NewMessage(
      durable.session.encoder,
      mailPrefix(this.#activation),
      durable.session.positionAt(notBeforeMs),
      head,
      mail.text,
    );
    const writeSet = new WriteSet();
    durable.writer.deliver(writeSet, this.#activation, draft);
    batch.take(mail, writeSet);
  }

  #deadLetter(
    batch: Batch,
    mail: QueuedMessage,
    reason: string,
    why: string,
    attempts: number,
    error?: unknown,
  ): TurnOutcome {
    const { host, services, durable, key, protocol } = this.#activation;
    const writeSet = new WriteSet();
    const message = `${protocol}/${key} ${mail.head.operation} ${why}`;
    if (mail.replyTarget === undefined) {
      const words = isThrown(error, TerminalError) ? messageOf(error) : message; // what its handler meant for the caller
      const deadLetterReason = { reason, message, attempts, words };
      const letter = durable.writer.deadLetter(writeSet, this.#activation, mail, deadLetterReason);
      writeSet.after(() => {
        host.deadLettered++;
        durable.deadLettered(letter, error);
      });
    } else {
      const envelope = this.#envelope(mail, attempts);
      writeSet.after(() => {
        host.deadLettered++;
        services.delivery.deadLetter(envelope, reason, message, error);
      });
    }
    batch.take(mail, writeSet);
    return "next";
  }

  #unknown(batch: Batch, mail: QueuedMessage, attempts: number): TurnOutcome {
    const { host, services } = this.#activation;
    const sinceMs = services.clock.now() - timestampOf(mail.place) / 1_000;
    const keepMs = this.#activation.durable.session.probes?.without("unknown-waits") ? 0 : unknownKeepMs;
    if (mail.replyTarget !== undefined || sinceMs >= keepMs) {
      const why = `cannot be handled: its actor has no such operation`;
      return this.#deadLetter(batch, mail, "unknown-operation", why, attempts);
    }
    if (batch.taken === 0) {
      host.release({ protocol: this.#activation.protocol, key: this.#activation.key }, leftMs);
      this.#activation.hold(unknownRetryMs, () => void this.#activation.load());
    }
    return "last";
  }

  #attemptsOf(mail: QueuedMessage): number {
    const { retry } = this.#activation.record.head;
    if (retry?.place !== mail.place) return mail.head.attempts ?? 0;
    return this.#activation.onTrial ? retry.attempts - 1 : retry.attempts;
  }

  #envelope(mail: QueuedMessage, attempts: number): Envelope {
    const { host, key, protocol } = this.#activation;
    const operation: Operation = host.operation(mail.head.operation) ??
      { protocol, name: mail.head.operation, mode: "ask", slot: -1 };
    return new Envelope(mail.route(operation, attempts, undefined), key, mail.head.id, mail.payload);
  }
}
