import { messageOf, type PosthornError } from "../base/errors.ts";
import { codeOf } from "../base/thrown.ts";
import type { ActorId } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import { asks, deadlineAt, type ReplyTarget, Route } from "../messages/envelope.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { codeOfThrown } from "../ports/dead_letters.ts";
import type { ReplyAddress } from "../messages/remote_address.ts";
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

  #send(message: ReceivedMessage, from: ActorId | undefined, body: Body): void {
    if (message.returnTo === undefined) return;
    this.#parts.sendNow(new ReplyParcel(this.#parts, message, message.returnTo, from, body));
  }
}

/** The reply to an ask on its way. Most of what it can say of itself nobody asks for. */
class ReplyParcel implements Parcel {
  readonly to: Destination;
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  readonly userHeaders: Readonly<Record<string, string>>;
  readonly correlationId: string | undefined;
  readonly expiresAtMs: number | undefined;
  readonly #parts: RemoteAsksParts;
  readonly #message: ReceivedMessage;
  readonly #from: ActorId | undefined;
  #id: string | undefined = undefined;

  constructor(
    parts: RemoteAsksParts,
    message: ReceivedMessage,
    returnTo: ReplyAddress,
    from: ActorId | undefined,
    { body, contentType }: Body,
  ) {
    this.to = "address" in returnTo
      ? { kind: "reply", address: returnTo.address }
      : { kind: "inbox", protocol: returnTo.protocol, key: returnTo.key };
    this.body = body;
    this.contentType = contentType;
    this.userHeaders = encodeHeaders(message.headers);
    this.correlationId = returnTo.correlationId;
    this.expiresAtMs = message.deadlineMs;
    this.#parts = parts;
    this.#message = message;
    this.#from = from;
  }

  get id(): string {
    return this.#id ??= this.#parts.nextId();
  }

  get headers(): Readonly<Record<string, string>> {
    const { id, correlationId = id } = this.#message;
    return {
      ...this.userHeaders,
      [wireHeaders.reply]: "true",
      [wireHeaders.sender]: senderName(this.#parts.service, this.#from?.protocol, this.#from?.key),
      [wireHeaders.cause]: encodeURIComponent(id), // a turn may take the reply, of the same chain
      [wireHeaders.correlation]: encodeURIComponent(correlationId),
    };
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
