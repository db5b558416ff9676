import { ActorRegistry } from "../../runtime/activations/actor_registry.ts";
import { PausedProtocols } from "../../runtime/durable/background/paused_protocols.ts";
import { pausedKey } from "../../runtime/durable/rows/keys.ts";
import { PausedQueue } from "../../runtime/scheduling/paused_queue.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { type Rule, slow } from "./rule.ts";
import { withScene } from "./scenes.ts";

const pausing = (faultPlan: FaultPlan): FaultPlan => withScene(faultPlan, "pausing");
/** Several processes on one store. */
const several = (faultPlan: FaultPlan): FaultPlan =>
  pausing({ ...faultPlan, ...faultPlan.shared, shared: undefined });

/** Those that have looked once. */
const looked = new WeakSet<PausedProtocols>();

/** Rules of protocols that are paused. */
export const pausingRules: readonly Rule[] = [
  {
    name: "paused-begins-nothing",
    foundBy: 1,
    says: "a process begins no turn of a protocol when it has heard that it is paused",
    faultPlan: pausing,
    code: (patches) => patches.method(ActorRegistry.prototype, "pause", () => () => {}),
  },
  {
    name: "resumed-goes-on",
    foundBy: 1,
    says: "all actors that waited while their protocol was paused go on when it is resumed",
    faultPlan: pausing,
    code: (patches) => patches.method(PausedQueue.prototype, "release", () => () => {}),
  },
  {
    name: "pause-is-looked-for",
    foundBy: 1,
    says: "every instance looks what is paused, whoever paused it",
    faultPlan: several,
    code: (patches) =>
      patches.method(PausedProtocols.prototype, "look", (look) =>
        function (this: PausedProtocols) {
          if (looked.has(this)) return Promise.resolve();
          looked.add(this);
          return look.call(this);
        }),
  },
  {
    name: "pause-check",
    foundBy: 17,
    says: "what is paused is written only if nobody else has changed it meanwhile",
    faultPlan: (faultPlan) => slow(several(faultPlan)),
    part: (part) => ({ ...part, checks: part.checks.filter(({ key }) => key !== pausedKey) }),
  },
];
