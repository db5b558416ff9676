import { reasonOf } from "../dead_letters.ts";
import { Envelope, nameOf } from "../envelope.ts";
import { InvalidPayloadError, messageOf, PosthornError, TerminalError } from "../errors.ts";
import type { Operation } from "../protocol.ts";
import { parse } from "../schema.ts";
import { Supervisor } from "../supervisor.ts";
import { isThenable } from "../thenable.ts";
import type { Batch } from "./batch.ts";
import type { DurableActor } from "./durable_actor.ts";
import { buryAlone } from "./bury_alone.ts";
import { leftMs } from "./durable_home.ts";
import { DurableTurn } from "./durable_turn.ts";
import { Effects } from "./effects.ts";
import { mailPrefix, subscribedPrefix, subscribedTopic } from "./keys.ts";
import { type Mail, MailDraft, stampOf } from "./mail.ts";
import { requireText } from "./stored_value.ts";

/** Whether a batch may go on behind a message, or ends: before it, or with it. */
export type Handled = "next" | "last";

/** How long a message of an unknown operation waits for a revision of the program that knows it. */
const unknownKeepMs = 300_000;
/** How long an actor waits before it looks whether it is still unknown. */
const unknownRetryMs = 5_000;
/** The most topics that are looked up for one actor. */
const topicsMax = 1_000;

/** Brings messages of one durable actor through their turns, into its batch. */
export class TurnRunner {
  readonly #activation: DurableActor;
  #supervisor: Supervisor | undefined = undefined;
  #turn: DurableTurn | undefined = undefined;
  #stopped: string | undefined = undefined;
  #ending: "passivate" | "stop" | undefined = undefined;

  constructor(activation: DurableActor) {
    this.#activation = activation;
  }

  /** What becomes of the actor after the commit. */
  takeEnding(): "passivate" | "stop" | undefined {
    const ending = this.#ending;
    this.#ending = undefined;
    return ending;
  }

  /** A batch was dropped, and what it decided about the actor with it; `stoppedBefore` is how it was then. */
  drop(stoppedBefore: string | undefined): void {
    this.#stopped = stoppedBefore;
    this.#ending = undefined;
  }

