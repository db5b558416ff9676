import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { NamedProtocol, Operation } from "../language/protocol.ts";

/** An operation that an inbox takes. */
export interface InboxOperation {
  /** The name of the operation. */
  readonly name: string;
  /** The mode of the operation. */
  readonly mode: "tell" | "ask" | "submit";
}

/** What a service, or one of its processes, reads from the broker. */
export type Channel =
  /** The messages for the actors of a protocol, and the replies to them. One service reads it. */
  | {
    readonly kind: "inbox";
    /** The name of the protocol. */
    readonly protocol: string;
    /** The operations that are exposed; empty if only replies come. */
    readonly operations: readonly InboxOperation[];
  }
  /** All that is published of an event or a survey. Each service that reads it gets each message. */
  | {
    readonly kind: "event";
    /** The name of the protocol. */
    readonly protocol: string;
    /** The name of the event or survey. */
    readonly event: string;
    /** Whether its messages ask for replies. */
    readonly mode: "event" | "survey";
  }
  /** The replies to the submits of this service, for which no actor waits. They survive its processes. */
  | { readonly kind: "replies" }
  /** The replies to the asks and surveys of this process. They are lost with it. */
  | { readonly kind: "process" };

/** Where a parcel goes. */
export type Destination =
  /** To an actor of the service that has the inbox of the protocol. */
  | {
    readonly kind: "inbox";
    /** The name of the protocol. */
    readonly protocol: string;
    /** The key of the actor, which also keeps its messages in order. */
    readonly key: string;
    /** The operation; absent for a reply, whose correlation id says to what. */
    readonly operation?: InboxOperation | undefined;
  }
  /** To all services that read the event. */
  | {
    readonly kind: "event";
    /** The name of the protocol. */
    readonly protocol: string;
    /** The name of the event or survey. */
    readonly event: string;
    /** Whether it asks for replies. */
    readonly mode: "event" | "survey";
    /** The subject; empty if it has none. */
    readonly subject: string;
    /** The only service that gets it, if the transport names its {@linkcode Transport.recipients}. */
    readonly service?: string | undefined;
    /** What keeps the messages of one publisher in order. */
    readonly key: string;
  }
  /** To the return address of a delivery, as the adapter gave it. */
  | { readonly kind: "reply"; readonly address: string };

/** Where the reply to a parcel should go: a channel that this service reads. */
export type ReturnChannel =
  | { readonly kind: "replies" }
  | { readonly kind: "process" }
  /** The inbox of the actor that asked, so that the reply keeps its order with what else is sent to it. */
  | { readonly kind: "inbox"; readonly protocol: string; readonly key: string };

/** A message to be sent. It is plain data: a copy of its properties says the same. */
export interface Parcel {
  /** Where it goes. */
  readonly to: Destination;
  /** The id of the message, 1 to 255 visible ASCII characters: the same for each attempt to send it. */
  readonly id: string;
  /** The payload as it is on the wire; empty if there is none. */
  readonly body: Uint8Array;
  /** The media type of the body; absent if there is no payload. */
  readonly contentType?: string | undefined;
  /** The headers: lower-case names of `[a-z0-9-]`, and values of visible ASCII characters and spaces. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where its reply should go. */
  readonly replyTo?: ReturnChannel | undefined;
  /** What the reply must carry, or, for a reply, what the request carried. */
  readonly correlationId?: string | undefined;
  /** When the broker may drop it, in milliseconds since 1970; set only if nobody waits for it afterwards. */
  readonly expiresAtMs?: number | undefined;
}

/** Why a broker will not take a parcel. */
export interface Refusal {
  /**
   * `too-large`: no parcel of that size can be sent. `no-receiver`: nobody has declared the destination yet, so that the
   * same parcel may be taken later. `refused`: the broker does not take it, for example because this program may not
   * write there.
   */
  readonly code: "too-large" | "no-receiver" | "refused";
  /** What was refused, the current value and the limit; no secret. */
  readonly message: string;
}

