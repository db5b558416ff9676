import type { ActorId } from "../../language/address.ts";
import type { Envelope } from "../../messages/envelope.ts";
import type { Idler } from "../../scheduling/idle.ts";
import type { MessageEvent } from "../../ports/inspection.ts";
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
import type { DurableHost } from "./durable_host.ts";
import type { DurableServices } from "./durable_services.ts";
import type { LoadedActor } from "./load_actor.ts";
import { Suspicion } from "./suspicion.ts";

/**
 * Who a durable actor is in this process, what is known of it, what it is doing, and who hears of that.
 *
 * `loading`: the store is asked. `idle`: nothing to do. `ready`: the scheduler has it. `running`: a promise is awaited.
 * `committing`: its batch is on its way. `trying`: what may have ended a process waits for its trial. `held`: it waits for a time. `gone`: no longer in this process.
 */
export abstract class DurableMember implements Runnable, Idler, TurnActor {
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
  /** The actor as it was committed last, and its state. */
  record: ActorRecord = new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
  state: unknown = undefined;
  /** Whether its state was made from the record. */
  made = false;
  /** Why it could not be made: the failure of each message until it can. */
  fault: { readonly error: unknown } | undefined = undefined;
  /** The read epoch after its record was read. */
  loadedEpoch = 0;
  /** Which of its messages may have ended a process; absent if none may. */
  suspicion: Suspicion | undefined = undefined;
  /** What became of the instance that tried the message at the head; absent if none did, or this one. */
  tried: Fate | undefined = undefined;
  /** Whether an instance that ended without a word was to look after it, and may have run it, whoever wrote to it. */
  inherited = false;
  /** Why it has stopped, and its mail becomes dead letters; absent if that is handled. */
  stopped: string | undefined = undefined;
  /** Kept between turns, for the runtime's own actors; gone when it is loaded again. */
  cache: unknown = undefined;

  constructor(host: DurableHost, key: string) {
    this.host = host;
    this.services = host.services;
    this.key = key;
  }

  abstract run(scheduler: Scheduler): boolean;

  abstract passivate(): void;

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

  inspect(event: MessageEvent, envelope: Envelope): void {
    if (this.host.observed) this.services.delivery.inspect(event, envelope);
  }

  emit(type: "activated" | "passivated" | "restarted" | "stopped" | "erased"): void {
    const { inspectors } = this.services.delivery;
    if (type !== "stopped") this.active = type === "activated";
    if (!inspectors.unobserved) inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  /** It is as it was loaded. */
  protected take({ record, epoch, tried, mails, writers, ended }: LoadedActor): void {
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
   * Makes its state from its record, for the batch that begins with it. If that fails (`state` or `migrate` throws, the
   * text cannot be read) it is the failure of the message that is to be handled, and the next one tries again.
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
   * A message that waits becomes a dead letter in a commit of its own, beside the turns. If that does not come through,
   * it may have had its turn elsewhere, or it still waits for it. Returns whether it is gone.
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
    if (!fits(sizeOfCommit(writeSet, limits), limits)) return false; // the letter says more than the message did
    const epoch = this.loadedEpoch;
    const version = await commitKnown(session, writeSet).catch(() => undefined); // it waits for its turn again
    if (version === undefined) return false;
    this.host.deadLettered++;
    this.durable.deadLettered(letter);
    writeSet.land(committedDelivery, version, epoch);
    return true;
  }
}
