import type { HeldBytes } from "../base/held_bytes.ts";
import type { Idler } from "../scheduling/idle.ts";
import { Mailbox, type MailboxExtras } from "../messages/mailbox.ts";
import type { QueuedRoute } from "../messages/ring.ts";
import type { Recovery } from "./recovery.ts";
import { Schedules, type WaitingSchedule } from "../turns/schedules.ts";
import type { Runnable, Scheduler } from "../scheduling/scheduler.ts";
import type { RegisteredActor } from "./actor_registry.ts";
import type { MemoryHost } from "./memory_host.ts";
import type { RuntimeServices } from "./runtime_services.ts";
import { Status } from "./status.ts";
import type { Turn } from "../turns/turn.ts";

/** A command to an actor from outside. The actor obeys it before any message that waits. */
export type Signal = "passivate" | "restart" | "erase";

/** All of them. */
export const signals: readonly Signal[] = ["passivate", "restart", "erase"];

const activeFlag = 1;
const keptFlag = 2;

/** What only few actors need. */
export interface ResidentExtras extends MailboxExtras<Signal> {
  /** The turn whose promise is awaited, and the payload that its handler got. */
  turn?: Turn | undefined;
  value?: unknown;
  recovery?: Recovery;
  held?: HeldBytes;
  schedules?: Schedules;
}

/** What an actor in memory keeps. */
export interface InsideActor {
  readonly state?: { readonly value: unknown };
  readonly turn?: QueuedRoute;
  readonly recovery: Recovery | undefined;
}

/**
 * What an actor keeps in memory (its mailbox, its state, its schedules), and its life: activation, restart,
 * passivation. It extends its mailbox, and what only few need is in an object of its own, because there may be a
 * million actors.
 */
export abstract class Resident extends Mailbox<Signal> implements RegisteredActor {
  nextReady: Runnable | undefined = undefined;
  readonly host: MemoryHost;
  readonly key: string;
  status: Status = Status.idle;
  /** Whether it is active, and whether a state was committed: one number takes half the memory of two fields. */
  private flags = 0;
  protected state: unknown = undefined;
  usedMs = 0;
  idleBefore: Idler | undefined = undefined;
  idleAfter: Idler | undefined = undefined;
  declare protected extras: ResidentExtras | undefined;

  constructor(host: MemoryHost, key: string) {
    super();
    this.host = host;
    this.key = key;
  }

  abstract run(scheduler: Scheduler): boolean;

  /** Whether it was activated: it has its state, or made the initial one. */
  get active(): boolean {
    return (this.flags & activeFlag) !== 0;
  }

  set active(active: boolean) {
    this.flags = active ? this.flags | activeFlag : this.flags & ~activeFlag;
  }

  /** Whether a state was committed. The initial state need not be kept: it can be made again. */
  private get kept(): boolean {
    return (this.flags & keptFlag) !== 0;
  }

  /** Keeps a state that a turn has committed. Only active actors have turns. */
  protected keep(state: unknown): void {
    this.state = state;
    this.flags = activeFlag | keptFlag;
  }

  get services(): RuntimeServices {
    return this.host.services;
  }

  /** What it keeps, for questions about the system: its committed state, if there is one, and its message in a turn. */
  get inside(): InsideActor {
    const { turn, value, recovery } = this.extras ?? {};
    return {
      ...this.kept && { state: { value: this.state } },
      ...turn !== undefined && { turn: { route: turn.route, value } },
      recovery,
    };
  }

  /** Whether it has nothing to do. */
  get idle(): boolean {
    return this.status === Status.idle;
  }

  /** Whether it is in memory. Once removed it never comes back: a new activation takes its key. */
  get present(): boolean {
    return this.status !== Status.gone;
  }

  get transient(): boolean {
    return this.host.actor.transient;
  }

  get protocol(): string {
    return this.host.actor.name;
  }

  /** Whether it has nothing to do, and nothing would be lost if it left memory now. */
  get mayLeave(): boolean {
    const { schedules, recovery } = this.extras ?? {};
    return !this.kept && this.status === Status.idle && !schedules?.size && !recovery?.delayedRetries.size;
  }

  override toString(): string {
    return `${this.protocol}/${this.key}`;
  }

  protected activate(): void {
    if (!this.kept) this.state = this.services.broken.make(this, this.host.actor.state);
    this.active = true;
    this.host.idleList.join(this);
    this.emit("activated");
  }

  /** Becomes inactive. Its state is kept unless `onIdle` says otherwise; without a state it leaves memory. */
  passivate(): void {
    if (!this.active) return;
    this.active = false;
    this.host.idleList.leave(this);
    this.release();
    if (this.host.actor.onIdle === "drop") this.dropState();
    this.emit("passivated");
    this.leaveIfDone();
  }

  /** It is ready, and its protocol is paused: obeys its signals, and waits if it has messages. */
  park(): boolean {
    if (this.signalled) this.obeyAll();
    const waits = this.hasMore();
    this.services.rest();
    return waits;
  }

  unpark(): void {
    if (this.status === Status.ready) this.services.scheduler.add(this);
  }

  /** Whether it waits until its protocol is resumed. */
  protected get isParked(): boolean {
    return this.host.paused && this.status === Status.ready;
  }

  /** Ends a run. Returns whether there is more to do. */
  protected hasMore(): boolean {
    if (this.status !== Status.ready) return false;
    if (this.route !== undefined || this.signalled) return true;
    this.status = Status.idle;
    if (!this.active) this.leaveIfDone();
    return false;
  }

  protected obeyAll(): void {
    for (let next = this.takeSignal(); next !== undefined; next = this.takeSignal()) this.obey(next);
  }

  protected obey(signal: Signal): void {
    if (signal === "restart") this.restart();
    else if (signal === "passivate") this.passivate();
    else this.erase();
  }

  /** Begins again from the last committed state. */
  restart(): void {
    if (this.host.actor.transient) this.dropState();
    this.active = false;
    this.emit("restarted");
  }

  protected erase(): void {
    this.extras?.schedules?.clear();
    this.dropState();
    this.active = false;
    this.host.services.broken.remove(this);
    this.host.services.leaveTopics(this);
    this.emit("erased");
    this.leaveIfDone();
  }

  /** Leaves memory if it is inactive and nothing would be lost. */
  protected leaveIfDone(): void {
    if (this.active || !this.mayLeave) return;
    this.host.remove(this);
    this.status = Status.gone;
    this.extras?.schedules?.clear();
  }

  private dropState(): void {
    this.flags &= ~keptFlag;
    this.state = undefined;
  }

  protected emit(type: "activated" | "passivated" | "restarted" | "stopped" | "erased"): void {
    const { inspectors } = this.host.services.delivery;
    if (inspectors.unobserved) return;
    inspectors.emit({ type, actor: { protocol: this.protocol, key: this.key } });
  }

  get ensureExtras(): ResidentExtras {
    return this.extras ??= {};
  }

  /** Its schedules that wait. */
  get scheduled(): readonly WaitingSchedule[] {
    return this.extras?.schedules?.list() ?? [];
  }

  /** Cancels a schedule, without a turn. Returns whether there was one. */
  cancelSchedule(name: string): boolean {
    return this.extras?.schedules?.cancel(name) ?? false;
  }

  protected get ownSchedules(): Schedules {
    return this.ensureExtras.schedules ??= new Schedules(this.host.services, () => this.leaveIfDone());
  }
}
