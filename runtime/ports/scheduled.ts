import type { ActorId, Address } from "../language/address.ts";
import type { When } from "../language/when.ts";

/** A schedule of an actor. */
export interface Scheduled {
  /** The actor that it belongs to. */
  readonly actor: ActorId;
  /** Its name, which no other schedule of that actor has. */
  readonly name: string;
  /** When it is due. Of one that is due once it is `at`, also if a delay was given. */
  readonly when: When;
  /** Where its message goes. */
  readonly to: Address;
  /** When it is due next, in milliseconds since 1970. */
  readonly dueMs: number;
}

/** Whose schedules are listed: those of the actors of a protocol, or of one actor. A handle is one. */
export interface ScheduleFilter {
  /** The name of the protocol. */
  readonly protocol: string;
  /** The key of the actor; without it those of all actors of the protocol are listed. */
  readonly key?: string;
}
