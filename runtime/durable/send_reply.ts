import type { ActorId } from "../address.ts";
import { nameOf, Route } from "../envelope.ts";
import { messageOf, PosthornError } from "../errors.ts";
import type { Ids } from "../ids.ts";
import { Reply } from "../modes.ts";
import { isOfStore } from "../store_errors.ts";
import type { Answers } from "./answers.ts";
import type { Dispatch } from "./dispatch.ts";
import { Effects } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import { commitOne } from "./single_commission.ts";

/** What a reply is written with. */
export interface ReplyServices {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly answers: Answers;
}

/**
 * Writes a reply, or an answer to a survey, of an actor that keeps nothing: a row, and no message. Of a reply that
 * cannot be kept who waits for it is told so; rejects with what stands in the way.
 */
export async function sendReply(
  services: ReplyServices,
  ids: Ids,
  to: ActorId,
  route: Route,
  payload: unknown,
): Promise<void> {
  const { ledger, dispatch, answers } = services;
  const effects = new Effects();
  try {
    if (to.protocol === Reply.open.protocol) dispatch.post(effects, to, route, payload);
    else answers.write(effects, to.key, route, payload);
    if (effects.writes.length === 0) return;
    await commitOne(ledger.committer, effects, nameOf(route.operation, to.key));
  } catch (error) {
    if (isOfStore(error) || route.operation.name !== Reply.arrive.name) throw error;
    const code = error instanceof PosthornError ? error.code : "failed";
    const id = route.causationId === undefined ? to.key : ids.text(route.causationId);
    const refusal = new Route(Reply.refuse, route.causationId, route.correlationId, undefined);
    await sendReply(services, ids, to, refusal, { id, code, message: messageOf(error) });
    throw error;
  }
  effects.follow();
}
