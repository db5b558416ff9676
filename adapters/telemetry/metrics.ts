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

/** Where a system keeps its metrics. */
const kept: unique symbol = Symbol("metrics");

/** The methods of a system that its metrics use. A `System` implements it. */
export interface MeasuredSystem {
  /** Its metrics, if somebody has asked for them. */
  [kept]?: Metrics;
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

/** The metrics of a system, from the moment at which somebody asked for them first: it listens until the system is gone. */
export class Metrics {
  readonly #system: MeasuredSystem;
  readonly #messages = new MessageMetrics();
  readonly #oldest: OldestWaiting;

  /** The metrics of a system, which all that ask share: apps may be made over it without end, and one listener suffices. */
  static of(system: MeasuredSystem): Metrics {
    return system[kept] ??= new Metrics(system);
  }

  private constructor(system: MeasuredSystem) {
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
