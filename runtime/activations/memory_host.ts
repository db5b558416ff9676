import { Activation } from "./activation.ts";
import type { Actor, Handler } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import { Route } from "../messages/envelope.ts";
import { LimitExceededError } from "../base/errors.ts";
import { IdleList } from "../scheduling/idle.ts";
import type { Operation } from "../language/protocol.ts";
import type { ActorHost, RuntimeServices } from "./runtime_services.ts";
import { shownActor } from "../messages/shown_name.ts";

/** What turns send has this many times the room of what comes from outside. */
export const turnRoom = 10;

/** How many actors there are, and may be: one count over several hosts. */
export interface ActorQuota {
  readonly capacity: number;
  size: number;
  /** Lets one leave memory that rests in a store, of whichever host. */
  makeRoom?: () => void;
}

/** All actors of one definition in this system, by key. */
export class MemoryHost implements ActorHost<Activation> {
  readonly actor: Actor;
  readonly services: RuntimeServices;
  readonly handlers: readonly (Handler | undefined)[];
  readonly handled: readonly (Operation | undefined)[];
  readonly plainRoutes: readonly Route[];
  readonly name: string;
  readonly capacity: number;
  readonly turnCapacity: number;
  observed = false;
  accepted = 0;
  taken = 0;
  done = 0;
  /** The host that one of its actors looked into last: mostly it is the next, too. */
  private lastReached: Pick<ActorHost<ActorId>, "name" | "find"> | undefined = undefined;
  private readonly quota: ActorQuota;
  private readonly _activations = new Map<string, Activation>();
  private readonly idle: IdleList;

  constructor(actor: Actor, services: RuntimeServices, quota: ActorQuota) {
    this.actor = actor;
    const operations = Object.values(actor.operations);
    this.handled = operations.map((operation) => operation.mode === "event" ? undefined : operation);
    this.plainRoutes = operations.map((operation) => new Route(operation));
    this.idle = new IdleList(actor.idleMs, services);
    this.name = actor.name;
    this.handlers = actor.handlers;
    this.capacity = actor.mailbox.capacity;
    this.turnCapacity = actor.mailbox.capacity * turnRoom;
    this.services = services;
    this.quota = quota;
  }

  /** How many there are, active or with something kept. */
  get size(): number {
    return this._activations.size;
  }

  /** How many messages wait in their mailboxes. */
  get waiting(): number {
    return this.accepted - this.taken;
  }

  find(key: string): Activation | undefined {
    return this._activations.get(key);
  }

  reach(protocol: string, key: string): ActorId | undefined {
    let host = this.lastReached;
    if (host === undefined || host.name !== protocol) {
      host = this.lastReached = this.services.delivery.hosts.get(protocol);
    }
    return host === undefined ? undefined : host.find(key);
  }

  /** The actor of that key. Throws a `LimitExceededError` when it is new and the system is full. */
  get(key: string): Activation {
    const found = this._activations.get(key);
    if (found !== undefined) return found;
    const { capacity } = this.quota;
    if (this.quota.size >= capacity) this.quota.makeRoom?.();
    const { size } = this.quota;
    if (size >= capacity) {
      const why = `the system holds ${size} of ${capacity} actors`;
      throw new LimitExceededError(
        "too-many-actors",
        `Cannot activate ${shownActor(this.actor.name, key)}: ${why}`,
      );
    }
    const activation = new Activation(this, key);
    this._activations.set(key, activation);
    this.quota.size++;
    return activation;
  }

  activations(): Iterable<Activation> {
    return this._activations.values();
  }

  remove(activation: Activation): void {
    if (!this._activations.delete(activation.key)) return;
    this.quota.size--;
    this.idle.leave(activation);
    activation.leave();
  }

  watchIdle(activation: Activation): void {
    this.idle.join(activation);
  }

  leaveIdle(activation: Activation): void {
    this.idle.leave(activation);
  }
}
