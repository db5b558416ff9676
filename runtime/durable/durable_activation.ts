import type { Asker, Envelope } from "../envelope.ts";
import { messageOf, PosthornError, StoppedError } from "../errors.ts";
import type { Idler } from "../idle.ts";
import type { MessageEvent } from "../inspection.ts";
import type { Runnable, Scheduler } from "../scheduler.ts";
import type { Services } from "../services.ts";
import type { Timer } from "../timers.ts";
import { Batch } from "./batch.ts";
import { Commission } from "./committer.ts";
import type { DurableActor } from "./durable_actor.ts";
import type { DurableHome, DurableServices } from "./durable_home.ts";
import { DurableMailbox } from "./durable_mailbox.ts";
import type { Effects } from "./effects.ts";
import { loadActor } from "./load.ts";
import type { Mail } from "./mail.ts";
import { recordKey } from "./keys.ts";
import { ActorRecord } from "./record.ts";
import { OutcomeUnknownError } from "../store_errors.ts";
import { TurnRunner } from "./turn_runner.ts";

/** The most messages of one batch. */
const batchMax = 64;
/** How long an actor waits that the store did not let load or commit; a random part more. */
const storeBackoffMs = 1_000;
/** How long two instances wait that both run one actor, times how often they met. */
const conflictBackoffMs = 5;

/**
 * One durable actor in this process. It is loaded from the store, handles messages in batches, and commits each batch
 * as one part; until that is known nothing of it is seen by anybody. Where a check fails, another instance went on: it
 * is loaded again, and what it did is gone.
 *
 * `loading`: the store is asked. `idle`: nothing to do. `ready`: the scheduler has it. `running`: a promise is awaited.
 * `committing`: its batch is on its way. `held`: it waits for a time. `gone`: no longer in this process.
 */
export class DurableActivation implements Runnable, DurableActor, Idler {
  readonly home: DurableHome<DurableActivation>;
  readonly key: string;
  readonly mailbox = new DurableMailbox();
  status: "loading" | "idle" | "ready" | "running" | "committing" | "held" | "gone" = "loading";
  usedMs = 0;
  nextReady: Runnable | undefined = undefined;
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  /** The actor as it was committed last. */
  record = new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
  state: unknown = undefined;
  /** The moment after its record was read. */
  loadedMoment = 0;
  /** Instances that ended without a word and had written to it. */
  suspicious: ReadonlySet<string> = new Set();
  /** How many messages from outside are on their way into its mailbox. */
  accepting = 0;
  /** Kept between turns, for the runtime's own actors; gone when it is loaded again. */
  cache: unknown = undefined;
  /** The places of messages that gave way in a full mailbox. */
  readonly displaced = new Set<string>();
  readonly #runner: TurnRunner;
  readonly #asides = new Map<string, Timer>();
  #wanted: "passivate" | "forget" | undefined = undefined;
  #held: Timer | undefined = undefined;
  #conflicts = 0;
  #batchMax = batchMax;
  #endTrial: (() => void) | undefined = undefined;
  /** What says in the store that a trial begins. */
  #trial: Batch | undefined = undefined;

  constructor(home: DurableHome<DurableActivation>, key: string) {
    this.home = home;
    this.key = key;
    this.#runner = new TurnRunner(this);
    void this.load();
  }

  get services(): Services {
    return this.home.services;
  }

  get durable(): DurableServices {
    return this.home.durable;
  }

  get protocol(): string {
    return this.home.actor.name;
  }

  get transient(): boolean {
    return false;
  }

  toString(): string {
    return `${this.protocol}/${this.key}`;
  }

  /** About how many messages wait, those on their way included. */
  get waiting(): number {
    return this.mailbox.length + this.#asides.size + this.accepting;
  }

  /** Whether the message at the head is tried that may have ended a process, and that is counted. */
  get onTrial(): boolean {
    return this.#endTrial !== undefined;
  }

  /** Whether nothing that this instance wrote still waits. */
  get atRest(): boolean {
    return this.status === "idle" && this.mailbox.complete && this.waiting === 0;
  }

  /** A message for it was committed here, by a sender that was loaded at that moment. */
  arrive(mail: Mail, senderMoment: number): void {
    const rare = this.mailbox.arrive(mail, senderMoment);
    if (rare !== undefined) this.#reach(rare);
    if (this.status === "idle") this.proceed();
  }

