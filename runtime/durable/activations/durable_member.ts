import type { ActorId } from "../../language/address.ts";
import type { Envelope } from "../../messages/envelope.ts";
import type { Idler } from "../../scheduling/idle.ts";
import type { MessageEvent } from "../../ports/inspection.ts";
import type { Runnable, Scheduler } from "../../scheduling/scheduler.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import type { DurableActorHost, DurableServices } from "./durable_services.ts";
import type { Fate } from "../background/membership.ts";
import { ActorRecord } from "../rows/actor_record.ts";
import type { Suspicion } from "./suspicion.ts";

/**
 * Who a durable actor is in this process, what is known of it, what it is doing, and who hears of that.
 *
 * `loading`: the store is asked. `idle`: nothing to do. `ready`: the scheduler has it. `running`: a promise is awaited.
 * `committing`: its batch is on its way. `trying`: what may have ended a process waits for its trial. `held`: it waits for a time. `gone`: no longer in this process.
 */
export abstract class DurableMember<Member> implements Runnable, Idler {
  readonly host: DurableActorHost<Member>;
  readonly services: RuntimeServices;
  readonly key: string;
  status: "loading" | "idle" | "ready" | "running" | "committing" | "trying" | "held" | "gone" = "loading";
  usedMs = 0;
  nextReady: Runnable | undefined = undefined;
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  active = false;
  /** The actor as it was committed last. */
  record: ActorRecord = new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
  state: unknown = undefined;
  made = false;
  fault: { readonly error: unknown } | undefined = undefined;
  /** The read epoch after its record was read. */
  loadedEpoch = 0;
  suspicion: Suspicion | undefined = undefined;
  tried: Fate | undefined = undefined;
  inherited = false;
  /** Kept between turns, for the runtime's own actors; gone when it is loaded again. */
  cache: unknown = undefined;

  constructor(host: DurableActorHost<Member>, key: string) {
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
}
