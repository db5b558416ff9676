import type { ActorId, Address } from "../language/address.ts";
import { Failure } from "../language/failure.ts";
import { nameOperations, tell } from "../language/protocol.ts";
import { unchecked } from "../language/schema.ts";

/**
 * The protocol of what is in another service and is no operation of an actor: a return address, or an event that is
 * published there. What is sent to it leaves this service.
 */
export const Remote = nameOperations("~remote", {
  arrive: tell(unchecked<unknown>()),
  refuse: tell(Failure),
  /** The reply of a respondent whose asker counts: the names are those of `~collector`. */
  take: tell(unchecked<unknown>()),
  pass: tell(),
  asked: tell(unchecked<number>()),
  publish: tell(unchecked<unknown>()),
});

/**
 * Where the reply to a message of another service goes: to an address, as the adapter gave it, or into the inbox of the
 * actor that asked.
 */
export type ReplyAddress =
  & {
    /** What the reply must carry. */
    readonly correlationId?: string | undefined;
    /** When nobody waits for the reply any more, in milliseconds since 1970; absent if somebody always does. */
    readonly untilMs?: number | undefined;
  }
  & ({ readonly address: string } | ActorId);

/** An event or a survey on its way to other services. */
export interface EventAddress {
  readonly event: { readonly protocol: string; readonly name: string };
  readonly subject: string;
  /** The only service that gets it; absent if a broker divides it. */
  readonly service?: string | undefined;
  /** What keeps the messages of one publisher in order. */
  readonly key: string;
}

/** The address in this service that stands for a reply, or a failure, to another one. */
export function remoteAddress(replyTo: ReplyAddress, operation: "arrive" | "refuse" | "take"): Address {
  return { protocol: Remote.arrive.protocol, key: JSON.stringify(replyTo), operation };
}

/** The receiver in this service that stands for an event in other ones. */
export function eventReceiver(address: EventAddress): ActorId {
  return { protocol: Remote.publish.protocol, key: JSON.stringify(address) };
}

/** What a key of `~remote` stands for. Throws if it is no such key. */
export function readRemoteKey(key: string): ReplyAddress | EventAddress {
  return JSON.parse(key) as ReplyAddress | EventAddress;
}