  /** An ask for it: it is nowhere but here. */
  ask(mail: Mail): void {
    this.mailbox.ask(mail);
    if (this.status === "idle") this.proceed();
  }

  /** Its mailbox is fuller than it may be: the oldest or the newest that waits gives way. */
  overflow(policy: "drop-oldest" | "drop-newest"): void {
    const waiting = this.mailbox.mails.filter(({ key, place }) =>
      key !== undefined && !this.displaced.has(place)
    );
    const mail = policy === "drop-newest" ? waiting.at(-1) : waiting[0];
    if (mail !== undefined) this.displaced.add(mail.place);
  }

  /** What another instance wrote may be for it. */
  look(): void {
    this.mailbox.complete = false;
    if (this.status === "idle") this.proceed();
  }

  /** Reads it from the store, and what waits for it. */
  async load(): Promise<void> {
    this.status = "loading";
    this.cache = undefined;
    for (const timer of this.#asides.values()) timer.cancel();
    this.#asides.clear();
    try {
      const loaded = await loadActor(this);
      if (this.#isGone()) return;
      if (!loaded) return this.#leaveAlone();
    } catch (error) {
      this.mailbox.abandon();
      if (this.#isGone()) return;
      this.#failAsks(error);
      return this.hold(storeBackoffMs * (1 + this.services.random.next()), () => void this.load());
    }
    this.proceed();
  }

  /** Goes on with whatever is next. */
  proceed(): void {
    if (this.status === "gone") return;
    const wanted = this.#wanted;
    this.status = "idle";
    this.#held = undefined;
    if (wanted === "passivate" && this.waiting === 0 && this.mailbox.complete) return this.passivate(true);
    if (this.mailbox.mails.length > 0 || wanted === "forget") {
      this.status = "ready";
      this.services.scheduler.add(this);
    } else if (!this.mailbox.complete) {
      void this.load();
    } else {
      this.home.watchIdle(this);
      this.services.rest();
    }
  }

  run(scheduler: Scheduler): boolean {
    if (this.status !== "ready") return false;
    this.usedMs = scheduler.monotonicMs;
    const batch = this.#begin();
    if (this.#wanted === "forget") {
      this.#wanted = undefined;
      void this.#runner.forget(batch).then(() => this.finish(batch), (error) => this.#refused(error, batch));
      this.status = "running";
      return false;
    }
    while (batch.taken < this.#batchMax) {
      const mail = this.#next(batch);
      if (mail === undefined) break;
      const handled = this.#runner.handle(batch, mail);
      if (handled instanceof Promise) {
        this.status = "running";
        this.services.running++;
        void handled.then(() => this.finish(batch), (error) => this.failed(error)).finally(() => {
          this.services.running--;
          this.services.rest();
        });
        return false;
      }
      if (handled === "last" || !scheduler.spend(1)) break;
    }
    if (this.status === "ready") this.finish(batch);
    return false;
  }

  /** Commits a batch. */
  finish(batch: Batch): void {
    if (this.#isGone()) return;
    if (batch.taken === 0 && batch.readsOnly) return this.#rested();
    this.status = "committing";
    const { ledger } = this.durable;
    if (batch.readsOnly) {
      const fence = batch.fence();
      if (ledger.traits.processes === "one") return this.#committed(batch, fence, this.record);
      const then = () => this.#committed(batch, fence, this.record);
      return ledger.committer.submit(new TurnCommission(this, batch, fence, then));
    }
    const token = ledger.nextToken();
    let sealed: ReturnType<Batch["seal"]>;
    try {
      sealed = batch.seal(token);
    } catch (error) {
      return this.#refused(error, batch);
    }
    const { effects, record } = sealed;
    ledger.committer.submit(
      new TurnCommission(this, batch, effects, (version) => {
        const { head, text, bytes } = record;
        this.#committed(batch, effects, new ActorRecord(head, text, version, bytes));
      }, token),
    );
  }

  /**
   * Another instance went on: what was done here is gone. Where an attempt may have landed before that, an ask among it
   * may have had its effect; the mail has its own checks, and is tried again.
   */
  stale(batch: Batch, uncertain: boolean): void {
    if (this.#isGone()) return;
    if (uncertain) {
      for (const mail of this.mailbox.mails.slice(0, batch.taken)) {
        if (mail.asker === undefined) continue;
        this.mailbox.remove(mail);
        this.#reach("the outcome of an ask cannot be known");
        mail.asker.fail(
          new OutcomeUnknownError(`Cannot tell whether ${this} ${mail.head.operation} took effect`),
        );
      }
    }
    this.#endTrial?.();
    const conflicts = ++this.#conflicts;
    this.mailbox.reset();
    if (conflicts === 1) return void this.load();
    const afterMs = conflictBackoffMs * Math.min(conflicts, 20) * this.services.random.next();
    this.hold(afterMs, () => void this.load());
  }

  /** The store did not take a batch. */
  failed(error: unknown): void {
    if (this.#isGone()) return;
    this.#endTrial?.();
    this.#failAsks(error);
    this.mailbox.reset();
    this.hold(storeBackoffMs * (1 + this.services.random.next()), () => void this.load());
  }

  /** Leaves memory when nothing is left to do. Its state stays in the store. */
  passivate(wanted = false): void {
    if (!wanted && (!this.atRest || this.mailbox.length > 0)) return;
    if (this.status !== "idle" || this.waiting > 0) return;
    this.status = "gone";
    this.home.remove(this);
    this.emit("passivated");
  }

  /** From outside: it leaves memory, begins again from its last commit, or is erased. */
  signal(signal: "passivate" | "restart" | "forget"): void {
    if (signal === "restart") return this.look();
    this.#wanted = signal;
    if (this.status === "idle") this.proceed();
  }

  /** The system ends: asks that wait are told; what is in the store stays there. */
  end(): void {
    this.status = "gone";
    this.#held?.cancel();
    this.#runner.abort(new StoppedError(`${this}: the system stopped`));
    for (const timer of this.#asides.values()) timer.cancel();
    this.#failAsks(new StoppedError(`Cannot ask ${this}: the system has stopped`));
  }

  /** Tells whoever listens what became of a message. */
  inspect(event: MessageEvent, envelope: Envelope): void {
    if (this.home.heard) this.services.delivery.inspect(event, envelope);
  }

  emit(type: "activated" | "passivated" | "restarted" | "stopped" | "forgotten"): void {
    const { inspectors } = this.services.delivery;
    if (inspectors.silent) return;
    inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  #begin(): Batch {
    const { actor } = this.home;
    return new Batch(this.durable.ledger, {
      actor: { protocol: this.protocol, key: this.key },
      record: this.record,
      state: this.state,
      schema: actor.stateVersion,
    });
  }

  /** The next message of a batch; nothing where it ends here. */
  #next(batch: Batch): Mail | undefined {
    const nowMs = this.services.scheduler.nowMs;
    for (;;) {
      const mail: Mail | undefined = this.mailbox.mails[batch.taken];
      if (mail === undefined || mail.key === undefined) return mail;
      const { notBeforeMs = 0 } = mail.head;
      if (notBeforeMs > nowMs) {
        this.#setAside(mail, notBeforeMs - nowMs);
        continue;
      }
      const { retry } = this.record.head;
      if (retry?.place !== mail.place || this.#endTrial !== undefined) {
        return this.#isSuspect(mail) ? this.#suspect(batch, mail, mail.head.attempts ?? 0) : mail;
      }
      if (batch.taken > 0) return undefined;
      if (retry.notBeforeMs > nowMs) {
        this.hold(retry.notBeforeMs - nowMs, () => this.proceed());
        return undefined;
      }
      return this.#isSuspect(mail) ? this.#suspect(batch, mail, retry.attempts) : mail;
    }
  }

  #isSuspect(mail: Mail): boolean {
    return this.#endTrial === undefined && this.suspicious.has(mail.head.via);
  }

  /**
   * The message may be what ended a process: that it is tried is committed first, so that it is counted should it end
   * this one as well.
   */
  #suspect(batch: Batch, mail: Mail, attempts: number): undefined {
    if (batch.taken > 0) return undefined;
    this.status = "committing";
    this.durable.suspects.enter(attempts > 0, (endTrial) => {
      if (this.#isGone()) return endTrial();
      this.#reach(attempts > 0 ? "a suspect is tried alone" : "a suspect is tried");
      const trial = this.#trial = this.#begin();
      trial.retry({ place: mail.place, attempts: attempts + 1, notBeforeMs: 0 });
      this.#batchMax = 1;
      this.#endTrial = () => {
        this.#endTrial = undefined;
        this.#batchMax = batchMax;
        endTrial();
      };
      this.finish(trial);
    });
    return undefined;
  }

  #setAside(mail: Mail, afterMs: number): void {
    this.mailbox.remove(mail);
    this.#reach("a message waits aside");
    if (this.#asides.has(mail.place)) return;
    const back = () => {
      this.#asides.delete(mail.place);
      this.mailbox.mails.push(mail);
      if (this.status === "idle") this.proceed();
    };
    this.#asides.set(mail.place, this.services.timers.set(afterMs, back));
  }

  #committed(batch: Batch, effects: Effects, record: ActorRecord): void {
    const { durable } = this;
    this.#conflicts = 0;
    if (batch !== this.#trial) this.#endTrial?.();
    this.#trial = undefined;
    this.record = record;
    this.state = batch.state;
    this.mailbox.drop(batch.taken);
    effects.follow();
    if (effects.arrivals.length > 0) durable.handOver(effects.arrivals, record.version!, this.loadedMoment);
    if (effects.locals.length > 0) durable.deliverLocally(effects.locals);
    if (this.#isGone()) return;
    const ending = this.#runner.takeEnding();
    if (ending === "stop") this.emit("stopped");
    if (ending === "passivate") this.#wanted ??= "passivate";
    this.proceed();
  }

  /** A batch that cannot be committed as it is: what it takes is too large, or cannot be written. */
  #refused(error: unknown, batch: Batch): void {
    if (this.#isGone()) return;
    this.status = "ready";
    this.#reach(batch.taken > 1 ? "a batch cannot be committed" : "a turn cannot be committed");
    if (batch.taken > 1) {
      this.#batchMax = 1; // one of them is the one
      const whole = this.#begin();
      const mail = this.#next(whole);
      if (mail !== undefined) void this.#runner.handle(whole, mail);
      this.#batchMax = batchMax;
      return this.finish(whole);
    }
    const alone = this.#begin();
    const mail = this.mailbox.mails[0];
    if (mail === undefined) return this.failed(error);
    this.#runner.refuse(alone, mail, error);
    this.finish(alone);
  }

  #rested(): void {
    if (this.status === "ready" || this.status === "running") this.proceed();
  }

  /** Waits for a while. */
  hold(afterMs: number, goOn: () => void): void {
    this.status = "held";
    this.#held = this.services.timers.set(afterMs, () => {
      if (this.status === "held") goOn();
    });
  }

  /** Its state is newer than this program. */
  #leaveAlone(): void {
    this.#failAsks(
      new PosthornError("newer-state", `Cannot ask ${this}: a newer program has written its state`),
    );
    this.home.leaveToOthers({ protocol: this.protocol, key: this.key });
    this.status = "gone";
    this.home.remove(this);
  }

