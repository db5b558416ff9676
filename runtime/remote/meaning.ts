import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { shorten } from "../base/shorten.ts";
import { codeOf } from "../base/thrown.ts";
import { type ActorId, faultOfName } from "../language/address.ts";
import { parse } from "../language/parse.ts";
import type { Operation } from "../language/protocol.ts";
import { Publication, Topic, topicKey } from "../messages/builtin_protocols.ts";
import { deadlineAt, namedOperation, nameOf, Route } from "../messages/envelope.ts";
import { isLaterKey, laterAddress, LaterReply } from "../messages/later.ts";
import { remoteAddress, type ReplyAddress } from "../messages/remote_address.ts";
import type { Channel, Delivery } from "../ports/transport.ts";
import { failureOf, keptBody, keptBytesMax, payloadOf } from "./decode_body.ts";
import type { Outcome } from "./pending_replies.ts";
import type { Registry } from "./registry.ts";
import { markOfCancelled } from "./message_mark.ts";
import { decoded, type Fault, type ReceivedMessage } from "./received_message.ts";
import { wireHeaders } from "./wire.ts";

/** What a message from another service asks for. */
export type Meaning =
  /** It goes into the mailbox of an actor, or of a topic. */
  | { readonly kind: "message"; readonly to: ActorId; readonly route: Route; readonly payload: unknown }
  /** A caller waits for its reply: it is started, and kept nowhere. */
  | {
    readonly kind: "ask";
    readonly to: ActorId;
    readonly operation: Operation;
    readonly payload: unknown;
    readonly deadlineMs: number;
  }
  /** It is the reply to what this service asked for under that name. */
  | { readonly kind: "reply"; readonly name: string; readonly outcome: Outcome }
  /** It takes back a request to an actor; `request` is the key of the mark of that. */
  | {
    readonly kind: "cancel";
    readonly to: ActorId;
    readonly request: string;
    /** The name of the operation of the request, and where its reply goes. */
    readonly operation: string;
    readonly requestId: string;
    readonly returnTo: ReplyAddress | undefined;
  }
  /** It will not be handled; `kept` is as much of its payload as its dead letter keeps. */
  | {
    readonly kind: "refused";
    readonly to: ActorId;
    readonly route: Route;
    readonly kept: unknown;
    readonly fault: Fault;
    /** Whether a caller waits for its reply, so that nobody needs a dead letter. */
    readonly asked: boolean;
  }
  /** Nobody waits for it any more, or it is an event of this service. */
  | { readonly kind: "ignored" };

/** What the meaning of a message depends on. */
export interface MeaningParts {
  readonly service: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly askTimeoutMs: number;
}

const ignored: Meaning = { kind: "ignored" };
const unanswerable: Fault = { code: "no-return-address", message: "it does not say where its reply goes" };
const misled = "it is a reply, which starts no operation and is no event";
/** The longest name that this service gives to a reply is far shorter. */
const replyNameUnitsMax = 100;
const keyShownMax = 200;
const callerShownMax = 150;
const requestIdUnitsMax = 255;

/** Finds out what messages from other services ask for. Nothing that such a message contains makes it throw. */
export class Meanings {
  readonly #parts: MeaningParts;

  constructor(parts: MeaningParts) {
    this.#parts = parts;
  }

  of(message: ReceivedMessage, channel: Channel): Meaning {
    if (channel.kind === "event") return this.#event(message, channel);
    if (channel.kind === "inbox" && isCancel(message)) return cancelOf(message, channel);
    const { operation, correlationId } = message.delivery;
    const replies = channel.kind !== "inbox" || (operation === undefined && correlationId !== undefined);
    if (!replies) return this.#request(message, channel.protocol);
    if (correlationId !== undefined && isLaterKey(correlationId)) return answerOf(message, correlationId);
    return replyOf(message.delivery, message.id);
  }

