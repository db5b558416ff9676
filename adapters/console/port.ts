import type { Clock } from "../../runtime/base/clock.ts";
import type { Health } from "../../runtime/ports/health.ts";
import type { InspectOptions, Inspector } from "../../runtime/ports/inspection.ts";
import type { Control } from "../../runtime/ports/control.ts";
import type { Observation } from "../../runtime/ports/observation.ts";
import type { Stats } from "../../runtime/ports/stats.ts";

/** What a console uses of a system. A `System` implements it. */
export interface ConsoleSystem {
  /** The questions to the system. */
  readonly observe: Observation;
  /** The actions of an operator. */
  readonly control: Control;
  /** Calls a function with the events of a sample of the messages, until the result is disposed of. */
  inspect(inspector: Inspector, options: InspectOptions): Disposable;
  /** The counters of this process. */
  stats(): Stats;
  /** The dead letters that this process knows. */
  readonly deadLetters: { readonly size: number };
  /** Whether the system accepts messages, and the reason if it does not. */
  readonly health: Health;
  /** The clock of the system. */
  readonly clock: Clock;
  /** Resolves when the system has stopped. */
  readonly closed: Promise<unknown>;
}
