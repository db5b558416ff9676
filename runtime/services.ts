import type { Actor } from "./actor.ts";
import type { ActorId, Address } from "./address.ts";
import type { Envelope } from "./envelope.ts";
import type { InspectedMessage, Inspectors } from "./inspection.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Timers } from "./timers.ts";
import type { TurnHost } from "./turn.ts";

/** What an activation needs of its system. */
export interface Services extends TurnHost {
  readonly scheduler: Scheduler;
  readonly timers: Timers;
  readonly random: Random;
  readonly inspectors: Inspectors;
  /** How many turns a promise is awaited for. */
  running: number;
  /** There may be nothing left to run. */
  rest(): void;
  /** Delivers what a turn sent; what cannot be delivered becomes a dead letter. */
  deliver(envelope: Envelope): void;
  /** Sends to an address, in answer to `cause` where there is one. */
  deliverTo(address: Address, payload: unknown, cause?: Envelope): void;
  /** Makes a dead letter, and tells whoever waits for the answer. */
  bury(envelope: Envelope, reason: string, message: string, error?: unknown): void;
  /** A message as an inspection sees it. */
  inspected(envelope: Envelope): InspectedMessage;
  /** A failure that the system must answer for. */
  escalate(actor: ActorId, error: unknown): void;
  /** An actor was erased: its subscriptions go. */
  leaveTopics(actor: ActorId): void;
}

/** Where activations of one actor definition live. */
export interface Home<Member> {
  readonly actor: Actor;
  readonly services: Services;
  /** How many messages wait, counted here because there may be a million mailboxes. */
  waiting: number;
  /** How many turns have committed. */
  done: number;
  /** An activation has nothing left to keep. */
  remove(activation: Member): void;
  /** An activation became active: passivate it when it is idle for long enough. */
  watchIdle(activation: Member): void;
}
