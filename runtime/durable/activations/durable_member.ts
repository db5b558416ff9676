import type { ActorId } from "../../language/address.ts";
import type { Envelope } from "../../messages/envelope.ts";
import type { Idler } from "../../scheduling/idle.ts";
import type { MessageEvent } from "../../ports/inspection.ts";
import type { Runnable, Scheduler } from "../../scheduling/scheduler.ts";
import type { Services } from "../../activations/services.ts";
import type { DurableHome, DurableServices } from "./durable_home.ts";
import type { Fate } from "../background/instances.ts";
import { ActorRecord } from "../rows/record.ts";
import type { Suspicion } from "./suspicion.ts";

/**
 * Who a durable actor is in this process, what is known of it, what it is doing, and who hears of that.
 *
 * `loading`: the store is asked. `idle`: nothing to do. `ready`: the scheduler has it. `running`: a promise is awaited.
 * `committing`: its batch is on its way. `trying`: what may have ended a process waits for its trial. `held`: it waits for a time. `gone`: no longer in this process.
 */
export abstract class DurableMember<Member> implements Runnable, Idler {
  readonly home: DurableHome<Member>;
  readonly services: Services;
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
  /** The moment after its record was read. */
  loadedMoment = 0;
  suspicion: Suspicion | undefined = undefined;
  tried: Fate | undefined = undefined;
  inherited = false;
  /** Kept between turns, for the runtime's own actors; gone when it is loaded again. */
  cache: unknown = undefined;

  constructor(home: DurableHome<Member>, key: string) {
    this.home = home;
    this.services = home.services;
    this.key = key;
  }

  abstract run(scheduler: Scheduler): boolean;

  abstract passivate(): void;

  get durable(): DurableServices {
    return this.home.durable;
  }

  get protocol(): string {
    return this.home.actor.name;
  }

  get transient(): boolean {
    return false;
  }

  find(protocol: string, key: string): ActorId | undefined {
    return this.services.find(protocol, key);
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
    if (this.home.heard) this.services.delivery.inspect(event, envelope);
  }

  emit(type: "activated" | "passivated" | "restarted" | "stopped" | "erased"): void {
    const { inspectors } = this.services.delivery;
    if (type !== "stopped") this.active = type === "activated";
    if (!inspectors.silent) inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }
}
