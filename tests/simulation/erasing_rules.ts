import { Membership } from "../../runtime/durable/background/membership.ts";
import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { removes, type Rule, spaceOf, unchecked, writes } from "./rule.ts";
import { withScene } from "./scenes.ts";

const erasing = (faultPlan: FaultPlan): FaultPlan => withScene(faultPlan, "erasing");

/** Whether a part erases a message for an actor that nobody hosts. */
function erases(part: AtomicPart): boolean {
  const isVacant = part.removals.some(({ key }) => key.startsWith("mail\u001fvacant\u001f"));
  return isVacant && removes(part, "mail") &&
    !["actor", "erased", "dead"].some((space) => writes(part, space));
}

/** Commits of which nobody hears land late, and actors are erased meanwhile. */
function landingLate(faultPlan: FaultPlan): FaultPlan {
  const { shared, ...rest } = withScene(faultPlan, "mayflies");
  const plan = { ...rest, ...shared, shared: undefined };
  return { ...plan, store: { ...plan.store, unknownLandsLate: 0.3 } };
}

/** Rules of actors and messages that are erased. */
export const erasingRules: readonly Rule[] = [
  {
    name: "erased-stay-erased",
    foundBy: 5,
    says:
      "a turn for an actor without a record takes effect only if what is kept of its last life is still the same",
    faultPlan: landingLate,
    part: unchecked("erased"),
  },
  {
    name: "erased-as-it-waits",
    foundBy: 1,
    says: "a message is erased only if it still waits as it was read",
    faultPlan: erasing,
    part: unchecked("mail", erases),
  },
  {
    name: "erasure-is-told",
    foundBy: 1,
    says: "whoever waits for a reply to an erased message is told in the commit that erases it",
    faultPlan: erasing,
    part: (part) => ({
      ...part,
      writes: part.writes.filter(({ key }) => !erases(part) || !["reply", "mail"].includes(spaceOf(key))),
    }),
  },
  {
    name: "hosted-is-kept",
    foundBy: 1,
    says: "no message is erased whose actor a living instance hosts",
    faultPlan: erasing,
    code: (patches) => patches.method(Membership.prototype, "hostedElsewhere", () => () => false),
  },
];
