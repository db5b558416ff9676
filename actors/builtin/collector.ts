import { messageOf, TerminalError } from "../../runtime/base/errors.ts";
import { type Actor, actor } from "../../runtime/language/actor.ts";
import type { Context } from "../../runtime/language/context.ts";
import { parse } from "../../runtime/language/parse.ts";
import type { Schema } from "../../runtime/language/schema.ts";
import { type Collection, Collector } from "../../runtime/messages/builtin_protocols.ts";

/** A survey that is open. */
interface Collecting {
  readonly collection: Collection;
  /** How many replies have come. */
  readonly taken: number;
  /** How many respondents of this service were asked; absent until its topic has told it. */
  readonly asked: number | undefined;
  /** How many of them have replied, abstained or failed. */
  readonly through: number;
  /** How many other services are through. */
  readonly services: number;
}

type CollectorContext = Context<"~collector", Collecting | undefined>;

/**
 * The actor that collects the replies of one survey. It calls `onLate` for each reply that comes after the end. A reply that
 * does not fit is a dead letter, and so its respondent is counted as one that has failed.
 */
export function collectorActor(onLate: () => void): Actor<"~collector"> {
  const late = (ctx: CollectorContext): void => {
    onLate();
    ctx.passivate();
  };
  return actor(Collector, {
    transient: true,
    state: (): Collecting | undefined => undefined,
    on: {
      open(ctx, collection) {
        ctx.state = { collection, taken: 0, asked: undefined, through: 0, services: 0 };
      },
      take(ctx, reply) {
        const collecting = ctx.state as Collecting | undefined;
        if (collecting === undefined) return late(ctx);
        go(ctx, { ...collect(collecting, reply), through: collecting.through + 1 });
      },
      add(ctx, reply) {
        const collecting = ctx.state as Collecting | undefined;
        if (collecting === undefined) return late(ctx);
        go(ctx, collect(collecting, reply));
      },
      pass: (ctx) => change(ctx, ({ through }) => ({ through: through + 1 })),
      asked: (ctx, count) => change(ctx, ({ asked = 0 }) => ({ asked: asked + count })),
      through: (ctx, services) => change(ctx, () => ({ services })),
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

/** Takes a reply. Throws a `TerminalError` if it does not fit. */
function collect(collecting: Collecting, reply: unknown): Collecting {
  const { collection, taken } = collecting;
  collection.replies.push(checked(collection.reply, reply), reply);
  return { ...collecting, taken: taken + 1 };
}

/** Counts, unless the survey is over. */
function change(ctx: CollectorContext, by: (before: Collecting) => Partial<Collecting>): void {
  const before = ctx.state as Collecting | undefined;
  if (before === undefined) ctx.passivate();
  else go(ctx, { ...before, ...by(before) });
}

/** Ends the survey if it has enough replies, or if everybody is through. */
function go(ctx: CollectorContext, collecting: Collecting): void {
  const { collection: { replies, max }, taken } = collecting;
  ctx.state = collecting;
  if (taken < max && !isThrough(collecting)) return;
  replies.end(taken < max ? "all" : "max");
  ctx.passivate();
}

function isThrough({ collection, asked, through, services }: Collecting): boolean {
  if (asked === undefined || through < asked) return false;
  return services + (asked > 0 ? 1 : 0) >= collection.services;
}

function checked(schema: Schema<unknown> | undefined, reply: unknown): unknown {
  try {
    return parse(schema, reply, "Cannot collect", "a reply");
  } catch (error) {
    throw new TerminalError(messageOf(error), { code: "invalid-payload", cause: error });
  }
}