  #request(message: ReceivedMessage, protocol: string): Meaning {
    const { key, operation: name } = message.delivery;
    const { clock, registry, askTimeoutMs } = this.#parts;
    const operation = name === undefined ? undefined : registry.exposed(protocol, name);
    const to = { protocol, key };
    const refuse = (code: string, why: string, kept?: unknown) =>
      refused(message, to, { operation, name, code, why, kept });
    if (message.fault !== undefined) return refuse(message.fault.code, message.fault.message);
    if (isReply(message)) return refuse("unknown-operation", misled);
    if (operation === undefined) {
      const what = name === undefined
        ? "it names no operation"
        : `${protocol} exposes no operation of that name`;
      return refuse("unknown-operation", what);
    }
    const keyFault = key === "." || key === ".." ? "it is a relative path" : faultOfName(key);
    if (keyFault !== undefined) return refuse("invalid-key", `its key names no actor: ${keyFault}`);
    let payload: unknown;
    try {
      payload = payloadOf(message.delivery);
    } catch (error) {
      return refuse(codeOf(error, "unreadable-body"), messageOf(error));
    }
    try {
      payload = checked(operation, nameOf(operation, key), payload);
    } catch (error) {
      return refuse(codeOf(error, "failed"), messageOf(error), payload);
    }
    if (operation.mode !== "ask") return { kind: "message", to, route: routeOf(message, operation), payload };
    if (message.returnTo === undefined) return refuse(unanswerable.code, unanswerable.message, payload);
    const nowMs = clock.now();
    const { deadlineMs = nowMs + askTimeoutMs } = message;
    return deadlineMs <= nowMs ? ignored : { kind: "ask", to, operation, payload, deadlineMs };
  }

  #event(message: ReceivedMessage, { protocol, event }: Channel & { readonly kind: "event" }): Meaning {
    const { clock, registry, service } = this.#parts;
    if (message.service === service) return ignored; // it was published here as well
    const operation = registry.heard(protocol, event);
    const to = { protocol: Topic.publish.protocol, key: `${protocol}.${event}` };
    const refuse = (code: string, why: string, payload?: unknown) => {
      const { key: subject, body } = message.delivery;
      const mode = operation?.mode === "survey" ? "survey" : "event";
      const kept = payload === undefined || body.length > keptBytesMax ? keptBody(message.delivery) : payload;
      const publication = { protocol, name: event, mode, subject, payload: kept };
      return refused(message, to, {
        operation: Topic.publish,
        name: undefined,
        code,
        why,
        kept: publication,
      });
    };
    if (message.fault !== undefined) return refuse(message.fault.code, message.fault.message);
    if (isReply(message)) return refuse("unknown-operation", misled);
    if (operation === undefined) return refuse("unknown-operation", "this service does not hear it");
    if (operation.mode === "survey" && (message.deadlineMs ?? Infinity) <= clock.now()) return ignored;
    let payload: unknown;
    try {
      payload = payloadOf(message.delivery);
    } catch (error) {
      return refuse(codeOf(error, "unreadable-body"), messageOf(error));
    }
    try {
      payload = checked(operation, topicKey(operation), payload);
      const publication = new Publication(operation, payload, true);
      publication.check();
      return {
        kind: "message",
        to,
        route: routeOf(message, Topic.publish, operation.mode),
        payload: publication,
      };
    } catch (error) {
      return refuse(codeOf(error, "failed"), messageOf(error), payload);
    }
  }
}

/** Whether another service sent it as a reply. Whoever asked chose where to: it may have named an inbox, or an event. */
function isReply({ delivery: { headers } }: ReceivedMessage): boolean {
  return headers[wireHeaders.reply] !== undefined;
}

/** Whether it takes back a request, and is none itself. */
function isCancel({ delivery: { headers, operation } }: ReceivedMessage): boolean {
  return operation === undefined && headers[wireHeaders.cancel] !== undefined;
}

function cancelOf(message: ReceivedMessage, channel: Channel & { readonly kind: "inbox" }): Meaning {
  const { returnTo, delivery: { key, headers } } = message;
  if (faultOfName(key) !== undefined) return ignored; // no request has such a receiver
  return {
    kind: "cancel",
    to: { protocol: channel.protocol, key },
    request: markOfCancelled(message, channel),
    operation: headers[wireHeaders.cancel],
    requestId: decoded(headers[wireHeaders.cancelId] ?? "").slice(0, requestIdUnitsMax),
    returnTo,
  };
}

