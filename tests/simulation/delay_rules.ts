import { DelayedRows } from "../../runtime/durable/delivery/delayed_rows.ts";
import { delayedPrefix } from "../../runtime/durable/rows/keys.ts";
import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { type Rule, writes } from "./rule.ts";
import { withScene } from "./scenes.ts";

const delayed = (faultPlan: FaultPlan): FaultPlan => withScene(faultPlan, "delays");

function withoutDelayed(part: AtomicPart): AtomicPart {
  return { ...part, writes: part.writes.filter(({ key }) => !key.startsWith(delayedPrefix)) };
}

/** Rules of delayed messages. */
export const delayRules: readonly Rule[] = [
  {
    name: "delayed-waits",
    foundBy: 1,
    says: "a delayed message takes its place when it is due, and not before",
    faultPlan: delayed,
    code: (patches) =>
      patches.method(
        DelayedRows.prototype,
        "draft",
        (draft) =>
          function (this: DelayedRows, outgoing, from) {
            const delay = { dueMs: 0, delayMs: 0, atTime: true };
            return draft.call(this, { ...outgoing, route: outgoing.route.with({ delay }) }, from);
          },
      ),
  },
  {
    name: "delayed-is-stored",
    foundBy: 1,
    says: "a delayed message is accepted when the store has it",
    faultPlan: delayed,
    part: (part) => writes(part, "actor") ? part : withoutDelayed(part),
  },
  {
    name: "delayed-with-turn",
    foundBy: 1,
    says: "a delayed message of a turn is written in the commit of the turn",
    faultPlan: delayed,
    part: (part) => writes(part, "actor") ? withoutDelayed(part) : part,
  },
];
