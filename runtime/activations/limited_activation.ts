import { Activation } from "./activation.ts";
import type { MemoryHost } from "./memory_host.ts";
import type { Signal } from "./resident.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";
import { Status } from "./status.ts";
import type { Turn } from "../turns/turn.ts";
import type { SlotHolder, TurnSlots } from "../scheduling/turn_slots.ts";
import type { WaitingTurn } from "../turns/wait_chain.ts";

/**
 * An actor whose protocol has a limit of awaited turns (`concurrency`). While it waits for a slot it counts as ready,
 * and is in the queue of the slots instead of that of the scheduler.
 */
export class LimitedActivation extends Activation implements SlotHolder {
  readonly #slots: TurnSlots;
  /** Whether it waits for a slot. */
  #waits = false;

  constructor(host: MemoryHost, key: string, slots: TurnSlots) {
    super(host, key);
    this.#slots = slots;
  }

  override run(scheduler: Scheduler): boolean {
    if (this.signalled) this.obeyAll(); // a signal needs no slot
    if (this.route !== undefined && !this.#slots.enter(this)) {
      this.#waits = true;
      return false;
    }
    try {
      return super.run(scheduler);
    } finally { // before the scheduler adds it again, so that those that wait come first
      if (this.status !== Status.running) this.#slots.leave(this);
    }
  }

  admit(): boolean {
    this.#waits = false;
    this.host.ready.add(this);
    return true;
  }

  override signal(signal: Signal): void {
    if (this.#waits) return this.obey(signal); // it may wait for long
    super.signal(signal);
  }

  protected override settle(turn: Turn, fresh: boolean, end: () => void): void {
    if (this.extras?.turn === turn) this.#slots.leave(this);
    super.settle(turn, fresh, end);
  }

  /** If it has no slot and none is free: those that have one, of which one must end first. */
  get waitsForOneOf(): readonly WaitingTurn[] | undefined {
    if (!this.#slots.full || this.#slots.has(this)) return undefined;
    return [...this.#slots.holders].filter((holder) => holder instanceof LimitedActivation);
  }
}
