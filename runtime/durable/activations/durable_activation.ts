import { PosthornError, StoppedError } from "../../base/errors.ts";
import type { Scheduler } from "../../scheduling/scheduler.ts";
import type { Timer } from "../../scheduling/timers.ts";
import { Admissions } from "./admissions.ts";
import { Batch } from "./batch.ts";
import { failAsks, stopped, withoutEffect } from "./fail_asks.ts";
import type { DurableActor } from "./durable_actor.ts";
import { type DurableActorHost, leftMs } from "./durable_services.ts";
import { DurableMember } from "./durable_member.ts";
import { DurableMailbox } from "./durable_mailbox.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { isOfStore, OutcomeUnknownError } from "../../base/store_errors.ts";
import { Contention, yieldedMs } from "./contention.ts";
import { loadActor, makeState } from "./load_actor.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { MessagePicker, type Suspected } from "./message_picker.ts";
import type { ActorRecord } from "../rows/actor_record.ts";
import { commitBatch } from "./batch_commit.ts";
import { TurnRunner } from "./turn_runner.ts";

/** How long an actor waits that the store did not let load or commit; a random part more. */
const storeBackoffMs = 1_000;

/**
 * One durable actor in this process. It is loaded from the store, handles messages in batches, and commits each batch
 * as one part; until that is known nothing of it is seen by anybody. Where a check fails, another instance went on: it
 * is loaded again, and what it did is gone.
 */
export class DurableActivation extends DurableMember<DurableActivation> implements DurableActor {
  readonly mailbox = new DurableMailbox(
    (branch) => this.durable.session.probes?.reach(branch),
    (mail) => this.#picker.setAside(mail),
  );
  /** How many messages from outside are on their way into its mailbox. */
  accepting = 0;
  /** Those that come with their turns. */
  readonly admissions: Admissions = new Admissions(this);
  readonly #runner: TurnRunner;
  readonly #picker: MessagePicker;
  #wanted: "passivate" | "erase" | undefined = undefined;
  #held: Timer | undefined = undefined;
  readonly contention = new Contention();
  /** Why it had stopped before the batch that is under way, if it had. */
  #stoppedBefore: string | undefined = undefined;
  /** Whether the next batch takes one message only: the last was too large. */
  #alone = false;
  /** Whether the commit that is on its way only counts a trial. */
  #counting = false;
  /** What is in the store's hands. */
  #committing: Batch | undefined = undefined;

  constructor(host: DurableActorHost<DurableActivation>, key: string) {
    super(host, key);
    this.#runner = new TurnRunner(this);
    this.#picker = new MessagePicker(this, () => void (this.status === "idle" && this.proceed()));
    void this.load();
  }

  /** About how many messages wait, those on their way included, but for those that have stepped aside. */
  get waiting(): number {
    return this.mailbox.length + this.accepting;
  }

  /** About how many have stepped aside: they take no room from the others. */
  get aside(): number {
    return this.#picker.aside + this.mailbox.asideBeyond;
  }

  /** Whether the message at the head is tried that may have ended a process, and that is counted. */
  get onTrial(): boolean {
    return this.#picker.onTrial;
  }

  /** Whether nothing that this instance wrote still waits. */
  get atRest(): boolean {
    const { complete, leaving } = this.mailbox;
    return this.status === "idle" && complete && this.waiting + this.aside + leaving.size === 0;
  }

  /** A message for it was committed here, by a sender that was loaded at that moment. */
  enqueue(mail: QueuedMessage, senderEpoch: number): void {
    this.mailbox.enqueue(mail, senderEpoch);
    if (this.status === "idle") this.proceed();
  }

  /** An ask for it: it is nowhere but here. */
  ask(mail: QueuedMessage): void {
    this.mailbox.ask(mail);
    if (this.status === "idle") this.proceed();
  }

  /** Its mailbox is fuller than it may be: the oldest that waits is evicted. Returns whether there was one. */
  evictOldest(): boolean {
    return this.#picker.evictOldest();
  }

  /** Another instance wrote something for it, perhaps. `crashed` says that it ended without a word. */
  look(crashed = false): this {
    this.inherited ||= crashed;
    this.mailbox.look();
    if (this.status === "idle") this.proceed();
    return this;
  }

