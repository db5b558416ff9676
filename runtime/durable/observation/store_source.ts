import type { Clock } from "../../base/clock.ts";
import type { ActorId } from "../../language/address.ts";
import type { Range } from "../../observation/listing.ts";
import type { ObservationSource } from "../../observation/source.ts";
import type {
  ActorsFilter,
  DeadLetterFilter,
  FailingFilter,
  RepliesFilter,
} from "../../ports/observation.ts";
import type { StoreConnection } from "../../ports/store.ts";
import { failingActors, observedActors } from "./observed_actors.ts";
import { observedDetails } from "./observed_details.ts";
import { observedInstances } from "./observed_instances.ts";
import { observedLanes } from "./observed_lanes.ts";
import { letterGroups, observedLetters } from "./observed_letters.ts";
import { observedProtocols, unhostedProtocols } from "./observed_protocols.ts";
import { observedReplies } from "./observed_replies.ts";
import { observedSchedules } from "./observed_schedules.ts";
import { observedTenures } from "./observed_tenures.ts";
import { observedTopics } from "./observed_topics.ts";
import { type ReadBounds, RowReader } from "./row_reader.ts";

/** What is known of a store besides its rows. */
export interface StoreKnowledge {
  readonly connection: StoreConnection;
  readonly clock: Clock;
  /** The name of the instance that asks; absent if none does. */
  readonly instance?: string | undefined;
  /** How much one question may read, if it is less than usual. */
  readonly bounds?: ReadBounds;
}

/** Answers questions from the rows of a store. It only reads. */
export class StoreSource implements ObservationSource {
  readonly transport = undefined;
  readonly #known: StoreKnowledge;

  constructor(known: StoreKnowledge) {
    this.#known = known;
  }

  instances(range: Range): ReturnType<ObservationSource["instances"]> {
    return observedInstances(this.#reader, range, this.#known.instance);
  }

  protocols(range: Range): ReturnType<ObservationSource["protocols"]> {
    return observedProtocols(this.#reader, range);
  }

  actors(filter: ActorsFilter, range: Range): ReturnType<ObservationSource["actors"]> {
    return observedActors(this.#reader, filter, range);
  }

  actor(actor: ActorId): ReturnType<ObservationSource["actor"]> {
    return observedDetails(this.#reader, actor);
  }

  failing(filter: FailingFilter, range: Range): ReturnType<ObservationSource["failing"]> {
    return failingActors(this.#reader, filter, range);
  }

  schedules(range: Range): ReturnType<ObservationSource["schedules"]> {
    return observedSchedules(this.#reader, range);
  }

  topics(range: Range): ReturnType<ObservationSource["topics"]> {
    return observedTopics(this.#reader, range);
  }

  deadLetters(filter: DeadLetterFilter, range: Range): ReturnType<ObservationSource["deadLetters"]> {
    return observedLetters(this.#reader, filter, range);
  }

  deadLetterGroups(): ReturnType<ObservationSource["deadLetterGroups"]> {
    return letterGroups(this.#reader);
  }

  replies(filter: RepliesFilter, range: Range): ReturnType<ObservationSource["replies"]> {
    return observedReplies(this.#reader, filter, range, this.#known.clock.now());
  }

  unhosted(range: Range): ReturnType<ObservationSource["unhosted"]> {
    return unhostedProtocols(this.#reader, range);
  }

  lanes(range: Range): ReturnType<ObservationSource["lanes"]> {
    return observedLanes(this.#reader, range);
  }

  tenures(range: Range): ReturnType<ObservationSource["tenures"]> {
    return observedTenures(this.#reader, range);
  }

  get #reader(): RowReader {
    return new RowReader(this.#known.connection, this.#known.bounds);
  }
}
