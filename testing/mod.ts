/**
 * What tests of actors need: a clock that stands still, chance that repeats, an actor that records what it receives, and
 * a turn without a system.
 *
 * @example
 * ```ts
 * import { System } from "@posthorn/posthorn";
 * import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
 *
 * await using system = new System({ actors: [], clock: new VirtualClock(), random: seededRandom(1) });
 * ```
 *
 * @module
 */

export { type Probe, probe, type ProbedMessage } from "./probe.ts";
export { requireStorable } from "../runtime/base/storable.ts";
export { seededRandom } from "./seeded_random.ts";
export { type SentMessage, turn, type TurnOptions, type TurnResult } from "./turn.ts";
export { VirtualClock, type VirtualClockOptions } from "./virtual_clock.ts";
