import { DurableActivation } from "./durable_activation.ts";
import type { Batch } from "./batch.ts";
import type { DurableHost } from "./durable_host.ts";
import type { Scheduler } from "../../scheduling/scheduler.ts";
import type { SlotHolder, TurnSlots } from "../../scheduling/turn_slots.ts";

/**
 * A durable actor whose protocol has a limit of awaited turns (`concurrency`). It is `held` while it waits for a slot,
 * so that messages from outside are stored instead of waiting with it. It gives the slot back when the handler has
 * settled: the commit needs none.
 */
export class LimitedDurableActivation extends DurableActivation implements SlotHolder {
  readonly #slots: TurnSlots;
  /** Whether it is held for a slot. */
  #waits = false;
  /** Whether it is being given a slot: who gives it takes it back, if it does not go on. */
  #admitted = false;

  constructor(host: DurableHost, key: string, slots: TurnSlots) {
    super(host, key);
    this.#slots = slots;
  }

  override run(scheduler: Scheduler): boolean {
    if (this.erasing) this.#slots.leave(this); // it runs no handler
    else if (this.status === "ready" && this.mailbox.mails.length > 0 && !this.#slots.enter(this)) {
      this.status = "held";
      this.#waits = true;
      this.admissions.store();
      return false;
    }
    try {
      return super.run(scheduler);
    } finally {
      if (this.status !== "running") this.#slots.leave(this);
    }
  }

  admit(): boolean {
    return this.#waits && this.status === "held" && this.#goOn(); // otherwise it has left, or is being erased
  }

  override park(): boolean {
    const waits = super.park();
    if (!this.#admitted) this.#slots.leave(this);
    return waits;
  }

  override signal(signal: "passivate" | "restart" | "erase"): void {
    super.signal(signal);
    if (this.erasing && this.#waits && this.status === "held") this.#goOn(); // it may wait for long
  }

  override finish(batch: Batch): void {
    this.#slots.leave(this);
    super.finish(batch);
  }

  override failed(error: unknown, batch?: Batch): void {
    this.#slots.leave(this);
    super.failed(error, batch);
  }

  /** Returns whether it goes on with a message. */
  #goOn(): boolean {
    this.#waits = false;
    this.#admitted = true;
    this.proceed();
    this.#admitted = false;
    return this.status === "ready";
  }
}
