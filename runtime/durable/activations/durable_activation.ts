import { PosthornError, StoppedError } from "../../base/errors.ts";
import type { Scheduler } from "../../scheduling/scheduler.ts";
import type { Timer } from "../../scheduling/timers.ts";
import { Admissions } from "./admissions.ts";
import { Batch } from "./batch.ts";
import { failAsks, stopped, withoutEffect } from "./fail_asks.ts";
import { newerLeftMs } from "./durable_services.ts";
import { DurableMember } from "./durable_member.ts";
import { DurableMailbox } from "./durable_mailbox.ts";
import type { DurableHost } from "./durable_host.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { isOfStore, OutcomeUnknownError } from "../../base/store_errors.ts";
import { Contention, yieldedMs } from "./contention.ts";
import { loadActor } from "./load_actor.ts";
import { QueuedMessage } from "../rows/queued_message.ts";
import { MessagePicker, type TrialDue } from "./message_picker.ts";
import type { ActorRecord } from "../rows/actor_record.ts";
import { commitBatch } from "./batch_commit.ts";
import { TurnRunner } from "./turn_runner.ts";
import type { DurableTurn } from "./turn_writes.ts";

/** How long an actor waits after the store did not answer, plus a random part. */
const storeBackoffMs = 1_000;

/**
 * One durable actor in this process. It is loaded from the store, handles messages in batches, and commits each batch as
 * one part; nobody sees anything of a batch before its commit is known. If a check fails, another instance has run the
 * actor: the batch is dropped, and the actor is loaded again.
 */
export class DurableActivation extends DurableMember {
  readonly mailbox = new DurableMailbox(
    (branch) => this.durable.session.probes?.reach(branch),
    (mail) => this.picker.setAside(mail),
    () => this.picker.asideBytes,
  );
  /** How many commits of messages from outside are under way. */
  accepting = 0;
  /** Messages from outside that are accepted with their turns. */
  readonly admissions: Admissions = new Admissions(this);
  #runner: TurnRunner;
  readonly picker: MessagePicker;
  #held: Timer | undefined = undefined;
  readonly contention = new Contention();
  /** Whether the next batch takes one message only, since the last was too large. */
  #alone = false;
  /** The batch whose commit is under way. */
  #committing: Batch | undefined = undefined;

