import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import { deadlineAt, Envelope, Route } from "../runtime/messages/envelope.ts";
import type { ActorId, Address } from "../runtime/language/address.ts";
import { type Replies, servicesMax, type SurveyOptions } from "../runtime/language/context.ts";
import { StoppedError } from "../runtime/base/errors.ts";
import { requireInteger, requireWithin } from "../runtime/base/require.ts";
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
import { AskedServices } from "./asked_services.ts";
import { ReplyStream } from "./reply_stream.ts";

/**
 * Publish / asynchronous response: one envelope to the topic, whose `replyTo` is a collector: an actor that takes
 * replies until there are enough, all respondents are through, or the time is up. The topic tells it how many it asked.
 * Later replies are counted and dropped.
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
): Replies<unknown> {
  const payload = payloadIn(operation, first);
  const options = optionsIn(operation, first, second);
  const { max = 1_000 } = options ?? {};
  const nowMs = runtime.clock.now();
  const timeoutMs = timeLeftMs(nowMs, options?.timeoutMs ?? 1_000, turn);
  requireInteger("max", max, 1);
  if (options?.services !== undefined) requireWithin("services", options.services, 1, servicesMax);
  const services = runtime.remote?.asks(operation) ? options?.services ?? Infinity : 0;
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
    const sent = named(runtime, route);
    const collection = { replies: collected, reply: operation.reply, max, services };
    runtime.delivery.accept(collector, Collector.open, collection);
    const here = respondentsHere(runtime, publication);
    publication.asked = here.length;
    const askAll = (sent: Route) => {
      const committed = runtime.delivery.receive(topic, Topic.publish, publication, sent);
      committed?.catch((error) => collected.refuse(error));
      askHere(runtime, publication, here, sent);
      if (services > 0) {
        const counts = services < Infinity;
        const others = route.with({ headers: sent.extras?.headers });
        askOthers(runtime, publication, others, { collector, collected, deadlineMs, counts });
      }
      return committed;
    };
    try {
      const { interception } = runtime;
      if (interception === undefined) askAll(sent);
      else interception.send(topic, sent, publication, askAll);
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

/**
 * Gives the publication an id of its own if there is a store: this could know a given one from another instance, which
 * has other replies. The functions that are asked directly get the same one.
 */
function named(runtime: Runtime, route: Route): Route {
  const { id, scope } = route.extras ?? {};
  if (runtime.persistence === undefined || (id !== undefined && scope === undefined)) return route;
  return route.with({ id: runtime.ids.ulid(), scope: undefined });
}

/** If topics are in a store, functions of this process are asked directly, because no store has them. */
function respondentsHere(runtime: Runtime, publication: Publication): readonly Address[] {
  const { operation } = publication;
  return runtime.persistence?.respondents.of(topicKey(operation), publication.check().subject) ?? [];
}

function askHere(
  runtime: Runtime,
  publication: Publication,
  respondents: readonly Address[],
  { correlationId, replyTo, deadline, extras: { id, headers } = {} }: Route,
): void {
  const own = headers && { headers };
  const chain = correlationId ?? id;
  for (const to of respondents) {
    const operation = runtime.delivery.operationAt(to);
    runtime.delivery.deliver(to, new Route(operation, id, chain, replyTo, deadline, own), publication);
  }
}

/** The survey whose collector gets the replies of other services. */
interface OpenSurvey {
  readonly collector: ActorId;
  readonly collected: ReplyStream;
  readonly deadlineMs: number;
  /** Whether the respondents of other services are counted. */
  readonly counts: boolean;
}

/** Respondents of other services are asked. Their replies come to this process. */
function askOthers(
  runtime: Runtime,
  publication: Publication,
  route: Route,
  { collector, collected, deadlineMs, counts }: OpenSurvey,
): void {
  const { delivery } = runtime;
  const add = { ...collector, operation: Collector.add.name };
  const through = { ...collector, operation: Collector.through.name };
  const asked = new AskedServices((services) => delivery.deliverTo(through, services));
  runtime.remote?.survey(publication, route, {
    many: true,
    get over() {
      return collected.over || runtime.clock.now() >= deadlineMs;
    },
    reply: (payload, sender) => {
      if (!counts || payload !== undefined) delivery.deliverTo(add, payload);
      asked.settled(sender);
    },
    fail: (_error, sender) => asked.settled(sender),
    ...counts && { asked: (count, sender) => asked.asked(sender, count) },
  });
}
