import { shorten } from "../../runtime/base/shorten.ts";
import { replyNameOf } from "../../runtime/messages/reply_name.ts";
import type { KeptReply } from "../../runtime/in_memory_replies.ts";
import type { Listing, Range } from "../../runtime/observation/listing.ts";
import { Selection } from "../../runtime/observation/selection.ts";
import { wordsMax } from "../../runtime/ports/dead_letters.ts";
import type { ObservedReply, RepliesFilter } from "../../runtime/ports/observation.ts";
import type { Runtime } from "../../runtime/runtime.ts";

/** The replies that a system without a store keeps. */
export async function memoryReplies(
  runtime: Runtime,
  { status }: RepliesFilter,
  range: Range,
): Promise<Listing<ObservedReply>> {
  const selection = new Selection<KeptReply>(range);
  for (const reply of runtime.replies.all()) {
    if (status === undefined || status === statusOf(reply)) selection.add(reply.key, reply);
  }
  return await selection.listing((reply) => replyOf(runtime, reply));
}

function statusOf({ outcome }: KeptReply): ObservedReply["status"] {
  if (outcome === undefined) return "pending";
  return "reply" in outcome ? "done" : "failed";
}

function replyOf({ clock, timers }: Runtime, reply: KeptReply): ObservedReply {
  const { key, caller, to, later, outcome, expiryList, expiresAtMs } = reply;
  const status = statusOf(reply);
  const pending = status === "pending";
  const failure = outcome !== undefined && "failure" in outcome ? outcome.failure : undefined;
  return {
    id: replyNameOf(key),
    status,
    ...expiryList !== undefined && { untilMs: clock.now() + expiresAtMs - timers.monotonicMs() },
    ...pending && to !== undefined && { actor: to },
    later: pending && later !== undefined,
    ...caller !== undefined && { caller: caller.name },
    ...failure !== undefined &&
      { failure: { code: failure.code, message: shorten(failure.message, wordsMax) } },
  };
}
