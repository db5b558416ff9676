import type { Activation } from "../../runtime/activations/activation.ts";
import type { MemoryHost } from "../../runtime/activations/memory_host.ts";
import type { ActorId } from "../../runtime/language/address.ts";
import { countMost } from "../../runtime/observation/arguments.ts";
import { type Listing, nothing, type Range } from "../../runtime/observation/listing.ts";
import { actorPlace, schedulePlace, timePlace } from "../../runtime/observation/places.ts";
import { Selection } from "../../runtime/observation/selection.ts";
import type { ObservationSource } from "../../runtime/observation/source.ts";
import type { DeadLetterEntry } from "../../runtime/ports/dead_letters.ts";
import type { TransportHealth } from "../../runtime/ports/health.ts";
import type {
  ActorsFilter,
  DeadLetterFilter,
  DeadLetterGroup,
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
} from "../../runtime/ports/observation.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { countUpTo, detailsOf, isFailing, listedActor, scheduleOf, waitingOf } from "./memory_actor.ts";
import { memoryReplies } from "./memory_replies.ts";
import { memoryTopics } from "./memory_topics.ts";

/** How many actors are looked at before others have their turn. */
const lookedAtOnce = 1_000;

/**
 * Answers questions about what is in the memory of this process alone: all of a system without a store, and the transient
 * actors of one with a store.
 */
