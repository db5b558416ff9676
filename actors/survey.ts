import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import { deadlineAt, Envelope, Route } from "../runtime/messages/envelope.ts";
import type { ActorId } from "../runtime/language/address.ts";
import type { SurveyOptions } from "../runtime/language/context.ts";
import { type PosthornError, StoppedError } from "../runtime/base/errors.ts";
import { requireInteger } from "../runtime/base/require.ts";
import {
  Collector,
  collectorKey,
  Publication,
  Topic,
  topicKey,
} from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Remembered } from "../runtime/messages/deduplication.ts";
import type { Turn } from "../runtime/turns/turn.ts";
import { timeLeftMs } from "./ask.ts";

/** Why a survey ended: enough replies came, or the time was up. */
export type SurveyEnd = "max" | "deadline";

/**
 * Publish / asynchronous response: one envelope to the topic, whose `replyTo` is a collector: an actor that takes
 * replies until there are enough or the time is up. Later replies are counted and dropped.
 *
 * The collector lives in this process. If topics are in a store, respondents may run on another instance. Their replies
 * come through the store (`SurveyReplies`), each at most once, and do not survive this process.
 */
export function surveyAll(
  runtime: Runtime,
  operation: Operation,
  first: unknown,
  second: (SurveyOptions & IngressSendOptions) | undefined,
  turn?: Turn,
): AsyncIterableIterator<unknown, SurveyEnd> {
  const payload = payloadIn(operation, first);
  const options = optionsIn(operation, first, second);
  const { max = 1_000 } = options ?? {};
  const nowMs = runtime.clock.now();
  const timeoutMs = timeLeftMs(nowMs, options?.timeoutMs ?? 1_000, turn);
  requireInteger("max", max, 1);
  const publication = new Publication(operation, payload);
  publication.check();
  const deadlineMs = nowMs + timeoutMs;
  const key = collectorKey(runtime.ids.name, runtime.ids.next(), deadlineMs);
  const collector = { protocol: Collector.open.protocol, key };
  const topic = { protocol: Topic.publish.protocol, key: topicKey(operation) };
  const route = runtime.route(Topic.publish, {
    options,
    cause: turn,
    deadline: deadlineAt(deadlineMs),
    replyTo: { ...collector, operation: Collector.take.name },
  });
  const begin = (remembered?: Remembered) => {
    runtime.delivery.requireRunning(`survey ${topicKey(operation)}`);
    const close = () =>
      runtime.delivery.deliverTo({ ...collector, operation: Collector.close.name }, undefined);
    const collected = new ReplyStream(close, remembered);
    runtime.delivery.accept(collector, Collector.open, { replies: collected, reply: operation.reply, max });
    try {
      const committed = runtime.delivery.accept(topic, Topic.publish, publication, unnamed(runtime, route));
      committed?.catch((error) => collected.refuse(error));
      askHere(runtime, publication, route);
      askOthers(runtime, publication, route, collector, collected, deadlineMs);
    } catch (error) {
      collected.leave();
      throw error;
    }
    const timer = runtime.timers.set(
      timeoutMs,
      () => runtime.delivery.deliverTo({ ...collector, operation: Collector.expire.name }, undefined),
      () => collected.fail(new StoppedError(`Cannot survey ${topicKey(operation)}: the system has stopped`)),
    );
    const expecting = runtime.persistence?.expectSurveyReplies(deadlineMs);
    collected.onEnd = () => {
      timer.cancel();
      expecting?.[Symbol.dispose]();
    };
    return collected;
  };
  // The replies are kept in this process, and so is the id, also if there is a store.
  const replies = route.extras?.scope === undefined ? begin() : runtime.delivery.deduplication.once(
    new Envelope(route, topic.key, route.extras.id!, publication),
    begin,
  );
  return replies.iterate(options?.raw ?? false);
}

/** Gives the publication a new id: the store could know this one from another instance, which has other replies. */
function unnamed(runtime: Runtime, route: Route): Route {
  if (route.extras?.scope === undefined || runtime.persistence === undefined) return route;
  return route.with({ id: runtime.ids.ulid(), scope: undefined });
}

/** If topics are in a store, functions of this process are asked directly, because no store has them. */
function askHere(runtime: Runtime, publication: Publication, { replyTo, deadline }: Route): void {
  const respondents = runtime.persistence?.respondents;
  for (const to of respondents?.of(topicKey(publication.operation), publication.check().subject) ?? []) {
    const hearing = new Route(runtime.delivery.operationAt(to), undefined, undefined, replyTo, deadline);
    runtime.delivery.deliver(to, hearing, publication);
  }
}

/** Respondents of other services are asked, if they may hear of the survey. Their replies come to this process. */
function askOthers(
  runtime: Runtime,
  publication: Publication,
  route: Route,
  collector: ActorId,
  collected: ReplyStream,
  deadlineMs: number,
): void {
  const take = { ...collector, operation: Collector.take.name };
  runtime.remote?.survey(publication, route, {
    many: true,
    get over() {
      return collected.over || runtime.clock.now() >= deadlineMs;
    },
    reply: (payload) => runtime.delivery.deliverTo(take, payload),
    fail: () => {}, // a respondent that fails does not answer
  });
}

/**
 * The replies of one survey as they come. When its last reader leaves, the collector is closed. A survey with an id is
 * collected to its end: a repeat, perhaps after a broken connection, gets the replies that the first would have got.
 */
class ReplyStream {
  readonly #close: () => void;
  readonly #remembered: Remembered | undefined;
  readonly #replies: { readonly output: unknown; readonly input: unknown }[] = [];
  readonly #waiting = new Set<() => void>();
  #end: SurveyEnd | undefined;
  #error: PosthornError | undefined;
  #readers = 0;
  /** Called when it ends, for whatever reason. */
  onEnd: (() => void) | undefined;

  constructor(close: () => void, remembered: Remembered | undefined) {
    this.#close = close;
    this.#remembered = remembered;
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  push(output: unknown, input: unknown): void {
    this.#replies.push({ output, input });
    this.#remembered?.answered(input);
    this.#wake();
  }

  end(why: SurveyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.onEnd?.();
    this.#wake();
  }

  /** Ends it with an error, after the replies that have come. */
  fail(error: PosthornError): void {
    if (this.#end !== undefined) return;
    this.#error = error;
    this.end("deadline");
  }

  /** Ends it with an error because the survey was not accepted. */
  refuse(error: PosthornError): void {
    this.#remembered?.refused();
    if (this.#end !== undefined) return;
    this.#close();
    this.fail(error);
  }

  leave(): void {
    if (this.#end !== undefined) return;
    this.#close();
    this.end("max"); // as many as were wanted
  }

  iterate(raw: boolean): AsyncIterableIterator<unknown, SurveyEnd> {
    let next = 0;
    let left = false;
    this.#readers++;
    const iterator: AsyncIterableIterator<unknown, SurveyEnd> = {
      next: async () => {
        while (!left && next >= this.#replies.length && this.#end === undefined) {
          await new Promise<void>((resolve) => this.#waiting.add(resolve));
        }
        if (!left && next < this.#replies.length) {
          const { output, input } = this.#replies[next++];
          return { done: false, value: raw ? input : output };
        }
        if (left || this.#error === undefined) return { done: true, value: this.#end ?? "max" };
        left = true;
        throw this.#error;
      },
      return: () => {
        if (!left && --this.#readers === 0 && this.#remembered === undefined) this.leave();
        left = true;
        this.#wake(); // its own pending call of next() ends
        return Promise.resolve({ done: true, value: this.#end ?? "max" });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