  constructor(host: DurableHost, key: string) {
    super(host, key);
    this.#runner = new TurnRunner(this);
    this.picker = new MessagePicker(this, () => {
      if (this.status === "idle" || (this.status === "held" && this.#held === undefined)) this.proceed();
    });
    void this.load();
  }

  /** About how many messages wait or are about to, without those that wait aside for a retry. */
  get waiting(): number {
    return this.mailbox.length + this.accepting;
  }

  /** About how many wait aside for a retry: they take no room from the others. */
  get aside(): number {
    return this.picker.aside + this.mailbox.asideBeyond;
  }

  /** Whether the actor has nothing to do, and no message that this instance knows waits. */
  get atRest(): boolean {
    const { complete, leaving } = this.mailbox;
    return this.status === "idle" && complete && this.waiting + this.aside + leaving.size === 0;
  }

  /** Whether nothing would be lost if it left memory: what waits while its protocol is paused is in the store. */
  get mayLeave(): boolean {
    if (!this.host.paused || this.#isNeeded || this.stopped !== undefined) return this.atRest;
    return (this.status === "idle" || this.status === "held") && this.mailbox.leaving.size === 0;
  }

  /** This process committed a message to the actor; `senderEpoch` is when its sender was loaded. */
  enqueue(mail: QueuedMessage, senderEpoch: number): void {
    this.mailbox.enqueue(mail, senderEpoch);
    if (this.status === "idle") this.proceed();
  }

  /** Adds a message that is in no store: an ask, or one that is accepted with its turn. */
  ask(mail: QueuedMessage): void {
    this.mailbox.ask(mail);
    if (this.status === "idle") this.proceed();
  }

  /** Another instance may have written to the actor; `crashed` says that this instance crashed. */
  look(crashed = false): this {
    this.inherited ||= crashed;
    this.mailbox.look();
    if (this.status === "idle") this.proceed();
    return this;
  }

  /** Reads the actor and its messages from the store. */
  async load(): Promise<void> {
    this.status = "loading";
    this.cache = undefined;
    this.admissions.store();
    this.picker.reset();
    try {
      const loaded = await loadActor(this);
      if (this.gone) return;
      if (loaded === "newer") {
        const why = "a newer program has written its state";
        failAsks(this.mailbox.takeAsks(), new PosthornError("newer-state", `Cannot ask ${this}: ${why}`));
        this.#keepAfterAll(new PosthornError("newer-state", `Cannot erase ${this}: ${why}`));
        return this.#vanish(newerLeftMs(this.durable.session.traits));
      }
      // A message is never taken from a live instance: slow handlers would make each other's turns stale without end.
      if (loaded === "tried") return this.hold(this.contention.left(this.services.random));
      this.take(loaded);
      const yields = this.contention.yieldsTo(this.record.head, this.durable.membership);
      if (yields && !this.#isNeeded) return this.#vanish(yieldedMs);
    } catch (error) {
      this.mailbox.abandon();
      if (this.gone) return;
      failAsks(this.mailbox.takeAsks(), error);
      return this.hold(storeBackoffMs * (1 + this.services.random.next()));
    }
    this.proceed();
  }

  /** Does what is next. */
  proceed(): void {
    if (this.status === "gone") return;
    this.status = "idle";
    this.mailbox.inHand = 0;
    this.#held?.cancel(); // what it waited for may have been taken back
    this.#held = undefined;
    if (this.wanted === "passivate" && this.mayLeave) return this.passivate();
    if (this.mailbox.mails.length > 0 || this.erasing) {
      this.status = "ready";
      this.host.ready.add(this);
    } else if (!this.mailbox.complete || (this.mailbox.beyond > 0 && this.picker.aside === 0)) {
      void this.load();
    } else {
      if (this.stopped !== undefined) { // all its messages have become dead letters: the next one activates it again
        this.stopped = undefined;
        this.#runner = new TurnRunner(this);
        if (this.atRest) return this.passivate();
      }
      this.host.idleList.join(this);
      this.services.rest();
    }
  }

  run(scheduler: Scheduler): boolean {
    if (this.status !== "ready") return false;
    this.usedMs = scheduler.monotonicMs;
    const batch = new Batch(this);
    if (this.erasing) {
      this.#await(batch, this.#runner.erase(batch));
      return false;
    }
    const most = this.#alone || this.picker.onTrial ? 1 : this.contention.batchMax;
    while (batch.taken < most) {
      const picked = this.picker.next(batch.taken);
      if (picked === undefined) break;
      if (!(picked instanceof QueuedMessage)) {
        if (picked.kind === "wait") this.hold(picked.forMs, () => this.proceed());
        else this.#try(picked);
        return false; // the batch is empty, and a trial that goes on at once is in the queue again
      }
      this.mailbox.inHand = batch.taken + 1;
      this.makeState(batch);
      const handled = this.#runner.handle(batch, picked);
      if (handled instanceof Promise) this.#await(batch, handled);
      else if (handled === "next" && scheduler.spend(1)) continue;
      break;
    }
    if (this.status === "ready") this.finish(batch);
    return false;
  }

  /** Commits a batch. */
  finish(batch: Batch): void {
    if (this.gone) return;
    this.admissions.join(batch);
    if (batch.taken === 0 && batch.readsOnly) return this.proceed();
    this.status = "committing";
    this.#committing = batch;
    const { session } = this.durable;
    if (batch.readsOnly && session.traits.processes === "one") {
      return this.committed(batch, batch.fence(), this.record, "");
    }
    try {
      commitBatch(this, batch);
    } catch (error) {
      this.#refused(error, batch);
    }
  }

  /** A batch is committed; without a record, another instance has gone on from it. */
  committed(batch: Batch, writeSet: WriteSet, record?: ActorRecord, version?: string): void {
    this.#committing = undefined;
    this.contention.won();
    this.#alone = false;
    if (!batch.countsTrial) this.picker.endTrial();
    this.stopped = batch.stopped;
    if (record !== undefined) {
      this.record = record;
      this.state = batch.state;
    }
    if (batch.erased) this.made = false;
    if (batch.erased && this.erasing) this.wanted = undefined;
    this.mailbox.drop(batch.taken);
    const { kept } = batch;
    if (kept?.direct !== undefined) this.mailbox.expect(kept);
    writeSet.land(this.durable.committedDelivery, version, this.loadedEpoch);
    if (kept?.direct !== undefined) this.mailbox.reset(); // its version is not known here
    if (this.gone) return;
    if (batch.passivates && this.waiting === 0) this.wanted ??= "passivate";
    if (record !== undefined) return this.proceed();
    this.mailbox.reset();
    void this.load();
  }

  /** A check failed. If the batch may have landed before, which is `hidden` now, its asks are not run again. */
  stale(batch: Batch, hidden: boolean): void {
    const why = `Cannot tell whether ${this} took effect`;
    if (this.gone) this.#keepAfterAll(stopped(this, "erase"));
    if (this.gone) return this.#answer(batch, hidden ? new OutcomeUnknownError(why) : stopped(this));
    if (hidden) {
      this.#answerAsks(batch, new OutcomeUnknownError(why));
      this.admissions.doubt(batch.direct);
    }
    this.#dropped();
    const afterMs = this.contention.lost(this.services.random);
    if (afterMs === 0) return void this.load();
    this.hold(afterMs);
  }

  /** The store did not take a batch: it does not answer, or the batch fits no commit. */
  failed(error: unknown, batch?: Batch): void {
    if (batch !== undefined && !isOfStore(error) && !this.gone) return this.#refused(error, batch);
    if (batch !== undefined) this.#answer(batch, error);
    if (this.gone) return this.#keepAfterAll(error);
    this.#dropped();
    failAsks(this.mailbox.takeAsks(), withoutEffect(this, error)); // they had no turn
    this.hold(storeBackoffMs * (1 + this.services.random.next()));
  }

  /** Leaves memory if that loses nothing. Its state and its messages stay in the store. */
  passivate(): void {
    if (!this.mayLeave) return;
    if (!this.atRest) this.durable.assignments.left(this);
    this.#vanish();
    if (this.active) this.emit("passivated");
  }

  /** Other instances have taken over the actors of this one: it leaves memory, unless somebody here waits for it. */
  letGo(): void {
    if (["idle", "ready", "held"].includes(this.status) && !this.#isNeeded) this.#vanish();
    else this.look();
  }

  /** The turn whose handler is awaited. */
  get turn(): DurableTurn | undefined {
    return this.status === "running" ? this.#runner.turn : undefined;
  }

  /** A signal from outside: leaves memory, begins again from the last commit, or erases, as often as it takes to commit. */
  signal(signal: "passivate" | "restart" | "erase"): void {
    if (signal === "restart") return void this.look().emit("restarted");
    if (this.wanted !== "erase") this.wanted = signal;
    if (this.status === "idle" || (this.status === "held" && this.host.paused)) this.proceed();
  }

  /** The system stops: asks fail, unless their commit is under way. What is in the store stays there. */
  end(): void {
    const { status } = this;
    this.status = "gone";
    this.#held?.cancel();
    if (status === "running") this.#runner.abort(new StoppedError(`${this}: the system stopped`));
    this.picker.reset();
    this.mailbox.inHand = 0; // it waits in the store for the next instance
    const { asks = [], direct = [], erased = false } = this.#committing ?? {};
    const waiting = this.mailbox.takeAsks().filter((ask) => !asks.includes(ask));
    if (waiting.length > 0) failAsks(waiting, stopped(this));
    this.admissions.end(direct);
    if (this.erasing && !erased) this.#keepAfterAll(stopped(this, "erase"));
  }

  /** A signal to erase the actor has failed: `callback-failed` tells why. */
  #keepAfterAll(error: unknown): void {
    if (this.wanted !== "erase") return;
    this.wanted = undefined;
    this.services.delivery.callbackFailed("erase", error);
  }

  /** Nothing of a batch was committed. */
  #dropped(): void {
    this.#committing = undefined;
    this.mailbox.reset();
  }

  /** Handles a batch that is too large, or cannot be written. */
  #refused(error: unknown, batch: Batch): void {
    this.#committing = undefined;
    this.durable.session.probes?.reach(
      batch.turns > 1 ? "a batch cannot be committed" : "a turn cannot be committed",
    );
    if (batch.turns > 1) {
      this.#alone = true; // finds the message that is too large
      return this.proceed();
    }
    const [mail] = this.mailbox.mails;
    const { turns } = batch;
    if (turns === 0) this.#keepAfterAll(error); // no commit can erase it
    if (turns === 0 || mail === undefined) return this.failed(error);
    // The message has no room beside the state, or its dead letter has none.
    if ((batch.refuses || batch.kept) && mail.key === undefined) return this.stale(batch, false); // it is stored first
    if (batch.refuses) return void this.#runner.refuseAlone(mail, error).then(() => this.stale(batch, false));
    const alone = new Batch(this);
    this.#runner.refuse(alone, mail, error);
    alone.refuses = true;
    this.finish(alone);
  }

  /** Awaits a handler, and then commits the batch. */
  #await(batch: Batch, promise: Promise<void>): void {
    this.status = "running";
    this.picker.awaits();
    this.services.running++;
    const stored = this.admissions.store(this.mailbox.inHand); // those in hand stay at the head
    promise.then(() => stored).then(() => {
      batch.touch(); // other code has run since
      this.finish(batch);
    }).catch((error) => this.failed(error)).finally(() => {
      this.services.running--;
      this.services.rest();
    });
  }

  /**
   * The message at the head may have crashed a process: commits first that an attempt begins, so that the attempt counts
   * if this process crashes too.
   */
  #try({ trial, counted }: TrialDue): void {
    this.status = "trying";
    this.admissions.store();
    this.picker.enter(trial, () => {
      if (this.gone) return this.picker.endTrial();
      if (counted) return this.proceed();
      const mail = this.mailbox.mails.find(({ place }) => place === trial.place);
      if (mail === undefined) { // it was evicted meanwhile
        this.picker.endTrial();
        return this.proceed();
      }
      const batch = new Batch(this);
      batch.countsTrial = true;
      // Without this check, a message that another instance has handled would leave a record of an erased actor.
      batch.whereWaits(mail);
      batch.retry(trial);
      this.finish(batch);
    });
  }