  /** Why its mail is buried; absent where it is handled. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /** All mail of an actor that stopped is buried: what comes now begins anew. Returns whether it had stopped. */
  revive(): boolean {
    if (this.#stopped === undefined) return false;
    this.#stopped = undefined;
    this.#supervisor = undefined;
    return true;
  }

  /** Tells a turn that is awaited that nobody wants it any more. */
  abort(reason: unknown): void {
    this.#turn?.abort(reason);
    this.#turn?.close();
  }

  /** Handles a message. Whatever comes of it is in the batch then; a promise where its handler is awaited. */
  handle(batch: Batch, mail: Mail): Handled | Promise<void> {
    const { home, services } = this.#activation;
    const attempts = this.#attemptsOf(mail);
    if (mail.asker?.over) return this.#skip(batch, mail);
    if (this.#stopped !== undefined) return this.#bury(batch, mail, "stopped", this.#stopped, attempts);
    if ((mail.head.deadlineMs ?? Infinity) <= services.now()) {
      return this.#bury(batch, mail, "deadline", "it was not started before its deadline", attempts);
    }
    if (attempts >= home.actor.retry.attempts) {
      this.#activation.durable.ledger.probes?.reach("a message is given up that ended processes");
      const why = `its process ended while it ran: ${attempts} of ${home.actor.retry.attempts} attempts`;
      return this.#bury(batch, mail, "failed", why, attempts);
    }
    const operation = home.operation(mail.head.operation);
    if (operation === undefined) return this.#unknown(batch, mail, attempts);
    if (home.awaited[operation.slot] && batch.taken > 0) return "last"; // those before it need not wait for it
    let value: unknown;
    let payload: unknown;
    try {
      payload = mail.payload;
      value = operation.unchecked
        ? payload
        : parse(operation.payload, payload, "Cannot accept", nameOf(operation, this.#activation.key));
    } catch (error) {
      if (!(error instanceof InvalidPayloadError)) throw error;
      return this.#bury(batch, mail, error.code, error.message, attempts, error);
    }
    const route = mail.route(operation, attempts, operation.unchecked ? undefined : { payload });
    const turn = new DurableTurn(this.#activation, route, batch.state);
    turn.place = mail.head.firstPlace ?? mail.place;
    if (this.#activation.home.heard) this.#activation.inspect({ type: "started" }, turn.envelope(value));
    let result: unknown;
    try {
      result = home.handlers[operation.slot]!(turn, value);
    } catch (error) {
      return this.#failed(batch, mail, turn, value, error);
    }
    const awaited = typeof result === "object" && isThenable(result);
    if (home.awaited[operation.slot] !== awaited) home.awaited[operation.slot] = awaited;
    if (awaited) {
      return this.#await(batch, mail, turn, value, result);
    }
    return this.#done(batch, mail, turn, value, result);
  }

  /** Erases the actor: its state, its schedules, its subscriptions. */
  async forget(batch: Batch): Promise<void> {
    const { durable: { ledger, turnEffects }, home } = this.#activation;
    const prefix = subscribedPrefix(this.#activation);
    const rows = await ledger.connection.list({ prefix, limit: topicsMax });
    const effects = new Effects();
    turnEffects.forget(
      effects,
      this.#activation,
      batch.schedules,
      rows.map(({ key }) => subscribedTopic(key)),
    );
    batch.add(effects);
    batch.forget(home.actor.state());
    batch.after(() => this.#activation.emit("forgotten"));
  }

  /** What came of a message cannot be committed. */
  refuse(batch: Batch, mail: Mail, error: unknown): void {
    const code = error instanceof PosthornError ? error.code : "failed";
    this.#bury(batch, mail, code, messageOf(error), this.#attemptsOf(mail) + 1, error);
  }

  /** The same in a commit of its own, without its payload where that is too large. */
  async refuseAlone(mail: Mail, error: unknown): Promise<void> {
    const code = error instanceof PosthornError ? error.code : "failed";
    const attempts = this.#attemptsOf(mail) + 1;
    const death = {
      reason: code,
      message: `${this.#activation} ${mail.head.operation} ${messageOf(error)}`,
      attempts,
    };
    if (await buryAlone(this.#activation, mail, death)) return;
    const { head, place, key, version, bytes } = mail;
    await buryAlone(
      this.#activation,
      { head, place, key, version, bytes, text: "", payload: undefined },
      death,
    );
  }

  async #await(batch: Batch, mail: Mail, turn: DurableTurn, value: unknown, promise: unknown): Promise<void> {
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
    mail: Mail,
    turn: DurableTurn,
    value: unknown,
    result: unknown,
  ): Handled | Promise<void> {
    const { durable, home } = this.#activation;
    let effects: Effects;
    let schedules: readonly string[] | undefined;
    try {
      effects = durable.turnEffects.of(turn, mail, result);
      if (turn.schedules !== undefined) {
        schedules = durable.turnEffects.schedule(effects, this.#activation, batch.schedules, turn.schedules);
      }
      if (turn.changed) requireText(turn.state);
    } catch (error) {
      return this.#failed(batch, mail, turn, value, error);
    }
    const { changed, ending, again } = turn;
    const { state } = turn;
    turn.close();
    turn.discard();
    if (!batch.takeWhereRoom(mail, effects, again)) return "last";
    if (changed) batch.change(state);
    if (schedules !== undefined) batch.schedule(schedules);
    batch.after(() => {
      if (!again) home.done++;
      if (home.heard) this.#activation.inspect({ type: "done" }, turn.envelope(value));
    });
    if (ending === "forget") return this.forget(batch);
    if (ending === "passivate") this.#ending = "passivate";
    return again || ending !== undefined ? "last" : "next";
  }

  #failed(batch: Batch, mail: Mail, turn: DurableTurn, value: unknown, error: unknown): Handled {
    const { home, services } = this.#activation;
    const envelope = turn.envelope(value);
    turn.close();
    turn.discard();
    this.#activation.inspect({ type: "failed", error }, envelope);
    this.#supervisor ??= new Supervisor(home.actor, services.random);
    const { mode } = turn.route.operation;
    const attempt = turn.attempt;
    const { directive, retryAfterMs } = this.#supervisor.decide({
      error,
      attempt,
      mode: mail.asker === undefined ? mode : "ask",
      monotonicMs: services.monotonicMs(),
    });
    if (retryAfterMs === undefined) {
      this.#bury(batch, mail, reasonOf(error), `failed: ${messageOf(error)}`, attempt, error);
    } else {
      services.delivery.retrying(envelope, error, attempt, retryAfterMs);
      this.#retry(batch, mail, attempt, retryAfterMs);
    }
    if (directive === "restart") this.#activation.emit("restarted");
    if (directive === "stop" || directive === "escalate") {
      this.#stopped = `its actor stopped: ${messageOf(error)}`;
      this.#ending = "stop";
      if (directive === "escalate") batch.after(() => services.escalate(this.#activation, error));
    }
    return "last";
  }

  #retry(batch: Batch, mail: Mail, attempts: number, afterMs: number): void {
    const { home, services, durable } = this.#activation;
    const notBeforeMs = services.now() + afterMs;
    if (home.actor.retry.order === "hold") return batch.retry({ place: mail.place, attempts, notBeforeMs });
    const head = { ...mail.head, via: durable.ledger.instance, attempts, notBeforeMs };
    const draft = new MailDraft(
      durable.ledger.encoder,
      mailPrefix(this.#activation),
      durable.ledger.nextPlace(),
      head,
      mail.text,
    );
    const effects = new Effects();
    durable.dispatch.deliver(effects, this.#activation, draft);
    batch.take(mail, effects);
  }

  #bury(
    batch: Batch,
    mail: Mail,
    reason: string,
    why: string,
    attempts: number,
    error?: unknown,
  ): Handled {
    const { home, services, durable, key, protocol } = this.#activation;
    const effects = new Effects();
    const message = `${protocol}/${key} ${mail.head.operation} ${why}`;
    if (mail.asker === undefined) {
      const words = error instanceof TerminalError ? error.message : message; // what its handler meant for the caller
      const death = { reason, message, attempts, words };
      const letter = durable.dispatch.bury(effects, this.#activation, mail, death);
      effects.after(() => {
        home.buried++;
        durable.buried(letter, error);
      });
    } else {
      const envelope = this.#envelope(mail, attempts);
      effects.after(() => {
        home.buried++;
        services.delivery.bury(envelope, reason, message, error);
      });
    }
    batch.take(mail, effects);
    return "next";
  }

  #skip(batch: Batch, mail: Mail): Handled {
    batch.take(mail, new Effects());
    return "next";
  }

  #unknown(batch: Batch, mail: Mail, attempts: number): Handled {
    const { home, services } = this.#activation;
    const sinceMs = services.now() - stampOf(mail.place) / 1_000;
    const keepMs = this.#activation.durable.ledger.probes?.without("unknown-waits") ? 0 : unknownKeepMs;
    if (mail.asker !== undefined || sinceMs >= keepMs) {
      const why = `cannot be handled: its actor has no such operation`;
      return this.#bury(batch, mail, "unknown-operation", why, attempts);
    }
    if (batch.taken === 0) {
      home.leaveToOthers({ protocol: this.#activation.protocol, key: this.#activation.key }, leftMs);
      this.#activation.hold(unknownRetryMs, () => void this.#activation.load());
    }
    return "last";
  }

  #attemptsOf(mail: Mail): number {
    const { retry } = this.#activation.record.head;
    if (retry?.place !== mail.place) return mail.head.attempts ?? 0;
    return this.#activation.onTrial ? retry.attempts - 1 : retry.attempts;
  }

  #envelope(mail: Mail, attempts: number): Envelope {
    const { home, key, protocol } = this.#activation;
    const operation: Operation = home.operation(mail.head.operation) ??
      { protocol, name: mail.head.operation, mode: "ask", slot: -1 };
    return new Envelope(mail.route(operation, attempts, undefined), key, mail.head.id, mail.payload);
  }
}
