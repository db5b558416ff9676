import { actor } from "../runtime/actor.ts";
import type { SurveyOptions } from "../runtime/context.ts";
import { messageOf, requireDuration, requireInteger, TerminalError } from "../runtime/errors.ts";
import { Publication, Topic, topicKey } from "../runtime/modes.ts";
import { nameOperations, type Operation, type Protocol, type Tell, tell } from "../runtime/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, unchecked } from "../runtime/schema.ts";

/** Why a survey ended: enough replies came, or the time was up. */
export type SurveyEnd = "max" | "deadline";

/**
 * Publish / asynchronous response: one envelope to the topic, whose `replyTo` is a collector: an actor that takes
 * replies until there are enough or the time is up. What comes later finds nobody and is a dead letter.
 */
export function surveyAll(
  runtime: Runtime,
  operation: Operation,
  payload: unknown,
  options: SurveyOptions | undefined,
): AsyncIterableIterator<unknown, SurveyEnd> {
  const { timeoutMs = 1_000, max = 1_000 } = options ?? {};
  requireDuration("timeoutMs", timeoutMs);
  requireInteger("max", max, 1);
  const publication = new Publication(operation, payload);
  publication.check();
  const key = runtime.ids.text(runtime.ids.next());
  const collector = { protocol: Collector.open.protocol, key };
  const replies = new Replies(() =>
    runtime.deliverTo({ ...collector, operation: Collector.close.name }, undefined)
  );
  const schema = options?.raw ? unchecked() : operation.reply;
  const what = () => `Cannot collect a reply to ${topicKey(operation)}`;
  const take = (reply: unknown) => replies.push(parse(schema, reply, what));
  runtime.accept(
    runtime.compose(Collector.open, key, {
      take,
      end: (why: SurveyEnd) => replies.end(why),
      timeoutMs,
      max,
    }, {}),
  );
  try {
    runtime.accept(runtime.compose(Topic.publish, topicKey(operation), publication, {
      options: { ...options, timeoutMs },
      replyTo: { ...collector, operation: Collector.take.name },
    }));
  } catch (error) {
    replies.return();
    throw error;
  }
  return replies;
}

/** The replies of one survey as they come. Leaving early closes the collector; so does the end. */
class Replies implements AsyncIterableIterator<unknown, SurveyEnd> {
  readonly #close: () => void;
  readonly #waiting: unknown[] = [];
  #wanted: ((result: IteratorResult<unknown, SurveyEnd>) => void)[] = [];
  #end: SurveyEnd | undefined;

  constructor(close: () => void) {
    this.#close = close;
  }

  push(reply: unknown): void {
    const wanted = this.#wanted.shift();
    if (wanted === undefined) this.#waiting.push(reply);
    else wanted({ done: false, value: reply });
  }

  end(why: SurveyEnd): void {
    this.#end ??= why;
    for (const wanted of this.#wanted) wanted({ done: true, value: this.#end });
    this.#wanted = [];
  }

  next(): Promise<IteratorResult<unknown, SurveyEnd>> {
    if (this.#waiting.length > 0) return Promise.resolve({ done: false, value: this.#waiting.shift() });
    if (this.#end !== undefined) return Promise.resolve({ done: true, value: this.#end });
    return new Promise((resolve) => this.#wanted.push(resolve));
  }

  return(): Promise<IteratorResult<unknown, SurveyEnd>> {
    if (this.#end === undefined) this.#close();
    this.#waiting.length = 0;
    this.end("max");
    return Promise.resolve({ done: true, value: this.#end! });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

interface Collection {
  /** Takes one reply; throws when it does not fit. */
  readonly take: (reply: unknown) => void;
  readonly end: (why: SurveyEnd) => void;
  readonly timeoutMs: number;
  readonly max: number;
}

const Collector: Protocol<"~collector", {
  open: Tell<Collection>;
  take: Tell<unknown>;
  expire: Tell<void>;
  close: Tell<void>;
}> = nameOperations("~collector", {
  open: tell(unchecked<Collection>()),
  take: tell(unchecked<unknown>()),
  expire: tell(),
  close: tell(),
});

/** The actor that collects the replies of one survey. */
export const collectorActor = actor(Collector, {
  transient: true,
  state: (): { readonly collection: Collection; readonly taken: number } | undefined => undefined,
  on: {
    open(ctx, collection) {
      ctx.state = { collection, taken: 0 };
      ctx.schedule("expire", { afterMs: collection.timeoutMs }, ctx.self.at(Collector.expire));
    },
    take(ctx, reply) {
      if (ctx.state === undefined) throw new TerminalError("The survey is over", { code: "late-reply" });
      const { collection, taken } = ctx.state;
      try {
        collection.take(reply);
      } catch (error) {
        throw new TerminalError(messageOf(error), { code: "invalid-payload", cause: error });
      }
      ctx.state = { collection, taken: taken + 1 };
      if (taken + 1 < collection.max) return;
      collection.end("max");
      ctx.cancel("expire");
      ctx.stop();
    },
    expire(ctx) {
      ctx.state?.collection.end("deadline");
      ctx.stop();
    },
    close(ctx) {
      ctx.cancel("expire");
      ctx.stop();
    },
  },
  mailbox: { capacity: 10_000 },
  onFailure: "resume",
  idleMs: Infinity, // it ends itself
  onIdle: "drop",
});
