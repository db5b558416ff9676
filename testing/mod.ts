/**
 * Tools for tests of actors: a virtual clock, seeded randomness, a probe actor that records its messages, and
 * single turns without a system.
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
export {
  type AnsweredLater,
  fakeLater,
  type SentMessage,
  turn,
  type TurnOptions,
  type TurnResult,
} from "./turn.ts";
export { VirtualClock, type VirtualClockOptions } from "./virtual_clock.ts";