export class MemorySource implements ObservationSource {
  readonly #runtime: Runtime;
  readonly #stored: boolean;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#stored = runtime.persistence !== undefined;
  }

  get transport(): TransportHealth | undefined {
    return this.#runtime.remote?.health;
  }

  async instances(range: Range): Promise<Listing<ObservedInstance>> {
    if (this.#stored) return nothing;
    const selection = new Selection<string>(range);
    selection.add(this.#runtime.ids.name, this.#runtime.ids.name);
    const hosts = this.#hosts.map(({ name }) => name);
    return await selection.listing((instance) => ({
      instance,
      hosts,
      atMs: this.#runtime.clock.now(),
      own: true,
    }));
  }

  async protocols(range: Range): Promise<Listing<ObservedProtocol>> {
    const selection = new Selection<MemoryHost>(range);
    for (const host of this.#hosts) selection.add(host.name, host);
    return await selection.listing((host) => this.#protocolOf(host, range.countMax));
  }

  async actors(
    { protocol, prefix = "", waiting = false }: ActorsFilter,
    range: Range,
  ): Promise<Listing<ObservedActor>> {
    const selection = new Selection<Activation>(range);
    for await (const actor of this.#actorsOf(this.#runtime.delivery.hosts.get(protocol))) {
      const fits = actor.key.startsWith(prefix) && (!waiting || waitingOf(actor) > 0);
      if (fits) selection.add(actor.key, actor);
    }
    return await selection.listing((actor) => listedActor(this.#runtime, actor, range.countMax));
  }

  actor({ protocol, key }: ActorId): Promise<ObservedActorDetails | undefined> {
    const found = this.#runtime.delivery.find(protocol, key);
    return Promise.resolve(found && detailsOf(this.#runtime, found, countMost));
  }

  async failing({ protocol }: FailingFilter, range: Range): Promise<Listing<ObservedActor>> {
    const selection = new Selection<Activation>(range);
    for (const host of this.#hosts) {
      if (protocol !== undefined && protocol !== host.name) continue;
      for await (const actor of this.#failingOf(host)) selection.add(actorPlace(host.name, actor.key), actor);
    }
    return await selection.listing((actor) => listedActor(this.#runtime, actor, range.countMax));
  }

  async schedules(range: Range): Promise<Listing<ObservedSchedule>> {
    const selection = new Selection<() => ObservedSchedule>(range);
    for (const host of this.#hosts) {
      for await (const actor of this.#actorsOf(host)) {
        for (const schedule of actor.scheduled) {
          const at = schedulePlace(schedule.dueMs, host.name, actor.key, schedule.name);
          selection.add(at, () => scheduleOf(actor, schedule));
        }
      }
    }
    for (const { to, route, number } of this.#runtime.delivery.delayed.waiting()) {
      const { protocol, key } = to;
      const { dueMs } = route.extras!.delay!;
      const address = { protocol, key, operation: route.operation.name };
      const at = schedulePlace(
        dueMs,
        "~delayed",
        `${protocol}/${key}`,
        number.toString(36).padStart(11, "0"),
      );
      selection.add(at, () => ({ actor: { protocol, key }, dueMs, to: address }));
    }
    return await selection.listing((make) => make());
  }

  async topics(range: Range): Promise<Listing<ObservedTopic>> {
    return this.#stored ? nothing : await memoryTopics(this.#runtime, range);
  }

  async deadLetters(filter: DeadLetterFilter, range: Range): Promise<Listing<ObservedDeadLetter>> {
    const selection = new Selection<DeadLetterEntry>(range, "down");
    const { protocol, reason, operation } = filter;
    for (const entry of this.#letters()) {
      const { letter, number } = entry;
      const fits = (protocol === undefined || letter.protocol === protocol) &&
        (reason === undefined || letter.reason === reason) &&
        (operation === undefined || letter.operation === operation);
      if (fits) selection.add(timePlace(letter.atMs, number), entry);
    }
    return await selection.listing(({ letter, correlationId }) => {
      const isFirst = correlationId === undefined || correlationId === letter.id;
      return isFirst ? letter : { ...letter, correlationId };
    });
  }

  deadLetterGroups(): Promise<DeadLetterGroups> {
    const groups = new Map<string, DeadLetterGroup>();
    for (const { letter: { protocol, reason } } of this.#letters()) {
      const name = `${protocol}\n${reason}`;
      groups.set(name, { protocol, reason, count: (groups.get(name)?.count ?? 0) + 1 });
    }
    return Promise.resolve({ groups: [...groups.values()], more: false });
  }

  async replies(filter: RepliesFilter, range: Range): Promise<Listing<ObservedReply>> {
    return this.#stored ? nothing : await memoryReplies(this.#runtime, filter, range);
  }

  unhosted(): Promise<Listing<ObservedProtocol>> {
    return Promise.resolve(nothing);
  }

  async lanes(range: Range): Promise<Listing<ObservedLane>> {
    const { remote } = this.#runtime;
    if (this.#stored || remote === undefined) return nothing;
    const selection = new Selection<ObservedLane>(range);
    for (const [lane, waiting] of remote.countsInMemory) {
      if (waiting > 0) selection.add(lane, { lane, waiting: countUpTo(waiting, range.countMax) });
    }
    return await selection.listing((lane) => lane);
  }

  tenures(): Promise<Listing<ObservedTenure>> {
    return Promise.resolve(nothing);
  }

  /** The hosts of the actors of users. */
  get #hosts(): readonly MemoryHost[] {
    return [...this.#runtime.delivery.hosts.values()].filter(({ name }) => !name.startsWith("~"));
  }

  /** The dead letters that are in no store. */
  *#letters(): Generator<DeadLetterEntry> {
    for (const entry of this.#runtime.delivery.deadLetters.entries()) {
      if (entry.onLetGo === undefined) yield entry;
    }
  }

  async #protocolOf(host: MemoryHost, countMax: number): Promise<ObservedProtocol> {
    let failing = 0;
    for await (const _ of this.#failingOf(host)) if (++failing > countMax) break;
    return {
      protocol: host.name,
      hosted: true,
      paused: host.paused,
      actors: countUpTo(host.size, countMax),
      waiting: countUpTo(host.waiting, countMax),
      failing: countUpTo(failing, countMax),
    };
  }

  /** The actors of a host whose first message has failed. Those that have no message any more are forgotten. */
  async *#failingOf({ failing }: MemoryHost): AsyncGenerator<Activation, void> {
    let looked = 0;
    for (const [key, actor] of [...failing]) {
      if (++looked % lookedAtOnce === 0) await this.#runtime.scheduler.turn();
      if (isFailing(actor)) yield actor;
      else if (waitingOf(actor) === 0 && failing.get(key) === actor) failing.delete(key);
    }
  }

  /** The actors of a host. There may be a million, so others have their turn in between. */
  async *#actorsOf(host: MemoryHost | undefined): AsyncGenerator<Activation, void> {
    let looked = 0;
    for (const actor of host?.activations() ?? []) {
      if (++looked % lookedAtOnce === 0) await this.#runtime.scheduler.turn();
      yield actor;
    }
  }
}
