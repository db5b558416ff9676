import type { DeliveryPort } from "../activations/runtime_services.ts";
import type { ActorId, Address } from "../language/address.ts";
import { CancelledError } from "../base/cancelled_error.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { parse } from "../language/parse.ts";
import { isSound } from "../base/thrown.ts";
import { toText } from "../durable/rows/value_codec.ts";
import { headOf } from "../durable/rows/queued_message.ts";
import type { Acceptance } from "../durable/delivery/acceptance.ts";
import type { Publication } from "../messages/builtin_protocols.ts";
import { codeOfThrown } from "../ports/dead_letters.ts";
import { failureAddresses, toldTo } from "../messages/failure_addresses.ts";
import { isReplyTarget, nameOf, type ReplyTarget, Route } from "../messages/envelope.ts";
import { Remote as RemoteProtocol } from "../messages/remote_address.ts";
import type { Operation } from "../language/protocol.ts";
import type { MemoryLanes } from "./memory_lanes.ts";
import { cancelOf, type ExpectedReply, parcelOf, type RemoteMessage, requestOf } from "./outbox_row.ts";
import type { PendingRequest, Waiter } from "./pending_replies.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { requireRemote } from "./registry.ts";
import type { Remote } from "./remote.ts";
import { scopedSender } from "./wire.ts";

/** It is with the broker, and in no store. */
const accepted: Acceptance = { repeated: false, ticket: undefined, place: undefined };
const acceptedNow = Promise.resolve(accepted);

/** Sends from memory: asks and surveys, and everything if there is no store. */
export class MemorySending {
  readonly #remote: Remote;
  readonly #lanes: MemoryLanes;

  constructor(remote: Remote, lanes: MemoryLanes) {
    this.#remote = remote;
    this.#lanes = lanes;
  }

