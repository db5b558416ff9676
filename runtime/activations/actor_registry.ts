import type { Actor, Handler } from "../language/actor.ts";
import { LimitExceededError } from "../base/errors.ts";
import { shownActor } from "../messages/shown_name.ts";
import type { Operation } from "../language/protocol.ts";
import { ScheduleCommand, scheduleOperation } from "../turns/schedule_command.ts";
import { IdleList, type Idler, type IdleTimers } from "../scheduling/idle.ts";
import { type Pausable, PausedQueue, type ReadyQueue } from "../scheduling/paused_queue.ts";
import type { RuntimeServices } from "./runtime_services.ts";
import { TurnSlots } from "../scheduling/turn_slots.ts";

/** An actor in the memory of this process. */
export interface RegisteredActor extends Idler, Pausable {
  readonly key: string;
  /** The registry that it is in. */
  readonly host: object;
  /** Whether nothing would be lost if it left memory now. */
  readonly mayLeave: boolean;
}

/** The number of actors that a search checks per millisecond. After a search without success, the next one waits that long. */
const searchedPerMs = 1_000;

/** How many actors a system may have in memory: one bound over the registries of all its protocols. */
export class ActorQuota {
  readonly #capacity: number;
  readonly #registries: ActorRegistry<RegisteredActor>[] = [];
  /** How many there are. */
  size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Lets the quota evict actors of a registry. */
  join(registry: ActorRegistry<RegisteredActor>): void {
    this.#registries.push(registry);
  }

  /** Makes room for one more actor. Throws a `LimitExceededError` if no actor can leave memory for it. */
  requireRoom(protocol: string, key: string): void {
    while (this.size >= this.#capacity) { // an observer of the eviction may activate another actor
      if (this.#registries.some((registry) => registry.evictOne())) continue;
      const why = `the system holds ${this.size} of ${this.#capacity} actors`;
      throw new LimitExceededError("too-many-actors", `Cannot activate ${shownActor(protocol, key)}: ${why}`);
    }
  }
}

/** The actors of one protocol that are in the memory of this process, by key. */
export abstract class ActorRegistry<Member extends RegisteredActor> {
  readonly actor: Actor;
  readonly services: RuntimeServices;
  /** The operation by which the system changes the schedules of an actor. */
  readonly scheduling: Operation;
  /** What handles each operation, at its slot. */
  readonly handlers: readonly (Handler | undefined)[];
  /** The slots of its awaited turns; absent if any number of them is awaited. */
  readonly slots: TurnSlots | undefined;
  /** Where its actors are added when they are ready: the scheduler, unless the protocol is paused. */
  ready: ReadyQueue;
  /** What waits while the protocol is paused. */
  private parked: PausedQueue | undefined = undefined;
  private readonly quota: ActorQuota;
  private readonly members = new Map<string, Member>();
  /** Passivates each actor in it that has been idle for `idleMs`. */
  readonly idleList: IdleList;
  /** Where the next search for an actor at rest begins. */
  private searched: Iterator<Member> | undefined = undefined;
  private searchAgainMs = -Infinity;

  /** `idleTimers` are those of its idle actors. */
  constructor(
    actor: Actor,
    services: RuntimeServices,
    quota: ActorQuota,
    idleTimers: IdleTimers = services.timers,
  ) {
    this.actor = actor;
    this.services = services;
    this.ready = services.scheduler;
    this.scheduling = scheduleOperation(actor.name, actor.handlers.length);
    const { interception } = services;
    const handlers = interception === undefined ? actor.handlers : interception.around(actor);
    this.handlers = [...handlers, ScheduleCommand.handle];
    this.slots = actor.concurrency === undefined ? undefined : new TurnSlots(actor.concurrency);
    this.quota = quota;
    this.idleList = new IdleList(actor.idleMs, idleTimers);
    quota.join(this);
  }

  /** How many there are. */
  get size(): number {
    return this.members.size;
  }

  find(key: string): Member | undefined {
    return this.members.get(key);
  }

  /**
   * The actor of that key, which is made if it is not here. Throws a `LimitExceededError` if the system is full and no
   * actor may leave memory, of whatever protocol.
   */
  get(key: string): Member {
    const found = this.members.get(key);
    if (found !== undefined) return found;
    this.quota.requireRoom(this.actor.name, key);
    const member = this.make(key);
    this.members.set(key, member);
    this.quota.size++;
    return member;
  }

  /** Whether its actors may begin no turn. */
  get paused(): boolean {
    return this.parked !== undefined;
  }

  /** Lets its actors begin no turn until {@linkcode resume} is called. Not for use during a run of the scheduler. */
  pause(): void {
    if (this.parked !== undefined) return;
    this.ready = this.parked = new PausedQueue();
    const isOwn = (one: Partial<RegisteredActor>) => one.host === this;
    for (const one of this.services.scheduler.takeOut(isOwn)) this.ready.add(one as Member);
  }

  /** Lets its actors go on. */
  resume(): void {
    const { parked } = this;
    this.parked = undefined;
    this.ready = this.services.scheduler;
    parked?.release();
  }

  activations(): MapIterator<Member> {
    return this.members.values();
  }

  /** Removes an actor that leaves memory. */
  remove(member: RegisteredActor): void {
    if (this.members.get(member.key) !== member) return;
    this.members.delete(member.key);
    this.quota.size--;
    this.idleList.leave(member);
    this.parked?.remove(member);
  }

  /** Passivates the next actor that may leave memory. Returns whether there was one. */
  evictOne(): boolean {
    const nowMs = this.services.timers.monotonicMs();
    if (nowMs < this.searchAgainMs) return false;
    for (let left = this.size; left > 0; left--) {
      const member = this.nextSearched();
      if (!member.mayLeave) continue;
      member.passivate();
      if (this.members.get(member.key) !== member) return true;
    }
    this.searchAgainMs = nowMs + Math.trunc(this.size / searchedPerMs);
    return false;
  }

  protected abstract make(key: string): Member;

  /** The actors in rotation: a search begins behind the actor at which the last one ended. */
  private nextSearched(): Member {
    const next = this.searched?.next().value;
    if (next !== undefined) return next;
    this.searched = this.members.values();
    return this.searched.next().value!;
  }
}
