import type { ActorId } from "../../language/address.ts";
import type { Envelope } from "../../messages/envelope.ts";
import type { MessageEvent } from "../../ports/inspection.ts";
import type { RuntimeServices } from "../../activations/runtime_services.ts";
import type { TurnActor } from "../../turns/turn_services.ts";
import type { DurableActorHost, DurableServices } from "./durable_services.ts";
import type { DurableMailbox } from "./durable_mailbox.ts";
import type { Fate } from "../background/membership.ts";
import type { ActorRecord } from "../rows/actor_record.ts";
import type { Suspicion } from "./suspicion.ts";

/** One durable actor in this process, as those see it who load it and bring messages through its turns. */
export interface DurableActor extends TurnActor, ActorId {
  readonly host: Pick<
    DurableActorHost<unknown>,
    | "actor"
    | "handlers"
    | "awaited"
    | "direct"
    | "done"
    | "deadLettered"
    | "observed"
    | "operation"
    | "release"
  >;
  readonly services: RuntimeServices;
  readonly durable: DurableServices;
  readonly mailbox: DurableMailbox;
  /** `gone` when it is no longer in this process. */
  readonly status: string;
  /** The actor as it was committed last, and its state. */
  record: ActorRecord;
  state: unknown;
  /** Whether its state was made from the record. */
  made: boolean;
  /** Why it could not be made: the failure of each message until it can. */
  fault: { readonly error: unknown } | undefined;
  /** The read epoch after its record was read. */
  loadedEpoch: number;
  /** What of its mail may have ended a process; absent where nothing may. */
  suspicion: Suspicion | undefined;
  /** What became of the instance that tried the message at the head; absent where none did, or this one. */
  tried: Fate | undefined;
  /** Whether such an instance was to look after it, and may have run it, whoever wrote to it. */
  inherited: boolean;
  /** Whether a turn of it has begun since it is here, or was restarted. */
  active: boolean;
  /** Kept between turns, for the runtime's own actors; gone when it is loaded again. */
  cache: unknown;
  /** Whether the message at the head is tried that may have ended a process, and that is counted. */
  readonly onTrial: boolean;
  /** About how many of its messages have stepped aside. */
  readonly aside: number;
  /** Waits for a while. */
  hold(afterMs: number, goOn: () => void): void;
  /** Reads it from the store, and what waits for it. */
  load(): Promise<void>;
  /** Tells whoever listens what became of a message, or of the actor. */
  inspect(event: MessageEvent, envelope: Envelope): void;
  emit(type: "activated" | "passivated" | "restarted" | "stopped" | "erased"): void;
}
