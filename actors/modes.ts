import type { ModeSet, Runtime } from "../runtime/runtime.ts";
import { LaterReply, TransientLaterReply } from "../runtime/messages/later.ts";
import { laterActor } from "../runtime/turns/later_actor.ts";
import { ask } from "./ask.ts";
import { collectorActor } from "./builtin/collector.ts";
import { listenerActor } from "./builtin/listener.ts";
import { MemoryLaters } from "./builtin/memory_laters.ts";
import { topicActor } from "./builtin/topic.ts";
import { surveyAll } from "./survey.ts";

/** The modes and their built-in actors. If there is a store, topics are in it. */
export function modesOf(runtime: Runtime, durable: boolean): ModeSet {
  const laters = durable ? TransientLaterReply : LaterReply;
  const memoryLaters = new MemoryLaters(runtime);
  const later = laterActor(laters, memoryLaters, false);
  const transient = [listenerActor(runtime), later, collectorActor(() => runtime.lateReplies++)];
  return {
    stop: () => memoryLaters.stop(),
    laterOf: (requestId, replyTo) => memoryLaters.of(requestId, replyTo),
    actors: durable ? transient : [topicActor, ...transient],
    ask: (to, operation, payload, options, turn) => ask(runtime, to, operation, payload, options, turn),
    survey: (operation, payload, options, turn) => surveyAll(runtime, operation, payload, options, turn),
  };
}
