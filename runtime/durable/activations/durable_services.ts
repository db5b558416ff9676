import type { Actor, Handler } from "../../language/actor.ts";
import type { ActorId } from "../../language/address.ts";
import type { DeadLetter } from "../../ports/dead_letters.ts";
import type { Operation } from "../../language/protocol.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import type { MessageWriter } from "../delivery/message_writer.ts";
import type { CommittedDelivery } from "../commits/write_set.ts";
import type { Fate } from "../background/membership.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { CrashSuspects } from "./crash_suspects.ts";
import type { TurnWrites } from "./turn_writes.ts";

/** How long an actor is left to those who know more than this program, without being taken back. */
export const leftMs = 30_000;

/** What durable actors of one system share. */
export interface DurableServices {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  readonly turnWrites: TurnWrites;
  readonly crashSuspects: CrashSuspects;
  /** Whether an instance ended without a word, as far as is known. Rejects where the store cannot be asked. */
  mayHaveCrashed(instances: ReadonlySet<string>): Promise<ReadonlySet<string>>;
  /** What became of an instance. Rejects where the store cannot be asked. */
  fateOf(instance: string): Promise<Fate>;
  /** Whether another instance was seen to live. */
  lives(instance: string): boolean;
  /** Takes in what commits bring to this process. */
  readonly committedDelivery: CommittedDelivery;
  /** An event was committed to the log of a topic. */
  published(topic: string): void;
  /** A dead letter was committed. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
}

/** Where durable activations of one actor definition live. */
export interface DurableActorHost<Member> {
  readonly actor: Actor;
  readonly services: RuntimeServices;
  readonly durable: DurableServices;
  readonly handlers: readonly (Handler | undefined)[];
  /** Operations whose handler returned a promise the last time, by slot. */
  readonly awaited: boolean[];
  /** Whether all handlers of an operation have returned at once, by slot; absent where none has run. */
  readonly direct: boolean[];
  /** Whether somebody listens to what happens. */
  readonly observed: boolean;
  done: number;
  deadLettered: number;
  /** The operation of that name, where it has a handler. */
  operation(name: string): Operation | undefined;
  /** An activation leaves memory. */
  remove(activation: Member): void;
  watchIdle(activation: Member): void;
  leaveIdle(activation: Member): void;
  /** Another instance of this program is to have it: this one leaves it alone, for so long without taking it back. */
  release(actor: ActorId, forMs: number): void;
}