/** The payload, if it fits its schema. `null` is no payload, unless the schema takes it. */
function checked(operation: Operation, about: string, payload: unknown): unknown {
  if (operation.unchecked) return payload === null && operation.payload === undefined ? undefined : payload;
  try {
    parse(operation.payload, payload, "Cannot accept", about);
    return payload;
  } catch (error) {
    if (payload !== null) throw error;
    parse(operation.payload, undefined, "Cannot accept", about);
    return undefined;
  }
}

/** The reply that a delivery is; `id` names it if it is a failure that names no message. */
export function replyOf(delivery: Delivery, id = delivery.id ?? ""): Meaning & { readonly kind: "reply" } {
  const name = (delivery.correlationId ?? "").slice(0, replyNameUnitsMax);
  const failure = failureOf(delivery, id);
  if (failure !== undefined) return { kind: "reply", name, outcome: { failure } };
  try {
    return { kind: "reply", name, outcome: { reply: payloadOf(delivery) } };
  } catch (error) {
    const message = `The reply cannot be read: ${messageOf(error)}`;
    return { kind: "reply", name, outcome: { failure: { id, code: codeOf(error, "failed"), message } } };
  }
}

/** An answer to a request of this service that is answered later. */
function answerOf(message: ReceivedMessage, key: string): Meaning {
  const { outcome } = replyOf(message.delivery, message.id);
  const answers = "reply" in outcome;
  const operation = answers ? LaterReply.answer : LaterReply.fail;
  const to = laterAddress(key, answers ? "answer" : "fail");
  return {
    kind: "message",
    to,
    route: routeOf(message, operation),
    payload: answers ? outcome.reply : outcome.failure,
  };
}

/** The route of a message, with the address for its reply if somebody waits for one. */
export function routeOf(message: ReceivedMessage, operation: Operation, mode = operation.mode): Route {
  const { id, causationId, correlationId, deadlineMs, headers, returnTo, delivery: { body } } = message;
  const answered = returnTo !== undefined && mode !== "event";
  const surveys = mode === "survey";
  const to = returnTo !== undefined && surveys ? { ...returnTo, untilMs: deadlineMs } : returnTo;
  const counted = surveys && message.delivery.headers[wireHeaders.respondents] === "count";
  return new Route(
    operation,
    causationId,
    correlationId,
    answered && mode !== "tell" ? remoteAddress(to!, counted ? "take" : "arrive") : undefined,
    deadlineMs === undefined ? undefined : deadlineAt(deadlineMs),
    {
      id,
      failTo: answered && !surveys ? remoteAddress(to!, "refuse") : undefined,
      headers,
      caller: callerOf(message),
      bytes: body.length,
    },
  );
}

/** The name under which a service shares the room for dead letters with others. */
export function callerOf({ service }: ReceivedMessage): string {
  return `from ${shorten(service.toWellFormed(), callerShownMax)}`;
}

function refused(
  message: ReceivedMessage,
  to: ActorId,
  { operation, name, code, why, kept }: {
    readonly operation: Operation | undefined;
    readonly name: string | undefined;
    readonly code: string;
    readonly why: string;
    readonly kept: unknown;
  },
): Meaning {
  const { delivery } = message;
  const safe = faultOfName(to.key) === undefined && to.key !== "." && to.key !== ".."
    ? to
    : { protocol: to.protocol, key: safeName(to.key) }; // it becomes part of a row's key if it is sent again
  const named = operation ?? namedOperation({ ...safe, operation: safeName(name ?? "") });
  const large = kept === undefined || delivery.body.length > keptBytesMax;
  return {
    kind: "refused",
    to: safe,
    route: routeOf(message, named, operation?.mode ?? "submit"),
    kept: large && operation !== Topic.publish ? keptBody(delivery) : kept,
    fault: { code, message: why },
    asked: operation?.mode === "ask" && message.returnTo !== undefined,
  };
}

/** A text that can be part of a key. */
function safeName(text: string): string {
  return `~${encodeURIComponent(shorten(text.toWellFormed(), keyShownMax)).slice(0, keyShownMax)}`;
}
