import { isThenable } from "../../runtime/base/thenable.ts";
import { type Actor, actor } from "../../runtime/language/actor.ts";
import type { Address } from "../../runtime/language/address.ts";
import type { Published } from "../../runtime/language/context.ts";
import { nameOperations, type Operation, survey, tell } from "../../runtime/language/protocol.ts";
import { unchecked } from "../../runtime/language/schema.ts";
import { type Publication, topicKey } from "../../runtime/messages/builtin_protocols.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Turn } from "../../runtime/turns/turn.ts";
import { TurnLimit } from "../../runtime/turns/turn_limit.ts";

/** A function in this process that is called with each publication. Its result answers a survey. */
export type LocalListener = (payload: unknown, published: Published) => unknown;

/** What the actor of a function has: the function, until its subscription has ended, and the time limit of its calls. */
export interface Listening {
  listener: LocalListener | undefined;
  readonly turnMs?: number | undefined;
}

/** The protocol of the actor that calls one local function. */
export const Listener = nameOperations("~listener", {
  listen: tell(unchecked<Listening>()),
  hear: survey(unchecked<Publication>(), unchecked<unknown>()),
  close: tell(),
});

/** Activates the actor of a function. Returns the address at which it gets what is published. */
export function openListener(runtime: Runtime, event: Operation, listening: Listening): Address {
  runtime.delivery.requireRunning(`subscribe to ${topicKey(event)}`);
  const key = runtime.ids.text(runtime.ids.next());
  const address = { protocol: Listener.hear.protocol, key, operation: Listener.hear.name };
  runtime.delivery.accept(address, Listener.listen, listening);
  return address;
}

/**
 * The actor that calls one local function, with one message at a time. A failed message becomes a dead letter: it is
 * not retried.
 */
export function listenerActor({ deadlines }: Runtime): Actor<"~listener"> {
  return actor(Listener, {
    transient: true,
    state: (): Listening => ({ listener: undefined }),
    on: {
      listen(ctx, listening) {
        ctx.state = listening;
      },
      hear(ctx, publication) {
        const { listener, turnMs } = ctx.state;
        const { value, subject } = publication.check();
        const { headers } = ctx;
        const heard = listener?.(value, {
          id: ctx.causationId!,
          subject,
          input: publication.payload,
          headers,
        });
        if (turnMs === undefined || !isThenable(heard)) return heard;
        return TurnLimit.within(ctx as unknown as Turn, heard, turnMs, deadlines);
      },
      close: (ctx) => ctx.passivate(),
    },
    onFailure: "resume",
    idleMs: Infinity, // the end of its subscription passivates it
  });
}