  #failAsks(error: unknown): void {
    const failure = error instanceof PosthornError ? error : new PosthornError("failed", messageOf(error));
    for (const { asker } of this.mailbox.takeAsks()) (asker as Asker).fail(failure);
  }

  /** Only in simulations. */
  #reach(branch: string): void {
    this.durable.ledger.probes?.reach(branch);
  }

  #isGone(): boolean {
    return this.status === "gone";
  }
}

/** A batch on its way into the store. */
class TurnCommission extends Commission {
  readonly part: Effects;
  readonly #activation: DurableActivation;
  readonly #batch: Batch;
  readonly #then: (version: string) => void;
  readonly #token: string | undefined;

  constructor(
    activation: DurableActivation,
    batch: Batch,
    part: Effects,
    then: (version: string) => void,
    token?: string,
  ) {
    super();
    this.#activation = activation;
    this.#batch = batch;
    this.part = part;
    this.#then = then;
    this.#token = token;
  }

  committed(version: string): void {
    this.#then(version);
  }

  stale(): void {
    this.#activation.stale(this.#batch, this.uncertain);
  }

  failed(error: unknown): void {
    this.#activation.failed(error);
  }

  async landed(): Promise<string | undefined> {
    const [stored] = await this.#activation.durable.ledger.connection.read([recordKey(this.#activation)]);
    const record = ActorRecord.of(stored);
    if (record.head.turn === this.#token) {
      this.#activation.durable.ledger.probes?.reach("a turn landed unheard");
    }
    return this.#token !== undefined && record.head.turn === this.#token ? record.version : undefined;
  }
}
