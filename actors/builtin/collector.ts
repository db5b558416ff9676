import { messageOf, TerminalError } from "../../runtime/base/errors.ts";
import { type Actor, actor } from "../../runtime/language/actor.ts";
import { parse } from "../../runtime/language/parse.ts";
import type { Schema } from "../../runtime/language/schema.ts";
import { type Collection, Collector } from "../../runtime/messages/builtin_protocols.ts";

/** The actor that collects the replies of one survey. It calls `onLate` for each reply that comes after the end. */
export function collectorActor(onLate: () => void): Actor<"~collector"> {
  return actor(Collector, {
    transient: true,
    state: (): { readonly collection: Collection; readonly taken: number } | undefined => undefined,
    on: {
      open(ctx, collection) {
        ctx.state = { collection, taken: 0 };
      },
      take(ctx, reply) {
        if (ctx.state === undefined) {
          onLate();
          return ctx.passivate();
        }
        const { collection, taken } = ctx.state;
        collection.replies.push(checked(collection.reply, reply), reply);
        ctx.state = { collection, taken: taken + 1 };
        if (taken + 1 < collection.max) return;
        collection.replies.end("max");
        ctx.passivate();
      },
      expire(ctx) {
        ctx.state?.collection.replies.end("deadline");
        ctx.passivate();
      },
      close: (ctx) => ctx.passivate(),
    },
    mailbox: { capacity: 10_000 },
    onFailure: "resume",
    idleMs: Infinity, // it ends itself
  });
}

function checked(schema: Schema<unknown> | undefined, reply: unknown): unknown {
  try {
    return parse(schema, reply, "Cannot collect", "a reply");
  } catch (error) {
    throw new TerminalError(messageOf(error), { code: "invalid-payload", cause: error });
  }
}