  /** Waits for a while, and then loads the actor again, or goes on; without a time, until the picker says so. */
  hold(afterMs: number | undefined, goOn: () => void = () => void this.load()): void {
    this.status = "held";
    this.admissions.store();
    this.services.rest();
    this.#held = afterMs === undefined ? undefined : this.host.timers.set(afterMs, () => {
      if (this.status === "held") goOn();
    });
  }

  /** Whether asks, accepts under way or a signal need it in this process. */
  get #isNeeded(): boolean {
    return this.mailbox.hasAsks || this.accepting > 0 || this.erasing;
  }

  /** Leaves memory; if a time is given, also to other instances, and is not taken back for that long. */
  #vanish(releasedForMs?: number): void {
    if (releasedForMs !== undefined) this.host.release(this, releasedForMs);
    this.status = "gone";
    this.#held?.cancel();
    this.picker.reset();
    this.host.remove(this);
    this.services.rest();
  }

  /** Fails the asks of a batch and the messages that were to be accepted with it. None is run again. */
  #answer(batch: Batch, error: unknown): void {
    this.admissions.failed(batch.direct, error);
    this.#answerAsks(batch, error);
  }

  #answerAsks({ asks }: Batch, error: unknown): void {
    for (const ask of asks) this.mailbox.remove(ask);
    failAsks(asks, error);
  }
}
