import type { Actor, Handler } from "../../language/actor.ts";
import type { ActorId } from "../../language/address.ts";
import { LimitExceededError } from "../../base/errors.ts";
import type { ActorQuota } from "../../activations/memory_host.ts";
import { IdleList } from "../../scheduling/idle.ts";
import type { Operation } from "../../language/protocol.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import { shownActor } from "../../messages/shown_name.ts";
import { DurableActivation } from "./durable_activation.ts";
import type { DurableActorHost, DurableServices } from "./durable_services.ts";

/** All durable actors of one definition that are in this process, by key. The others are in the store. */
export class DurableHost implements DurableActorHost<DurableActivation> {
  readonly actor: Actor;
  readonly services: RuntimeServices;
  readonly handlers: readonly (Handler | undefined)[];
  readonly awaited: boolean[] = [];
  readonly direct: boolean[] = [];
  readonly #durable: () => DurableServices;
  readonly #quota: ActorQuota;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #activations = new Map<string, DurableActivation>();
  readonly #idle: IdleList;
  readonly #leave: (actor: ActorId, forMs: number) => void;
  done = 0;
  deadLettered = 0;

  /** `durable` gives what is there once the store is open; `leave` tells others that they should look at an actor. */
  constructor(
    actor: Actor,
    services: RuntimeServices,
    quota: ActorQuota,
    durable: () => DurableServices,
    leave: (actor: ActorId, forMs: number) => void,
  ) {
    this.actor = actor;
    this.services = services;
    this.handlers = actor.handlers;
    this.#durable = durable;
    this.#quota = quota;
    this.#operations = new Map(
      Object.values(actor.operations).filter(({ mode }) => mode !== "event").map((
        operation,
      ) => [operation.name, operation]),
    );
    this.#idle = new IdleList(actor.idleMs, services);
    this.#leave = leave;
  }

  get durable(): DurableServices {
    return this.#durable();
  }

  get observed(): boolean {
    return !this.services.delivery.inspectors.unobserved;
  }

  /** How many messages this process has seen in its mailboxes. */
  get accepted(): number {
    const inHand = this.#activations.values().reduce((sum, { mailbox }) => sum + mailbox.inHand, 0);
    return this.done + this.deadLettered + this.waiting + inHand;
  }

  /** How many are in this process. */
  get size(): number {
    return this.#activations.size;
  }

  /** How many messages wait for those that are in this process. */
  get waiting(): number {
    return this.#activations.values().reduce((sum, { waiting, aside }) => sum + waiting + aside, 0);
  }

  operation(name: string): Operation | undefined {
    return this.#operations.get(name);
  }

  find(key: string): DurableActivation | undefined {
    return this.#activations.get(key);
  }

  /**
   * The actor of that key, which begins to load where it is not here. Throws a `LimitExceededError` when there is no
   * room.
   */
  get(key: string): DurableActivation {
    const found = this.#activations.get(key);
    if (found !== undefined) return found;
    const { capacity } = this.#quota;
    if (this.#quota.size >= capacity) this.#quota.makeRoom?.();
    const { size } = this.#quota;
    if (size >= capacity) {
      const why = `the system holds ${size} of ${capacity} actors`;
      throw new LimitExceededError(
        "too-many-actors",
        `Cannot activate ${shownActor(this.actor.name, key)}: ${why}`,
      );
    }
    const activation = new DurableActivation(this, key);
    this.#activations.set(key, activation);
    this.#quota.size++;
    return activation;
  }

  /** Those that are in this process. */
  activations(): Iterable<DurableActivation> {
    return this.#activations.values();
  }

  remove(activation: DurableActivation): void {
    if (this.#activations.get(activation.key) !== activation) return;
    this.#activations.delete(activation.key);
    this.#quota.size--;
    this.#idle.leave(activation);
  }

  watchIdle(activation: DurableActivation): void {
    this.#idle.join(activation);
  }

  leaveIdle(activation: DurableActivation): void {
    this.#idle.leave(activation);
  }

  release(actor: ActorId, forMs: number): void {
    this.#leave(actor, forMs);
  }

  /** The first that has nothing to do leaves memory: it is in the store. Returns whether there was one. */
  letOneGo(): boolean {
    const resting = this.#activations.values().find(({ atRest }) => atRest);
    resting?.passivate();
    return resting !== undefined;
  }
}
