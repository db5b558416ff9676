import type { ActorId } from "../language/address.ts";
import type { TransportHealth } from "../ports/health.ts";
import type {
  ActorsFilter,
  DeadLetterFilter,
  DeadLetterGroups,
  FailingFilter,
  ObservedActor,
  ObservedActorDetails,
  ObservedDeadLetter,
  ObservedInstance,
  ObservedLane,
  ObservedProtocol,
  ObservedReply,
  ObservedSchedule,
  ObservedTenure,
  ObservedTopic,
  RepliesFilter,
} from "../ports/observation.ts";
import type { Listing, Range } from "./listing.ts";

/** What answers questions for a part of a system: the memory of a process, or a store. Arguments were checked. */
export interface ObservationSource {
  instances(range: Range): Promise<Listing<ObservedInstance>>;
  protocols(range: Range): Promise<Listing<ObservedProtocol>>;
  actors(filter: ActorsFilter, range: Range): Promise<Listing<ObservedActor>>;
  actor(actor: ActorId): Promise<ObservedActorDetails | undefined>;
  failing(filter: FailingFilter, range: Range): Promise<Listing<ObservedActor>>;
  schedules(range: Range): Promise<Listing<ObservedSchedule>>;
  topics(range: Range): Promise<Listing<ObservedTopic>>;
  /** The latest come first. */
  deadLetters(filter: DeadLetterFilter, range: Range): Promise<Listing<ObservedDeadLetter>>;
  deadLetterGroups(): Promise<DeadLetterGroups>;
  replies(filter: RepliesFilter, range: Range): Promise<Listing<ObservedReply>>;
  unhosted(range: Range): Promise<Listing<ObservedProtocol>>;
  lanes(range: Range): Promise<Listing<ObservedLane>>;
  tenures(range: Range): Promise<Listing<ObservedTenure>>;
  /** The state of the broker, if the source knows one. */
  readonly transport: TransportHealth | undefined;
}
