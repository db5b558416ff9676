import type { Actor } from "../../language/actor.ts";
import type { ActorId } from "../../language/address.ts";
import { type ActorQuota, ActorRegistry } from "../../activations/actor_registry.ts";
import type { MessageTimes } from "../../activations/message_reports.ts";
import type { Operation } from "../../language/protocol.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import { takeBack } from "./take_back.ts";
import { DurableActivation } from "./durable_activation.ts";
import { LimitedDurableActivation } from "./limited_durable_activation.ts";
import type { DurableServices } from "./durable_services.ts";
import type { Timers } from "../../scheduling/timers.ts";
import type { WakeTimes } from "../background/wake_times.ts";

/** The durable actors of one definition that are in the memory of this process. The others are in the store alone. */
export class DurableHost extends ActorRegistry<DurableActivation> {
  /** Operations whose handler returned a promise the last time, by slot. */
  readonly awaited: boolean[] = [];
  /** Whether all handlers of an operation have returned at once, by slot; absent if none has run. */
  readonly direct: boolean[] = [];
  readonly #durable: () => DurableServices;
  readonly #operations: ReadonlyMap<string, Operation>;
  /** Releases an actor to other instances, and does not take it back for so long. */
  readonly release: (actor: ActorId, forMs: number) => void;
  /** When this process must run for what waits; present once the store is being opened. */
  wakeTimes: WakeTimes | undefined;
  done = 0;
  deadLettered = 0;
  /** How many messages were taken back. */
  cancelled = 0;

  /** `durable` gives what durable actors share while the store is open. */
  constructor(
    actor: Actor,
    services: RuntimeServices,
    quota: ActorQuota,
    durable: () => DurableServices,
    release: (actor: ActorId, forMs: number) => void,
  ) {
    super(actor, services, quota, {
      monotonicMs: () => services.timers.monotonicMs(),
      set: (delayMs, callback) => (this.wakeTimes?.idleTimers ?? services.timers).set(delayMs, callback),
    });
    this.#durable = durable;
    const operations = Object.values(actor.operations).filter(({ mode }) => mode !== "event");
    this.#operations = new Map(
      [...operations, this.scheduling].map((operation) => [operation.name, operation]),
    );
    this.release = release;
  }

  get durable(): DurableServices {
    return this.#durable();
  }

  /** The timers of what waits in the store. */
  get timers(): Timers {
    return this.wakeTimes?.timers ?? this.services.timers;
  }

  /** Whether an observer listens to what happens. */
  get observed(): boolean {
    return !this.services.delivery.inspectors.unobserved;
  }

  /** How many messages were in the mailboxes of this process, as far as it has read them. */
  get accepted(): number {
    const inHand = this.activations().reduce((sum, { mailbox }) => sum + mailbox.inHand, 0);
    return this.done + this.deadLettered + this.cancelled + this.waiting + inHand;
  }

  /** How many messages wait for the actors that are in memory. */
  get waiting(): number {
    return this.activations().reduce((sum, { waiting, aside }) => sum + waiting + aside, 0);
  }

  /** The operation of that name, if it has a handler. */
  operation(name: string): Operation | undefined {
    return this.#operations.get(name);
  }

  /**
   * A message in the store was taken back: counts it, at once or when its handler has settled. Returns the times of its
   * turn, if that runs and somebody listens.
   */
  takeBack(key: string, place: string): MessageTimes | undefined {
    const found = this.find(key);
    const turn = found && takeBack(found, place);
    if (turn !== undefined) return this.services.delivery.reports.timesOf(turn);
    this.cancelled++;
  }

  protected make(key: string): DurableActivation {
    return this.slots === undefined
      ? new DurableActivation(this, key)
      : new LimitedDurableActivation(this, key, this.slots);
  }
}
