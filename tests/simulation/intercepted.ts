import type { InspectedMessage, Interceptor } from "@posthorn/posthorn";
import { Interception } from "../../runtime/turns/interception.ts";
import { Turn } from "../../runtime/turns/turn.ts";
import type { FaultPlan } from "./fault_plan.ts";
import type { Rule } from "./rule.ts";
import { withScene } from "./scenes.ts";

/** Gets what goes wrong, and what happened. */
interface Observer {
  fail(why: string): void;
  mark(branch: string): void;
}

/**
 * An interceptor that writes into the headers of each message how it was sent: by itself, as an event, or as what a turn
 * causes besides, its reply. Each turn checks that, whichever process runs it and however often.
 */
export function checkingHeaders({ fail, mark }: Observer): Interceptor {
  return {
    send: (message, goOn) => goOn({ sent: message.key === "" ? "event" : `as ${message.id}` }),
    turn(message, goOn) {
      const { sent, trace } = message.headers ?? {};
      const fromOutside = trace !== undefined && message.causationId === undefined;
      if (sent === undefined ? fromOutside : !isSent(sent, message)) {
        fail(
          `${message.operation} ${message.id} comes with the header "${sent}", caused by ${message.causationId}`,
        );
      }
      if (sent?.startsWith("by ")) mark("a reply carries what an interceptor added");
      return goOn({ sent: `by ${message.id}` });
    },
  };
}

/** Failures, and what comes for a request that is answered later: they carry the headers of the request. */
const ofRequest = /^(lost|undone)$/;
const ofLaters = /^(buyer|saga|teller)$/;

function isSent(sent: string, { protocol, operation, id, causationId }: InspectedMessage): boolean {
  if (sent === "event" || sent === `as ${id}` || sent === `by ${causationId}`) return true;
  return sent === `as ${causationId}` && (ofRequest.test(operation) || ofLaters.test(protocol));
}

const traced = (faultPlan: FaultPlan): FaultPlan => withScene(faultPlan, "headers");

export const interceptionRules: readonly Rule[] = [
  {
    name: "sends-are-intercepted",
    foundBy: 1,
    says: "interceptors are around each send, and what they add is stored with the message",
    faultPlan: traced,
    code: (patches) => patches.method(Interception.prototype, "takes", () => () => false),
  },
  {
    name: "turns-add-headers",
    foundBy: 1,
    says: "what interceptors add to a turn is with its reply",
    faultPlan: traced,
    code: (patches) => patches.getter(Turn.prototype, "causedHeaders", ({ route }) => route.extras?.headers),
  },
];
