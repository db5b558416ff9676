import { messageOf, type PosthornError } from "../base/errors.ts";
import { codeOf } from "../base/thrown.ts";
import type { ActorId } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import { asks, deadlineAt, type ReplyTarget, Route } from "../messages/envelope.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { codeOfThrown } from "../ports/dead_letters.ts";
import type { Destination, Parcel } from "../ports/transport.ts";
import { type Body, bodyOf, problemOf } from "./body.ts";
import { callerOf, type Meaning } from "./meaning.ts";
import type { Fault, ReceivedMessage } from "./received_message.ts";
import { encodeHeaders, senderName, wireHeaders } from "./wire.ts";

/** What asks of other services need. */
export interface RemoteAsksParts {
  readonly service: string;
  /** Makes a new id. */
  nextId(): string;
  /** Puts a message into its mailbox, as one from outside a turn. */
  accept(to: ActorId, operation: Operation, payload: unknown, route: Route): Promise<unknown> | undefined;
  /** Sends a parcel at once; it is lost with this process. */
  sendNow(parcel: Parcel): void;
}

/**
 * Runs asks of other services. An ask is in no store, and neither is its reply: if this process ends before it has sent
 * that, the caller's time runs out.
 */
export class RemoteAsks {
  readonly #parts: RemoteAsksParts;

  constructor(parts: RemoteAsksParts) {
    this.#parts = parts;
  }

  /** Starts an ask. */
  run(message: ReceivedMessage, ask: Meaning & { readonly kind: "ask" }): void {
    const { to, operation, payload, deadlineMs } = ask;
    const { id, causationId, correlationId, headers, delivery: { body } } = message;
    const reply = new RemoteReply(this, message, to);
    const extras = { id, headers, caller: callerOf(message), bytes: body.length };
    const route = new Route(operation, causationId, correlationId, reply, deadlineAt(deadlineMs), extras);
    try {
      this.#parts.accept(to, operation, payload, route)?.catch((error) => reply.fail(error));
    } catch (error) {
      reply.fail(error as PosthornError);
    }
  }

  /** Tells the caller that it gets no reply. */
  refuse(message: ReceivedMessage, fault: Omit<ToldFailure, "id">, from?: ActorId): void {
    this.#send(message, from, problemOf({ ...fault, id: message.id }));
  }

  /** Gives the caller its reply. */
  reply(message: ReceivedMessage, from: ActorId, value: unknown): void {
    let body: Body;
    try {
      body = bodyOf(value);
    } catch (error) { // it is no data, which only this process could have handed over
      return this.fail(message, from, error);
    }
    this.#send(message, from, body);
  }

  /** Tells the caller why its turn gave no reply. */
  fail(message: ReceivedMessage, from: ActorId, error: unknown): void {
    const fault = { code: codeOf(error, "failed"), message: messageOf(error), ...codeOfThrown(error) };
    this.refuse(message, fault, from);
  }

  #send(message: ReceivedMessage, from: ActorId | undefined, { body, contentType }: Body): void {
    const { returnTo, id, correlationId = id, deadlineMs } = message;
    if (returnTo === undefined) return;
    const { service, nextId, sendNow } = this.#parts;
    const to: Destination = "address" in returnTo
      ? { kind: "reply", address: returnTo.address }
      : { kind: "inbox", protocol: returnTo.protocol, key: returnTo.key };
    const headers = encodeHeaders(message.headers);
    headers[wireHeaders.reply] = "true";
    headers[wireHeaders.sender] = senderName(service, from?.protocol, from?.key);
    headers[wireHeaders.cause] = encodeURIComponent(id); // a turn may take the reply, of the same chain
    headers[wireHeaders.correlation] = correlationId === id
      ? headers[wireHeaders.cause]
      : encodeURIComponent(correlationId);
    const answers = { correlationId: returnTo.correlationId, expiresAtMs: deadlineMs };
    sendNow({ to, id: nextId(), body, contentType, headers, ...answers });
  }
}

/** Why an ask is not run again that was handed over before. */
export const outcomeUnknown: Fault = {
  code: "outcome-unknown",
  message: "it was handed over before, and nobody knows what became of it then",
};

/** Takes the reply to an ask of another service. */
class RemoteReply implements ReplyTarget {
  over = false;
  readonly #runner: RemoteAsks;
  readonly #message: ReceivedMessage;
  readonly #to: ActorId;

  constructor(runner: RemoteAsks, message: ReceivedMessage, to: ActorId) {
    this.#runner = runner;
    this.#message = message;
    this.#to = to;
  }

  get [asks](): true {
    return true;
  }

  reply(_output: unknown, input: unknown): void {
    if (this.over) return;
    this.over = true;
    this.#runner.reply(this.#message, this.#to, input);
  }

  fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.#runner.fail(this.#message, this.#to, error);
  }
}
