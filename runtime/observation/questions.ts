import type { OptionNames } from "../base/option_names.ts";
import { type ActorId, faultOfName } from "../language/address.ts";
import { namePattern } from "../language/protocol.ts";
import type {
  ActorsFilter,
  DeadLetterFilter,
  DeadLetterGroup,
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
} from "../ports/observation.ts";
import { pageNames, rangeOf, refuse, requireTexts } from "./arguments.ts";
import { type Direction, type Listing, pageOf, type Range } from "./listing.ts";
import type { ObservationSource } from "./source.ts";

const actorsNames: OptionNames<ActorsFilter> = { ...pageNames, protocol: true, prefix: true, waiting: true };
const failingNames: OptionNames<FailingFilter> = { ...pageNames, protocol: true };
const repliesNames: OptionNames<RepliesFilter> = { ...pageNames, status: true };
const deadLettersNames: OptionNames<DeadLetterFilter & PageOptions> = {
  ...pageNames,
  protocol: true,
  reason: true,
  operation: true,
};
const nobody = (): Page<never> => ({ items: [] });
const statuses: readonly unknown[] = ["pending", "done", "failed"];

/** Answers questions from some sources together. Of what two of them know, the first one is believed. */
export class Questions implements Observation {
  readonly #sources: readonly ObservationSource[];

  constructor(sources: readonly ObservationSource[]) {
    this.#sources = sources;
  }

  async instances(options?: PageOptions): Promise<Page<ObservedInstance>> {
    return await this.#list(rangeOf("instances", options), (source, range) => source.instances(range));
  }

  async protocols(options?: PageOptions): Promise<Page<ObservedProtocol>> {
    return await this.#list(rangeOf("protocols", options), (source, range) => source.protocols(range));
  }

  async actors(filter: ActorsFilter): Promise<Page<ObservedActor>> {
    const range = rangeOf("actors", filter, actorsNames);
    requireTexts("actors", filter, ["protocol", "prefix"]);
    const { protocol, prefix = "" } = filter;
    if (!isProtocol(protocol) || (prefix !== "" && faultOfName(prefix) !== undefined)) return nobody();
    return await this.#list(range, (source, range) => source.actors(filter, range));
  }

  async actor(actor: ActorId): Promise<ObservedActorDetails | undefined> {
    requireTexts("an actor", actor, ["protocol", "key"]);
    const { protocol, key } = actor;
    if (!isProtocol(protocol) || faultOfName(key) !== undefined) return undefined;
    for (const source of this.#sources) {
      const found = await source.actor({ protocol, key });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async failing(filter: FailingFilter = {}): Promise<Page<ObservedActor>> {
    const range = rangeOf("failing actors", filter, failingNames);
    requireTexts("failing actors", filter, ["protocol"]);
    if (filter.protocol !== undefined && !isProtocol(filter.protocol)) return nobody();
    return await this.#list(range, (source, range) => source.failing(filter, range));
  }

  async schedules(options?: PageOptions): Promise<Page<ObservedSchedule>> {
    return await this.#list(rangeOf("schedules", options), (source, range) => source.schedules(range));
  }

  async topics(options?: PageOptions): Promise<Page<ObservedTopic>> {
    return await this.#list(rangeOf("topics", options), (source, range) => source.topics(range));
  }

  async deadLetters(filter: DeadLetterFilter & PageOptions = {}): Promise<Page<ObservedDeadLetter>> {
    const range = rangeOf("dead letters", filter, deadLettersNames);
    requireTexts("dead letters", filter, ["protocol", "reason", "operation"]);
    return await this.#list(range, (source, range) => source.deadLetters(filter, range), "down");
  }

  async deadLetterGroups(): Promise<DeadLetterGroups> {
    const all = await Promise.all(this.#sources.map((source) => source.deadLetterGroups()));
    const sums = new Map<string, DeadLetterGroup>();
    for (const { protocol, reason, count } of all.flatMap(({ groups }) => groups)) {
      const name = `${protocol}\n${reason}`;
      sums.set(name, { protocol, reason, count: count + (sums.get(name)?.count ?? 0) });
    }
    const groups = [...sums.values()].sort((a, b) =>
      b.count - a.count || nameOf(a).localeCompare(nameOf(b), "en")
    );
    return { groups, more: all.some(({ more }) => more) };
  }

  async replies(filter: RepliesFilter = {}): Promise<Page<ObservedReply>> {
    const range = rangeOf("replies", filter, repliesNames);
    const { status } = filter;
    if (status !== undefined && !statuses.includes(status)) {
      refuse("replies", `status must be one of ${statuses.join(", ")}`);
    }
    return await this.#list(range, (source, range) => source.replies(filter, range));
  }

  async unhosted(options?: PageOptions): Promise<Page<ObservedProtocol>> {
    return await this.#list(rangeOf("unhosted messages", options), (source, range) => source.unhosted(range));
  }

  async outbox(options?: PageOptions): Promise<ObservedOutbox | undefined> {
    const range = rangeOf("the outbox", options);
    const lanes = await this.#list(range, (source, range) => source.lanes(range));
    const transport = this.#sources.find((source) => source.transport !== undefined)?.transport;
    if (transport !== undefined) return { transport, lanes };
    return lanes.items.length > 0 || range.after !== undefined ? { lanes } : undefined;
  }

  async tenures(options?: PageOptions): Promise<Page<ObservedTenure>> {
    return await this.#list(rangeOf("tenures", options), (source, range) => source.tenures(range));
  }

  async #list<Item>(
    range: Range,
    ask: (source: ObservationSource, range: Range) => Promise<Listing<Item>>,
    direction?: Direction,
  ): Promise<Page<Item>> {
    const listings = await Promise.all(this.#sources.map((source) => ask(source, range)));
    return pageOf(listings, range.limit, direction);
  }
}

/** Whether users can have a protocol of that name. Those of built-in actors are not shown. */
function isProtocol(name: string): boolean {
  return typeof name === "string" && namePattern.test(name);
}

function nameOf({ protocol, reason }: DeadLetterGroup): string {
  return `${protocol} ${reason}`;
}
