import { RefusedMail } from "../../runtime/durable/background/refused_mail.ts";
import { PeerReplies } from "../../runtime/durable/delivery/peer_replies.ts";
import { decodeValue } from "../../runtime/durable/rows/value_codec.ts";
import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { type Rule, spaceOf } from "./rule.ts";
import { withScene } from "./scenes.ts";

/** A front among the processes, and transient actors. */
function fronts(faultPlan: FaultPlan): FaultPlan {
  return { ...withScene(faultPlan, "fronts"), beside: true };
}

function refuses(part: AtomicPart): boolean {
  return part.writes.some(({ key, value }) =>
    spaceOf(key) === "dead" && decodeValue<{ reason: string }>(value).head.reason === "transient-peer"
  );
}

/** Rules of processes that speak to actors which others host. */
export const frontRules: readonly Rule[] = [
  {
    name: "asks-at-heartbeat",
    foundBy: 1,
    says: "a front looks for the replies to its asks at heartbeats too, whatever watches tell",
    faultPlan: fronts,
    connect: () => ({ watch: () => ({ [Symbol.dispose]() {} }) }),
    code: (patches) => patches.method(PeerReplies.prototype, "heartbeat", () => () => Promise.resolve()),
  },
  {
    name: "transient-refuses",
    foundBy: 1,
    says: "mail for an actor that is transient where it is hosted is refused there",
    faultPlan: fronts,
    code: (patches) => patches.method(RefusedMail.prototype, "refuse", () => () => Promise.resolve()),
  },
  {
    name: "refusal-is-told",
    foundBy: 1,
    says: "whoever waits for a reply to refused mail is told in the commit that refuses it",
    faultPlan: fronts,
    part: (part) => ({
      ...part,
      writes: refuses(part) ? part.writes.filter(({ key }) => spaceOf(key) !== "reply") : part.writes,
    }),
  },
];
