import type { Clock } from "../../runtime/base/clock.ts";
import type { Health } from "../../runtime/ports/health.ts";
import type { InspectOptions, Inspector } from "../../runtime/ports/inspection.ts";
import type { Observation } from "../../runtime/ports/observation.ts";
import type { Stats } from "../../runtime/ports/stats.ts";
import { contentTypes, exposition, type Format } from "./exposition.ts";
import { MessageMetrics } from "./message_metrics.ts";
import { OldestWaiting } from "./oldest_waiting.ts";
import { systemFamilies } from "./system_families.ts";

export { contentTypes };

/** The methods of a system that its metrics use. A `System` implements it. */
export interface MeasuredSystem {
  /** Calls a function with events of the system; with `sampled`, with those of some messages. */
  inspect(inspector: Inspector, options?: InspectOptions): Disposable;
  /** The counters of the system. */
  stats(): Stats;
  /** The health of the system. */
  readonly health: Health;
  /** What waits in all instances. */
  readonly observe: Pick<Observation, "protocols">;
  /** The clock of the system. */
  readonly clock: Clock;
}

/** The metrics of a system, from the moment at which this is made: it listens until the system is gone. */
export class Metrics {
  readonly #system: MeasuredSystem;
  readonly #messages = new MessageMetrics();
  readonly #oldest: OldestWaiting;

  constructor(system: MeasuredSystem) {
    this.#system = system;
    this.#oldest = new OldestWaiting(system.observe, system.clock);
    system.inspect((event) => this.#messages.observe(event), { sampled: true });
  }

  /** All metrics as text. */
  async text(format: Format): Promise<string> {
    const { health: { store, transport } } = this.#system;
    const oldest = store === undefined ? [] : await this.#oldest.families();
    const stats = this.#system.stats();
    return exposition(
      [
        ...systemFamilies(stats, store, transport),
        ...this.#messages.families(stats.dead, store !== undefined),
        ...oldest,
      ],
      format,
    );
  }
}
