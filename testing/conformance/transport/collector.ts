import type { Delivery, Receiver, Rejection, Tenure } from "../../../runtime/ports/transport.ts";

/** A delivery that was accepted. */
export interface Taken extends Delivery {
  /** Which process took it. */
  readonly by: string;
  readonly tenure: Tenure;
}

interface Waiting {
  readonly by: string;
  readonly tenure: Tenure;
  readonly batch: readonly Delivery[];
}

/**
 * Takes deliveries as a service does: what its processes have accepted they share, and a log is read behind it. Notes
 * where the contract is violated.
 */
export class Collector {
  /** What was accepted, in order. */
  readonly taken: Taken[] = [];
  /** The tenures that have begun. */
  readonly tenures: { readonly by: string; readonly tenure: Tenure }[] = [];
  /** The batches that are held. */
  readonly waiting: Set<Waiting> = new Set();
  readonly violations: string[] = [];
  /** Decides which deliveries are rejected. */
  rejects: (delivery: Delivery) => boolean = () => false;
  /** How many batches are still refused as a whole. */
  refusals = 0;
  /** What `begin` answers, if it is not what was accepted last. */
  start: ((tenure: Tenure) => number | undefined) | undefined;
  #held: Promise<void> | undefined;
  readonly #positions = new Map<string, number>();
  readonly #busy = new Set<Tenure>();

  /** The ids of what was accepted, in order. */
  get ids(): (string | undefined)[] {
    return this.taken.map(({ id }) => id);
  }

  /** The ids of what was accepted, in the order in which each was accepted first. */
  get firstIds(): (string | undefined)[] {
    return [...new Set(this.ids)];
  }

  /** The tenures that have not ended. */
  get live(): { readonly by: string; readonly tenure: Tenure }[] {
    return this.tenures.filter(({ tenure }) => !tenure.signal.aborted);
  }

  /** Lets batches wait until the result is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = undefined;
      resolve();
    };
  }

  /** The receiver of one process. */
  by(name: string): Receiver {
    return {
      begin: (tenure) => {
        this.tenures.push({ by: name, tenure });
        if (tenure.signal.aborted) this.violations.push("a tenure begins that has ended");
        const known = this.start === undefined ? this.#positions.get(logOf(tenure)) : this.start(tenure);
        return Promise.resolve(known);
      },
      take: (batch, tenure) => this.#take(name, batch, tenure),
    };
  }

  async #take(by: string, batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    this.#check(by, batch, tenure);
    this.#busy.add(tenure);
    const waiting = { by, tenure, batch };
    this.waiting.add(waiting);
    try {
      await this.#held;
      if (this.refusals > 0) {
        this.refusals--;
        throw new Error("This batch is refused");
      }
      if (tenure.signal.aborted) throw new Error("The tenure has ended"); // what it takes would be read twice
      return this.#accept(by, batch, tenure);
    } finally {
      this.waiting.delete(waiting);
      this.#busy.delete(tenure);
    }
  }

  #accept(by: string, batch: readonly Delivery[], tenure: Tenure): Rejection[] {
    const rejections: Rejection[] = [];
    for (const [index, delivery] of batch.entries()) {
      if (this.rejects(delivery)) rejections.push({ index, reason: "not-wanted" });
      else this.taken.push({ ...delivery, by, tenure });
      if (delivery.position !== undefined) this.#positions.set(logOf(tenure), delivery.position);
    }
    return rejections;
  }

  #check(by: string, batch: readonly Delivery[], tenure: Tenure): void {
    const wrong = (what: string) => void this.violations.push(`${what} (shard ${tenure.shard} of ${by})`);
    if (batch.length === 0) wrong("a batch is empty");
    if (this.#busy.has(tenure)) wrong("a batch is handed over before the one before it was taken");
    if (!this.tenures.some((begun) => begun.tenure === tenure)) {
      wrong("a batch comes in a tenure that has not begun");
    }
    if (!/^.{1,200}$/u.test(tenure.shard)) wrong("the name of the shard does not have 1 to 200 characters");
    let before = this.start === undefined ? this.#positions.get(logOf(tenure)) : undefined;
    for (const { position, again } of batch) {
      if ((position === undefined) !== (tenure.epoch === undefined)) {
        wrong("only a log has positions, and an epoch");
      }
      if (position !== undefined && again) wrong("again is set in a log");
      if (position !== undefined && before !== undefined && position <= before) {
        wrong(`position ${position} comes behind ${before}`);
      }
      before = position ?? before;
    }
  }
}

function logOf({ shard, epoch = "" }: Tenure): string {
  return JSON.stringify([shard, epoch]);
}