  /** Reads it from the store, and what waits for it. */
  async load(): Promise<void> {
    this.status = "loading";
    this.cache = undefined;
    this.admissions.store();
    this.#picker.reset();
    try {
      const loaded = await loadActor(this);
      if (this.gone) return;
      if (loaded === "newer") {
        const why = `Cannot ask ${this}: a newer program has written its state`;
        failAsks(this.mailbox.takeAsks(), new PosthornError("newer-state", why));
        return this.#vanish(leftMs);
      }
      // Never is a message taken from one that lives: slow handlers would make each other's turns stale without end.
      if (loaded === "tried") {
        return this.hold(this.contention.left(this.services.random), () => void this.load());
      }
      const yields = this.contention.yieldsTo(this.record.head, this.durable);
      if (yields && !this.#isNeeded) return this.#vanish(yieldedMs);
    } catch (error) {
      this.mailbox.abandon();
      if (this.gone) return;
      failAsks(this.mailbox.takeAsks(), error);
      return this.hold(storeBackoffMs * (1 + this.services.random.next()), () => void this.load());
    }
    this.proceed();
  }

  /** Goes on with whatever is next. */
  proceed(): void {
    if (this.status === "gone") return;
    this.status = "idle";
    this.mailbox.inHand = 0;
    this.#held = undefined;
    if (this.#wanted === "passivate" && this.atRest) return this.passivate();
    if (this.mailbox.mails.length > 0 || this.#wanted === "erase") {
      this.status = "ready";
      this.services.scheduler.add(this);
    } else if (!this.mailbox.complete || (this.mailbox.beyond > 0 && this.#picker.aside === 0)) {
      void this.load();
    } else {
      if (this.#runner.revive() && this.atRest) return this.passivate();
      this.host.watchIdle(this);
      this.services.rest();
    }
  }

  run(scheduler: Scheduler): boolean {
    if (this.status !== "ready") return false;
    this.usedMs = scheduler.monotonicMs;
    this.#stoppedBefore = this.#runner.stopped;
    const batch = this.#begin();
    if (this.#wanted === "erase") {
      this.#await(batch, this.#runner.erase(batch));
      return false;
    }
    const most = this.#alone || this.onTrial ? 1 : this.contention.batchMax;
    while (batch.taken < most) {
      const picked = this.#picker.next(batch.taken);
      if (picked === undefined) break;
      if ("waitMs" in picked) this.hold(picked.waitMs, () => this.proceed());
      else if ("trial" in picked) this.#try(picked);
      else {
        this.mailbox.inHand = batch.taken + 1;
        makeState(this, batch);
        const handled = this.#runner.handle(batch, picked);
        if (handled instanceof Promise) this.#await(batch, handled);
        else if (handled === "next" && scheduler.spend(1)) continue;
      }
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
    if (!this.#counting) this.#picker.endTrial();
    this.#counting = false;
    if (record !== undefined) {
      this.record = record;
      this.state = batch.state;
    }
    if (batch.erased) this.made = false;
    if (batch.erased && this.#wanted === "erase") this.#wanted = undefined;
    this.mailbox.drop(batch.taken);
    const { kept } = batch;
    if (kept?.direct !== undefined) this.mailbox.expect(kept);
    writeSet.land(this.durable.committedDelivery, version, this.loadedEpoch);
    if (kept?.direct !== undefined) this.mailbox.reset(); // nobody here was told under which version it is there
    if (this.gone) return;
    const ending = this.#runner.takeEnding();
    if (ending === "passivate" && this.waiting === 0) this.#wanted ??= "passivate";
    if (record !== undefined) return this.proceed();
    this.mailbox.reset();
    void this.load();
  }

  /** Another instance went on. Where the batch may have landed before, and be `hidden`, its asks are not run again. */
  stale(batch: Batch, hidden: boolean): void {
    const why = `Cannot tell whether ${this} took effect`;
    if (this.gone) return this.#answer(batch, hidden ? new OutcomeUnknownError(why) : stopped(this));
    if (hidden) {
      this.#answerAsks(batch, new OutcomeUnknownError(why));
      this.admissions.doubt(batch.direct);
    }
    this.#dropped();
    const afterMs = this.contention.lost(this.services.random);
    if (afterMs === 0) return void this.load();
    this.hold(afterMs, () => void this.load());
  }

  /** The store did not take a batch: it does not answer, or no commit can hold it. */
  failed(error: unknown, batch?: Batch): void {
    if (batch !== undefined && !isOfStore(error) && !this.gone) return this.#refused(error, batch);
    if (batch !== undefined) this.#answer(batch, error);
    if (this.gone) return;
    this.#dropped();
    failAsks(this.mailbox.takeAsks(), withoutEffect(this, error)); // they had no turn
    this.hold(storeBackoffMs * (1 + this.services.random.next()), () => void this.load());
  }

  /** Leaves memory when nothing is left to do. Its state stays in the store. */
  passivate(): void {
    if (!this.atRest) return;
    this.#vanish();
    if (this.active) this.emit("passivated");
  }

  /** Others took this instance for dead, and look after it by now: it goes, unless somebody here waits for it. */
  letGo(): void {
    if (["idle", "ready", "held"].includes(this.status) && !this.#isNeeded) this.#vanish();
    else this.look();
  }

  /** From outside: it leaves memory, begins again from its last commit, or is erased: that is tried until it is committed. */
  signal(signal: "passivate" | "restart" | "erase"): void {
    if (signal === "restart") return void this.look().emit("restarted");
    if (this.#wanted !== "erase") this.#wanted = signal;
    if (this.status === "idle") this.proceed();
  }

  /** The system ends: asks that wait are told, but for those in the store's hands; what is in the store stays there. */
  end(): void {
    this.status = "gone";
    this.#held?.cancel();
    if (this.#runner.awaits) this.#runner.abort(new StoppedError(`${this}: the system stopped`));
    this.#picker.reset();
    this.mailbox.inHand = 0; // it waits in the store, for whoever comes next
    const { asks = [], direct = [] } = this.#committing ?? {};
    const waiting = this.mailbox.takeAsks().filter((ask) => !asks.includes(ask));
    if (waiting.length > 0) failAsks(waiting, stopped(this));
    this.admissions.end(direct);
  }

  #begin(): Batch {
    const { record, state, host } = this;
    return new Batch(this.durable.session, { actor: this, record, state, schema: host.actor.stateVersion });
  }

  /** Nothing of a batch is there. */
  #dropped(): void {
    this.#undo();
    this.mailbox.reset();
  }

  #undo(): void {
    this.#counting = false;
    this.#committing = undefined;
    this.#runner.drop(this.#stoppedBefore);
  }

  /** A batch that cannot be committed as it is: what it takes is too large, or cannot be written. */
  #refused(error: unknown, batch: Batch): void {
    this.#undo();
    const { probes } = this.durable.session;
    probes?.reach(batch.turns > 1 ? "a batch cannot be committed" : "a turn cannot be committed");
    if (batch.turns > 1) {
      this.#alone = true; // one of them is the one
      return this.proceed();
    }
    const [mail] = this.mailbox.mails;
    const turns = probes?.without("page-refused") ? batch.taken : batch.turns;
    if (turns === 0 && this.#wanted === "erase") { // no commit can do it, and nobody waits for it
      this.#wanted = undefined;
      this.services.delivery.callbackFailed("signal", error);
    }
    if (turns === 0 || mail === undefined) return this.failed(error);
    // It has no room beside the state, or its letter has none.
    if ((batch.refuses || batch.kept) && mail.key === undefined) return this.stale(batch, false); // it is stored first
    if (batch.refuses) return void this.#runner.refuseAlone(mail, error).then(() => this.stale(batch, false));
    const alone = this.#begin();
    this.#runner.refuse(alone, mail, error);
    alone.refuses = true;
    this.finish(alone);
  }

  /** A handler is awaited, and with it the batch. */
  #await(batch: Batch, promise: Promise<void>): void {
    this.status = "running";
    this.#picker.awaits();
    this.services.running++;
    const stored = this.admissions.store(this.mailbox.inHand); // what is in hand stays, and waits no more
    promise.then(() => stored).then(() => {
      batch.touch(); // other code has run since
      this.finish(batch);
    }).catch((error) => this.failed(error)).finally(() => {
      this.services.running--;
      this.services.rest();
    });
  }

  /**
   * The message at the head may be what ended a process: that it is tried is committed first, so that it is counted
   * should it end this one as well.
   */
  #try({ trial, counted }: Suspected): void {
    this.status = "trying";
    this.admissions.store();
    this.#picker.enter(trial, () => {
      if (this.gone) return this.#picker.endTrial();
      if (counted) return this.proceed();
      const mail = this.mailbox.mails.find(({ place }) => place === trial.place);
      if (mail === undefined) { // it was evicted meanwhile
        this.#picker.endTrial();
        return this.proceed();
      }
      this.#counting = true;
      const batch = this.#begin();
      // Else one that another had handled would leave a record behind, of an actor that was erased as well.
      if (!this.durable.session.probes?.without("tried-where-it-waits")) batch.whereWaits(mail);
      batch.retry(trial);
      this.finish(batch);
    });
  }

  /** Waits for a while. */
  hold(afterMs: number, goOn: () => void): void {
    this.status = "held";
    this.admissions.store();
    this.services.rest();
    this.#held = this.services.timers.set(afterMs, () => {
      if (this.status === "held") goOn();
    });
  }

  /** Whether somebody here waits for what only this process knows; what is on its way must not be overtaken by what comes. */
  get #isNeeded(): boolean {
    return this.mailbox.hasAsks || this.accepting > 0 || this.#wanted === "erase";
  }

  /** It leaves memory: to others, where a time is given for which it is not taken back. */
  #vanish(releasedForMs?: number): void {
    if (releasedForMs !== undefined) this.host.release(this, releasedForMs);
    this.status = "gone";
    this.#held?.cancel();
    this.#picker.reset();
    this.host.remove(this);
    this.services.rest();
  }

  /** Tells the asks of a batch, which are not run again, and those who sent what was to be accepted with it. */
  #answer(batch: Batch, error: unknown): void {
    this.admissions.failed(batch.direct, error);
    this.#answerAsks(batch, error);
  }

  #answerAsks({ asks }: Batch, error: unknown): void {
    for (const ask of asks) this.mailbox.remove(ask);
    failAsks(asks, error);
  }
}