/** A message that was received. */
export interface Delivery {
  /** The id that its sender gave it, if any. */
  readonly id?: string | undefined;
  /** The key of the actor; for an event its subject; empty for a reply. */
  readonly key: string;
  /** The name of the operation; absent for a reply, and if the sender named none. */
  readonly operation?: string | undefined;
  /** The body as it came. */
  readonly body: Uint8Array;
  /** The media type of the body, if the sender named one. */
  readonly contentType?: string | undefined;
  /** The headers, with lower-case names. Of values that are no text the adapter makes text. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where its reply should go, in the words of the adapter: `{ kind: "reply", address }` sends there. */
  readonly replyTo?: string | undefined;
  /** What its reply must carry; of a reply, what its request carried. */
  readonly correlationId?: string | undefined;
  /** When its sender stops waiting, in milliseconds since 1970. */
  readonly expiresAtMs?: number | undefined;
  /** Its position in the log; absent in a queue. Positions of a shard increase. */
  readonly position?: number | undefined;
  /** Whether it may have been handed over before. In a log the position tells that, and this is `false`. */
  readonly again: boolean;
}

/** The time in which a connection reads one shard of a channel without a break. */
export interface Tenure {
  /** The name of the shard: unique within the channel, the same in all processes, at most 200 characters. */
  readonly shard: string;
  /**
   * The identity of the log: a topic that was deleted and made anew has another one. Absent in a queue. A transport that
   * reads a log has tenures without it for what no log keeps, asks and replies to a process: it never comes again, and
   * each process of a service has a tenure of such a shard.
   */
  readonly epoch?: string | undefined;
  /** Whether nothing that comes in it ever comes again, so that an ask is not marked as known. */
  readonly once?: boolean | undefined;
  /** Is aborted when the tenure has ended: somebody else may be reading the shard. */
  readonly signal: AbortSignal;
}

/** A delivery that will not be handled. The adapter puts it where its broker keeps dead letters. */
export interface Rejection {
  /** Its index in the batch. */
  readonly index: number;
  /** The code of the reason. */
  readonly reason: string;
}

/** Takes what comes to a channel. */
export interface Receiver {
  /**
   * A tenure begins, at the latest before its first batch. Resolves with the position behind which a log is read (the
   * first batches may contain some of what is before it: their positions tell). `undefined` if none is known: then behind
   * what this service has acknowledged, as far as the broker knows, else from the start, or, for an event, from when the
   * service first declared that it reads it.
   */
  begin(tenure: Tenure): Promise<number | undefined>;
  /**
   * Takes a batch of at least one delivery of a shard, in order. The next batch of the shard is handed over after the
   * promise has settled. If it resolves, the batch is acknowledged, and the rejected deliveries are put aside. If it
   * rejects, nothing is acknowledged and the tenure ends: all of it comes again, in order, in another tenure.
   */
  take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]>;
}

/** Whether a connection can be used. */
export interface TransportState {
  /**
   * `connected`; `connecting` while it is away and tries again; `blocked` while the broker takes nothing; `refused` if the
   * broker does not let this program in, which it tries again at longer intervals.
   */
  readonly status: "connected" | "connecting" | "blocked" | "refused";
  /** Why it is not connected; no secret. */
  readonly reason?: string | undefined;
}

/** The properties of a transport, as data. */
export interface TransportTraits {
  /** The name of the transport. */
  readonly name: string;
  /** `queue`: what is acknowledged is gone. `log`: it stays, and is read by position. */
  readonly reads: "queue" | "log";
  /**
   * Where a message waits for a service of which no process runs. `broker`: `send` has taken it. `sender`: `send` takes
   * only what the service has accepted, and rejects, or refuses with `no-receiver`, until then. What the service rejects
   * is then refused with `refused`.
   */
  readonly holds: "broker" | "sender";
  /**
   * `shard`: the deliveries of one tenure are in order, and so are those that come again in the next. `none`: there is no
   * order.
   */
  readonly order: "shard" | "none";
  /** Whether a message without an id has a name of its own in the broker, so that its repeats are recognised. */
  readonly namesStrangers: boolean;
  /** The maximum size of a body, in bytes. */
  readonly messageBytes: number;
  /** The number of parcels of one `send` up to which throughput increases. */
  readonly parcelsAtOnce: number;
  /** How long it takes at most until another process reads the shards of one that crashed, in milliseconds. */
  readonly failoverMs: number;
}

