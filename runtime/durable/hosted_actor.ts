import type { Actor } from "../language/actor.ts";
import { operationsOf } from "../language/protocol.ts";
import { Topic } from "../messages/builtin_protocols.ts";
import { LaterReply } from "../messages/later.ts";
import type { TurnSlots } from "../scheduling/turn_slots.ts";
import type { DurableHost } from "./activations/durable_host.ts";

/** The part of an actor's definition that is used before its host is loaded. */
export type HostedActor = Pick<Actor, "name" | "operations">;

/** The topics and laters of a store are durable actors. */
export const topic: HostedActor = { name: Topic.publish.protocol, operations: operationsOf(Topic) };

export const later: HostedActor = { name: LaterReply.answer.protocol, operations: operationsOf(LaterReply) };

/** The counts of one protocol. */
export interface HostCounts
  extends Pick<DurableHost, "accepted" | "size" | "waiting" | "done" | "cancelled"> {
  readonly actor: HostedActor;
  readonly slots?: TurnSlots | undefined;
}
