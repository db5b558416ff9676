import type { Clock } from "../../runtime/base/clock.ts";
import type { StorePresence } from "../../runtime/ports/store.ts";
import type { FaultInjector } from "./faults.ts";

/** How long a question takes, in milliseconds. */
const lookMs = 1;
/** For how long a lock must be free before its holder counts as ended. */
const graceMs = 250;

/** What an instance wrote when it took its lock. */
interface Registration {
  readonly session: SimulatedSession;
  /** Which start of the server it was. */
  readonly start: number;
  /** Tells it from the one before. */
  readonly taken: number;
}

/** The simulated server: its sessions, and the locks that they hold, one for each registered instance. */
export class SimulatedServer {
  readonly #clock: Clock;
  readonly #fate: FaultInjector;
  readonly #sessions = new Set<SimulatedSession>();
  readonly #registrations = new Map<string, Registration>();
  #start = 1;
  #taken = 0;
  #downUntilMs = -Infinity;

  constructor(clock: Clock, fate: FaultInjector) {
    this.#clock = clock;
    this.#fate = fate;
  }

  /** For how long it still answers nothing, in milliseconds. */
  get downMs(): number {
    return Math.max(this.#downUntilMs - this.#clock.now(), 0);
  }

  /** A session begins, or it is known to have ended. */
  set(session: SimulatedSession, lives: boolean): void {
    if (lives) this.#sessions.add(session);
    else this.#sessions.delete(session);
  }

  /** A session takes the lock of an instance, and writes that down. */
  take(instance: string, session: SimulatedSession): void {
    this.#registrations.set(instance, { session, start: this.#start, taken: ++this.#taken });
  }

  /** Removes what was written about an instance. */
  forget(instance: string): void {
    this.#registrations.delete(instance);
  }

  /** The registration of an instance whose lock is free, if that proves that its session has ended. */
  free(instance: string): number | undefined {
    const registration = this.#registrations.get(instance);
    if (registration === undefined || this.#sessions.has(registration.session)) return undefined;
    return this.isOfThisStart(registration) ? registration.taken : undefined;
  }

  /** Whether a lock was taken since the server started: all others are free because it ended. */
  isOfThisStart({ start }: Pick<Registration, "start">): boolean {
    return start === this.#start;
  }

  /** Removes what was written about other instances that are gone, or that held a lock before the server restarted. */
  retain(instances: ReadonlySet<string>): void {
    for (const [instance, registration] of [...this.#registrations]) {
      if (instances.has(instance)) continue;
      if (this.free(instance) !== undefined || !this.isOfThisStart(registration)) this.forget(instance);
    }
  }

  /** Ends all sessions, and starts again after a while. If it crashed, it has lost what was written. */
  restart(): void {
    this.#start++;
    this.#downUntilMs = this.#clock.now() + this.#fate.below("downMsMax");
    if (this.#fate.share() < 0.5) this.#registrations.clear();
    for (const session of [...this.#sessions]) session.lose();
  }
}

/** The parts of a simulated session. */
interface SessionParts {
  readonly server: SimulatedServer;
  readonly clock: Clock;
  readonly fate: FaultInjector;
  /** Runs something in its process: later if that is paused, and never if it has crashed. */
  readonly run: (action: () => void) => void;
  /** Called when it has begun again: notifications were lost before. */
  readonly begun: () => void;
}

/**
 * The session of one connection, which listens and holds the locks of its instances. It may end while its process
 * lives: then another one begins, and takes the locks again.
 */
export class SimulatedSession implements StorePresence {
  readonly #parts: SessionParts;
  readonly #held = new Set<string>();
  /** The registrations of instances whose lock is free, and since when. */
  readonly #free = new Map<string, { readonly taken: number; readonly sinceMs: number }>();
  #ended = false;
  /** Whether it exists now, and hears notifications. */
  listens = true;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    parts.server.set(this, true);
  }

  /** A session begins for it if there is none. If the server does not answer, that is done as soon as it does. */
  async hold(instance: string): Promise<boolean> {
    this.#held.add(instance);
    const take = () => {
      this.#begin();
      this.#parts.server.take(instance, this);
    };
    await this.#ask(take, undefined);
    return true;
  }

  async gone(instances: readonly string[]): Promise<ReadonlySet<string>> {
    const { fate, server } = this.#parts;
    if (fate.strikes("serverRestarted")) server.restart();
    if (fate.strikes("sessionLost")) this.lose();
    if (fate.strikes("presenceSilent")) await this.#pass(fate.below("silentMsMax"));
    const surelyFree = () => instances.filter((instance) => this.#isSurelyFree(instance));
    const gone = await this.#ask(surelyFree, []);
    if (gone.length > 0 || !instances.some((instance) => this.#free.has(instance))) return new Set(gone);
    await this.#pass(graceMs);
    return new Set(await this.#ask(surelyFree, []));
  }

  async release(instance: string): Promise<void> {
    this.#held.delete(instance);
    await this.#ask(() => this.#parts.server.forget(instance), undefined);
  }

  async retain(instances: ReadonlySet<string>): Promise<void> {
    await this.#ask(() => this.#parts.server.retain(instances), undefined);
  }

  /** It ends, and unless its connection has ended too, another one begins after a while. */
  lose(): void {
    const { clock, fate, server, run } = this.#parts;
    if (!this.listens) return;
    this.listens = false;
    server.set(this, false);
    if (this.#ended) return;
    clock.setTimer(server.downMs + fate.below("sessionMsMax"), () => run(() => this.#begin()));
  }

  /** Its connection is closed, or has crashed. A server need not know that soon. */
  end(crashed: boolean): void {
    this.#ended = true;
    if (!crashed || !this.#parts.fate.strikes("sessionStays")) this.lose();
  }

  #begin(): void {
    const { server, begun } = this.#parts;
    if (this.listens || this.#ended) return;
    this.listens = true;
    server.set(this, true);
    for (const instance of this.#held) server.take(instance, this);
    begun();
  }

  #isSurelyFree(instance: string): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const taken = this.#parts.server.free(instance);
    const known = this.#free.get(instance);
    if (taken !== undefined && known?.taken === taken) return nowMs - known.sinceMs >= graceMs;
    if (taken === undefined) this.#free.delete(instance);
    else this.#free.set(instance, { taken, sinceMs: nowMs });
    return false;
  }

  /** Asks the server. If it does not answer, nothing is known. */
  async #ask<Result>(look: () => Result, otherwise: Result): Promise<Result> {
    await this.#pass(lookMs);
    return this.#parts.server.downMs > 0 ? otherwise : look();
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.setTimer(ms, () => this.#parts.run(resolve)));
  }
}
