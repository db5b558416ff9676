import { Activation } from "./activation.ts";
import type { Actor } from "../language/actor.ts";
import type { ActorId } from "../language/address.ts";
import { Route } from "../messages/envelope.ts";
import type { Operation } from "../language/protocol.ts";
import { type ActorQuota, ActorRegistry } from "./actor_registry.ts";
import type { RuntimeServices } from "./runtime_services.ts";

/** What turns send has this many times the room of what comes from outside. */
export const turnRoom = 10;

/** The actors of one definition that live in memory alone. */
export class MemoryHost extends ActorRegistry<Activation> {
  /** The operations that it handles, each at its slot. An event is published, and not sent to an actor. */
  readonly handled: readonly (Operation | undefined)[];
  /** The routes of messages that are nothing but their payload, each at its operation's slot. */
  readonly plainRoutes: readonly Route[];
  /** The name of its protocol. */
  readonly name: string;
  /** How many messages a mailbox holds that come from outside, and when turns send them. */
  readonly capacity: number;
  readonly turnCapacity: number;
  /** Whether somebody observes what happens. */
  observed = false;
  /** How many messages came into mailboxes, and how many were taken out: counted here, because there may be a million. */
  accepted = 0;
  taken = 0;
  /** How many turns have committed. */
  done = 0;
  /** The host that one of its actors looked into last: mostly it is the next, too. */
  private lastReached: MemoryHost | undefined = undefined;

  constructor(actor: Actor, services: RuntimeServices, quota: ActorQuota) {
    super(actor, services, quota);
    const operations = Object.values(actor.operations);
    this.handled = operations.map((operation) => operation.mode === "event" ? undefined : operation);
    this.plainRoutes = operations.map((operation) => new Route(operation));
    this.name = actor.name;
    this.capacity = actor.mailbox.capacity;
    this.turnCapacity = actor.mailbox.capacity * turnRoom;
  }

  /** How many messages wait in their mailboxes. */
  get waiting(): number {
    return this.accepted - this.taken;
  }

  /** An actor in memory to which one of its own sends. */
  reach(protocol: string, key: string): ActorId | undefined {
    let host = this.lastReached;
    if (host === undefined || host.name !== protocol) {
      host = this.lastReached = this.services.delivery.hosts.get(protocol);
    }
    return host === undefined ? undefined : host.find(key);
  }

  protected make(key: string): Activation {
    return new Activation(this, key);
  }
}