/** What a system tells a connection. */
export interface TransportServices {
  /** The clock of the system. */
  readonly clock: Clock;
  /** The randomness of the system. */
  readonly random: Random;
  /** The name of the service. */
  readonly service: string;
  /** The name of this process, unique among all processes of all services. */
  readonly instance: string;
  /**
   * The name of the store, which all processes of one service share; absent without a store. If the broker knows that a
   * process of this service has another store, `open` rejects with a {@linkcode PosthornError} (`another-store`).
   */
  readonly store: string | undefined;
  /** Calls back about failures that no call can report, for the log. */
  report(error: unknown): void;
}

/**
 * The part of the runtime that speaks to other services, as a transport carries it. Only the entries of transports import
 * it, so a program without a transport does not have it in its module graph. It has no members for a program: an adapter
 * takes its value, `transportEngine`, from `@posthorn/posthorn/transport`.
 */
export interface TransportEngine {
  /** Begins to speak to other services. For the runtime alone. */
  readonly "~begin": (parts: never) => object;
}

/**
 * The transport port: it carries messages between services, over a broker. The stores of both services stay the truth:
 * the sender keeps a message until the broker has it, and the receiver acknowledges it after it has committed it. So
 * an adapter contains no part of the protocol.
 *
 * A transport is a description; each system opens its own connection, and closes it when the system stops.
 * `transportConformance` of `@posthorn/posthorn/testing/conformance` checks whether an adapter satisfies this contract.
 */
export interface Transport {
  /** The properties of the transport. */
  readonly traits: TransportTraits;
  /**
   * The part of the runtime that speaks to other services, always `transportEngine` of `@posthorn/posthorn/transport`. A
   * transport that wraps another one hands on that of the other.
   */
  readonly engine: TransportEngine;
  /** What other services may send to, ask and hear. Nothing else exists for them. */
  readonly expose: readonly (NamedProtocol<string> | Operation)[];
  /**
   * The services that get events, if there is no broker that divides an event among them. Then each gets it as a message
   * of its own, in a lane of its own: one that is away keeps nothing from the others.
   */
  readonly recipients?: readonly string[] | undefined;
  /**
   * Opens a connection. It resolves although the broker is away: `state` tells. Rejects only for what will never work: bad
   * options, or another store.
   */
  open(services: TransportServices): Promise<TransportConnection>;
}

/** An open connection to a broker. */
export interface TransportConnection {
  /**
   * Sends parcels to one destination channel (they may differ in key, operation and subject), in order. Resolves with
   * `undefined` for each parcel that the broker has, and with a refusal for each that it will not have. Rejects if
   * nobody knows about some of them; then a prefix of the batch may be there, or may come there later, and nothing behind
   * it will. It settles within 30 seconds. Errors are {@linkcode PosthornError}s; after `close` their code is
   * `transport-closed`.
   */
  send(batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]>;
  /**
   * Sends a parcel that may be lost, an ask or the reply to one, without an order among others and without waiting. Returns
   * `false` if it did not: then `send` sends it, or says why it cannot. `failed` is called at most once, and later: with the
   * refusal of the broker, or with `undefined` if nobody knows whether the broker has it. Absent if `send` is as fast.
   */
  sendNow?(parcel: Parcel, failed: (refusal: Refusal | undefined) => void): boolean;
  /**
   * Reads a channel until it is disposed or the connection is drained. Declares in the broker what it reads, so that
   * messages wait for this service from then on; `ready` resolves when that is done for the first time. It rejects if it
   * will never be, for example because another service has the inbox. Throws after `drain` and `close`.
   */
  receive(channel: Channel, receiver: Receiver): Disposable & { readonly ready: Promise<void> };
  /**
   * Hands nothing over any more. Resolves when the batches under way have settled and are acknowledged; all else goes back
   * to the broker in order, at once. `send` still works.
   */
  drain(): Promise<void>;
  /** Whether the connection can be used. */
  readonly state: TransportState;
  /** Calls `onChange` when the state has changed. */
  watch(onChange: (state: TransportState) => void): Disposable;
  /** Closes the connection. No timer and no socket is left. Parcels that are being sent are rejected. */
  close(): Promise<void>;
}
