import type { ActorId } from "../../language/address.ts";
import type { Idler } from "../../scheduling/idle.ts";
import type { Pausable } from "../../scheduling/paused_queue.ts";
import type { Runnable, Scheduler } from "../../scheduling/scheduler.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import type { TurnActor } from "../../turns/turn_services.ts";
import { fits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { Fate } from "../background/membership.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { WriteSet } from "../commits/write_set.ts";
import type { DeadLetterReason } from "../delivery/message_writer.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { isTransaction } from "../rows/writer_name.ts";
import type { DurableHost } from "./durable_host.ts";
import type { DurableServices } from "./durable_services.ts";
import type { LoadedActor } from "./load_actor.ts";
import type { MessagePicker } from "./message_picker.ts";
import { Suspicion } from "./suspicion.ts";

/**
 * A durable actor in this process: its identity, its state, what it is doing, and its events.
 *
 * `loading`: it is read from the store. `idle`: it has nothing to do. `ready`: it waits for the scheduler. `running`: a
 * handler is awaited. `committing`: its batch is under way. `trying`: a message that may have crashed a process waits for
 * its trial. `held`: it waits for a time, or until its protocol is resumed. `gone`: it is no longer in this process.
 */
export abstract class DurableMember implements Pausable, Idler, TurnActor {
  readonly host: DurableHost;
  readonly services: RuntimeServices;
  readonly key: string;
  status: "loading" | "idle" | "ready" | "running" | "committing" | "trying" | "held" | "gone" = "loading";
  usedMs = 0;
  nextReady: Runnable | undefined = undefined;
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  /** Whether a turn of it has begun since it is in this process, or was restarted. */
  active = false;
  /** The record that was committed last, and the state in it. */
  record: ActorRecord = new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
  state: unknown = undefined;
  /** Whether the state was made from the record. */
  made = false;
  /** Why it could not be made: each message fails with this error until it can. */
  fault: { readonly error: unknown } | undefined = undefined;
  /** The read epoch right after its record was read. */
  loadedEpoch = 0;
  /** Which of its messages may have crashed a process; absent if none may. */
  suspicion: Suspicion | undefined = undefined;
  /** The state of the instance whose attempt the record counts; absent if none is, or if it is this one. */
  tried: Fate | undefined = undefined;
  /** Whether a crashed instance had it in its index, and may have run it, whoever wrote the messages. */
  inherited = false;
  /** The positions of messages that others wrote, and of which listeners were told here. */
  #told: ReadonlySet<string> = new Set();
  /** Why it has stopped, and its messages become dead letters; absent if that is handled. */
  stopped: string | undefined = undefined;
  /** A signal that it has not obeyed yet. */
  protected wanted: "passivate" | "erase" | undefined = undefined;
  /** A value that the runtime's own actors keep between turns, until the actor is loaded again. */
  cache: unknown = undefined;

  constructor(host: DurableHost, key: string) {
    this.host = host;
    this.services = host.services;
    this.key = key;
  }

  /** Finds its next message. */
  abstract readonly picker: Pick<MessagePicker, "endTrial">;

  abstract run(scheduler: Scheduler): boolean;

  abstract passivate(): void;

  /** Goes on with what is next. */
  abstract proceed(): void;

  /** Waits; without a time, until somebody calls {@linkcode proceed}. */
  abstract hold(afterMs: number | undefined): void;

  /** Whether it is to be erased, which needs no handler. */
  protected get erasing(): boolean {
    return this.wanted === "erase";
  }

  /** Its protocol is paused: what comes for it waits in the store, and an ask in memory. */
  park(): boolean {
    if (this.erasing) {
      this.services.scheduler.add(this);
      return false;
    }
    this.picker.endTrial(); // other messages wait for that
    this.hold(undefined);
    return true;
  }

  unpark(): void {
    if (this.status === "held") this.proceed();
  }

  get durable(): DurableServices {
    return this.host.durable;
  }

  get protocol(): string {
    return this.host.actor.name;
  }

  get transient(): boolean {
    return false;
  }

  find(protocol: string, key: string): ActorId | undefined {
    return this.services.delivery.find(protocol, key);
  }

  get idle(): boolean {
    return this.status === "idle";
  }

  get gone(): boolean {
    return this.status === "gone";
  }

  toString(): string {
    return `${this.protocol}/${this.key}`;
  }

  emit(type: "activated" | "passivated" | "restarted" | "stopped" | "erased"): void {
    const { inspectors } = this.services.delivery;
    if (type !== "stopped") this.active = type === "activated";
    if (!inspectors.unobserved) inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  /** Takes over what was loaded. */
  protected take({ record, epoch, tried, mails, writers, ended }: LoadedActor): void {
    if (this.host.observed) this.#tellFound(mails);
    this.record = record;
    this.loadedEpoch = epoch;
    this.tried = tried;
    this.made = false;
    const before = this.inherited ? undefined : this.suspicion;
    const suspects = this.inherited || ended.size > 0;
    this.suspicion = suspects ? Suspicion.of(mails, writers, ended, before) : undefined;
    this.inherited = false;
  }

  /**
   * Tells listeners of messages that were accepted, and that nobody has told of: who wrote them has ended, or is a
   * transaction of a user.
   */
  #tellFound(mails: readonly QueuedMessage[]): void {
    const { membership } = this.durable;
    const untold = mails.filter(({ head: { via, attempts } }) =>
      attempts === undefined && (isTransaction(via) || membership.hasEnded(via))
    );
    const told = this.#told;
    this.#told = new Set(untold.map(({ place }) => place));
    for (const mail of untold) {
      if (!told.has(mail.place)) this.durable.committedDelivery.accepted(this, mail, true);
    }
  }

  /**
   * Makes the state from the record, for the batch that begins with it. If that fails (`state` or `migrate` throws, or the
   * text cannot be read), the message that is to be handled fails, and the next one tries again.
   */
  makeState(batch: { state: unknown }): void {
    if (this.made) return;
    try {
      this.state = this.services.broken.make(this, () => this.record.stateFor(this.host.actor));
    } catch (error) {
      this.state = undefined;
      this.fault = { error };
      return;
    }
    batch.state = this.state;
    this.made = true;
    this.fault = undefined;
  }

  /**
   * Makes a dead letter of a waiting message, in a commit of its own beside the turns. If the commit fails, the message has
   * had its turn elsewhere, or it still waits. Returns whether it is a dead letter.
   */
  async deadLetterAlone(
    mail: Pick<QueuedMessage, "head" | "text" | "payload" | "place" | "key" | "version" | "bytes">,
    reason: DeadLetterReason,
  ): Promise<boolean> {
    const { session, writer, committedDelivery } = this.durable;
    const writeSet = new WriteSet();
    const letter = writer.deadLetter(writeSet, this, mail, reason);
    writeSet.removeIfUnchanged({ key: mail.key!, version: mail.version }, mail.bytes);
    const { limits } = session.traits;
    if (!fits(sizeOfCommit(writeSet, limits), limits)) return false; // the letter is larger than the message was
    const epoch = this.loadedEpoch;
    const version = await commitKnown(session, writeSet).catch(() => undefined); // the message keeps waiting
    if (version === undefined) return false;
    this.host.deadLettered++;
    this.durable.deadLettered(letter);
    writeSet.land(committedDelivery, version, epoch);
    return true;
  }
}
