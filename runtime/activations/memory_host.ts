import { Activation } from "./activation.ts";
import type { Actor } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import { LimitedActivation } from "./limited_activation.ts";
import { Route } from "../messages/envelope.ts";
import type { Operation } from "../language/protocol.ts";
import { type ActorQuota, ActorRegistry, type RegisteredActor } from "./actor_registry.ts";
import type { RuntimeServices } from "./runtime_services.ts";

/** Messages of turns have this many times the room of messages from outside. */
export const turnRoom = 10;

/** The actors of one definition that live in memory alone. */
export class MemoryHost extends ActorRegistry<Activation> {
  /** The operations that its actors handle, each at its slot. Events are published and not sent to an actor. */
  readonly handled: readonly (Operation | undefined)[];
  /** The routes of messages that are only a payload, each at the slot of its operation. */
  readonly plainRoutes: readonly Route[];
  /** The name of its protocol. */
  readonly name: string;
  /** How many messages a mailbox may hold when one comes from outside, and when a turn sends one. */
  readonly capacity: number;
  readonly turnCapacity: number;
  /** Whether a listener hears of every message. */
  observed = false;
  /** How many messages were put into mailboxes when a listener of a sample last heard of one. */
  sampledAt = 0;
  /**
   * How many messages were put into mailboxes, and how many were taken out: one count for all, as there may be a
   * million.
   */
  accepted = 0;
  taken = 0;
  /** How many turns have committed. */
  done = 0;
  /** How many messages were taken back. */
  cancelled = 0;
  /**
   * The actors that had a message which failed, by key. One that has no such message any more may be among them, until
   * somebody looks.
   */
  readonly failing: Map<string, Activation> = new Map();
  /** The host to which one of its actors sent last: the next message mostly goes there as well. */
  private lastReached: MemoryHost | undefined = undefined;

  constructor(actor: Actor, services: RuntimeServices, quota: ActorQuota) {
    super(actor, services, quota);
    const operations = Object.values(actor.operations);
    const handled = operations.map((operation) => operation.mode === "event" ? undefined : operation);
    this.handled = [...handled, this.scheduling];
    this.plainRoutes = operations.map((operation) => new Route(operation));
    this.name = actor.name;
    this.capacity = actor.mailbox.capacity;
    this.turnCapacity = actor.mailbox.capacity * turnRoom;
  }

  /** How many messages wait in the mailboxes. */
  get waiting(): number {
    return this.accepted - this.taken;
  }

  /** The receiver of a message of one of its actors, if it lives in memory alone and is active. */
  reach(protocol: string, key: string): ActorId | undefined {
    let host = this.lastReached;
    if (host === undefined || host.name !== protocol) {
      host = this.lastReached = this.services.delivery.hosts.get(protocol);
    }
    return host === undefined ? undefined : host.find(key);
  }

  override remove(member: RegisteredActor): void {
    super.remove(member);
    this.failing.delete(member.key);
  }

  protected make(key: string): Activation {
    return this.slots === undefined
      ? new Activation(this, key)
      : new LimitedActivation(this, key, this.slots);
  }
}
