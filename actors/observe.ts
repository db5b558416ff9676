import type {
  ActorsFilter,
  DeadLetterFilter,
  DeadLetterGroups,
  FailingFilter,
  Observation,
  ObservedActor,
  ObservedActorDetails,
  ObservedDeadLetter,
  ObservedInstance,
  ObservedOutbox,
  ObservedProtocol,
  ObservedReply,
  ObservedSchedule,
  ObservedTenure,
  ObservedTopic,
  Page,
  PageOptions,
  RepliesFilter,
} from "../runtime/ports/observation.ts";
import type { ActorId } from "../runtime/language/address.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** The questions to a system. What answers them is loaded with the first. */
export class SystemObservation implements Observation {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  instances(options?: PageOptions): Promise<Page<ObservedInstance>> {
    return this.#ask((questions) => questions.instances(options));
  }

  protocols(options?: PageOptions): Promise<Page<ObservedProtocol>> {
    return this.#ask((questions) => questions.protocols(options));
  }

  actors(filter: ActorsFilter): Promise<Page<ObservedActor>> {
    return this.#ask((questions) => questions.actors(filter));
  }

  actor(actor: ActorId): Promise<ObservedActorDetails | undefined> {
    return this.#ask((questions) => questions.actor(actor));
  }

  failing(filter?: FailingFilter): Promise<Page<ObservedActor>> {
    return this.#ask((questions) => questions.failing(filter));
  }

  schedules(options?: PageOptions): Promise<Page<ObservedSchedule>> {
    return this.#ask((questions) => questions.schedules(options));
  }

  topics(options?: PageOptions): Promise<Page<ObservedTopic>> {
    return this.#ask((questions) => questions.topics(options));
  }

  deadLetters(filter?: DeadLetterFilter & PageOptions): Promise<Page<ObservedDeadLetter>> {
    return this.#ask((questions) => questions.deadLetters(filter));
  }

  deadLetterGroups(): Promise<DeadLetterGroups> {
    return this.#ask((questions) => questions.deadLetterGroups());
  }

  replies(filter?: RepliesFilter): Promise<Page<ObservedReply>> {
    return this.#ask((questions) => questions.replies(filter));
  }

  unhosted(options?: PageOptions): Promise<Page<ObservedProtocol>> {
    return this.#ask((questions) => questions.unhosted(options));
  }

  outbox(options?: PageOptions): Promise<ObservedOutbox | undefined> {
    return this.#ask((questions) => questions.outbox(options));
  }

  tenures(options?: PageOptions): Promise<Page<ObservedTenure>> {
    return this.#ask((questions) => questions.tenures(options));
  }

  async #ask<Answer>(ask: (questions: Observation) => Promise<Answer>): Promise<Answer> {
    const { questionsTo } = await import("./observation/questions_to.ts");
    await this.#runtime.scheduler.turn(); // a loop that only asks must not starve the mailboxes
    return await ask(await questionsTo(this.#runtime));
  }
}