  /** Sends a message. Resolves when the broker has it; rejects if it will not have it. */
  accept(to: ActorId, route: Route, payload: unknown): Promise<Acceptance> {
    try {
      const sending = this.#accept(to, route, payload);
      return sending === undefined ? acceptedNow : sending.then(() => accepted);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #accept(to: ActorId, route: Route, payload: unknown): Promise<void> | undefined {
    const { extras, replyTo } = route;
    const own = to.protocol === RemoteProtocol.arrive.protocol;
    const operation = own
      ? route.operation
      : requireRemote(this.#remote.registry, to.protocol, route.operation.name);
    const asker = isReplyTarget(replyTo) ? replyTo : undefined;
    const expected = asker === undefined
      ? this.#expectAt(route, operation)
      : this.#expect(new AskWaiter(asker, operation, to));
    const input = extras?.input;
    const sent = input === undefined ? payload : input.payload;
    return this.#send({ to, route, mode: operation.mode, payload: sent, expected }, asker);
  }

  /**
   * Publishes to receivers that stand for it; the replies to a survey go to its waiter. Rejects if one of them does not get
   * it, but the replies of others still come.
   */
  async publish(
    publication: Publication,
    route: Route,
    receivers: readonly ActorId[],
    waiter?: Waiter,
  ): Promise<void> {
    const { operation: { mode }, payload } = publication;
    const expected = waiter && this.#expect(waiter);
    const counts = waiter?.asked !== undefined;
    const published = { route: route.of(RemoteProtocol.publish), mode, payload, expected, counts };
    const [id, isOneOfMany] = [this.#idOf(route), receivers.length > 1];
    const sends = receivers.map(async (to) =>
      await this.#send({ ...published, to, id, isOneOfMany }, waiter)
    );
    const failed = (await Promise.allSettled(sends)).filter(({ status }) => status === "rejected");
    if (failed.length === receivers.length && expected !== undefined) {
      this.#remote.pending.forget(expected.name);
    }
    if (failed.length > 0) throw (failed[0] as PromiseRejectedResult).reason;
  }

  /**
   * Tells the service of a request to take it back, once. Returns the request; nothing if no reply is waited for under that
   * key.
   */
  cancel(replyKey: string): PendingRequest | undefined {
    const { parts: { ids, report }, pending } = this.#remote;
    const request = pending.requestOf(replyKey);
    if (request === undefined || request.told) return request;
    request.told = true;
    const parcel = parcelOf(cancelOf(request.to, request.sent, ids.text(ids.next()), ids.name), "");
    this.#lanes.send(parcel, {}).catch(report);
    return request;
  }

  /** Sends a message. Returns a promise if it waits for the broker. */
  #send(
    { to, route, mode, payload, expected, counts, id = this.#idOf(route), isOneOfMany = false }: {
      readonly to: ActorId;
      readonly route: Route;
      readonly mode: Operation["mode"];
      readonly payload: unknown;
      readonly expected: ExpectedReply | undefined;
      readonly counts?: boolean;
      readonly id?: string;
      /** Whether the reply may come from others too: then it is waited for although this one is not sent. */
      readonly isOneOfMany?: boolean;
    },
    asker: { readonly over: boolean } | undefined,
  ): Promise<void> | undefined {
    const { parts: { service, ids }, pending } = this.#remote;
    const { extras } = route;
    const awaited = isOneOfMany ? undefined : expected;
    const forgetting = (error: unknown): never => {
      if (awaited !== undefined) pending.forget(awaited.name);
      throw error;
    };
    try {
      const message = headOf(route, id, ids.name, ids);
      const sender = scopedSender(service, extras?.scope);
      const remote: RemoteMessage = { to, message, mode, sender, expected, counts };
      const parcel = parcelOf(remote, toText(payload), asker && message.deadlineMs);
      const request = requestOf(remote, parcel.body);
      if (request?.sent !== undefined) {
        const { sent } = request;
        this.#remote.pending.sent(sent.name, { replyKey: message.replyTo!.key, to, sent, told: false });
      }
      const sending = asker === undefined ? {} : { once: true, over: () => asker.over };
      const failed = (error: PosthornError) => {
        if (awaited !== undefined) pending.fail(awaited.name, error);
      };
      if (asker !== undefined && this.#lanes.sendNow(parcel, sending, failed)) return;
      return this.#lanes.send(parcel, sending).catch(forgetting);
    } catch (error) {
      return forgetting(error);
    }
  }

  #idOf({ extras }: Route): string {
    const { ids } = this.#remote.parts;
    return ids.text(extras?.id ?? ids.next());
  }

  #expect(waiter: Waiter): ExpectedReply {
    return { channel: { kind: "process" }, name: this.#remote.pending.wait(waiter) };
  }

  /** Lets an address wait for a reply that comes to this process. */
  #expectAt({ replyTo, extras }: Route, { mode }: Operation): ExpectedReply | undefined {
    if (replyTo === undefined || isReplyTarget(replyTo) || mode === "tell" || mode === "event") {
      return undefined;
    }
    const { services: { delivery }, options: { clock, replyRetentionMs, laterMs } } = this.#remote.parts;
    const untilMs = clock.monotonicMs() + Math.max(replyRetentionMs, laterMs);
    const failTo = extras?.failTo;
    return this.#expect({
      get over() {
        return clock.monotonicMs() >= untilMs;
      },
      reply: (payload, _sender, read) => deliverAnswer(delivery, replyTo, payload, read),
      fail: (error, _sender, read) => {
        const { id = "", code, message } = error;
        const outcome = error instanceof CancelledError ? error.outcome : undefined;
        for (const address of failureAddresses(replyTo, failTo)) {
          const failure = toldTo(address, { id, code, message, outcome, ...codeOfThrown(error) });
          deliverAnswer(delivery, address, failure, read);
        }
      },
    });
  }
}

/** Delivers what another service has answered, with the headers of its message. */
function deliverAnswer(
  delivery: DeliveryPort,
  to: Address,
  payload: unknown,
  read: (() => ReceivedMessage) | undefined,
): void {
  const { causationId, correlationId, headers } = read?.() ?? {};
  const operation = delivery.operationAt(to);
  const route = new Route(
    operation,
    causationId,
    correlationId,
    undefined,
    undefined,
    headers && { headers },
  );
  delivery.deliver(to, route, payload);
}

/** Gives the reply of an ask to who asked. */
class AskWaiter implements Waiter {
  request: PendingRequest | undefined = undefined;
  readonly #asker: ReplyTarget;
  readonly #operation: Operation;
  readonly #key: string;

  constructor(asker: ReplyTarget, operation: Operation, { key }: ActorId) {
    this.#asker = asker;
    this.#operation = operation;
    this.#key = key;
  }

  get over(): boolean {
    return this.#asker.over;
  }

  reply(payload: unknown): void {
    let reply: unknown;
    try {
      reply = this.#operation.repliesUnchecked ? payload : parse(
        this.#operation.reply,
        payload,
        "Cannot take the reply of",
        nameOf(this.#operation, this.#key),
      );
    } catch (error) {
      return this.#asker.fail(asFailure(error));
    }
    this.#asker.reply(reply, payload);
  }

  fail(error: PosthornError): void {
    this.#asker.fail(error);
  }
}

function asFailure(error: unknown): PosthornError {
  return isSound(error, PosthornError)
    ? error
    : new PosthornError("failed", messageOf(error), { cause: error });
}
