import type { ActorId } from "../language/address.ts";
import { CancelledError } from "../base/cancelled_error.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { parse } from "../language/parse.ts";
import { isSound } from "../base/thrown.ts";
import { toText } from "../durable/rows/value_codec.ts";
import { headOf } from "../durable/rows/queued_message.ts";
import type { Acceptance } from "../durable/delivery/acceptance.ts";
import type { Publication } from "../messages/builtin_protocols.ts";
import { failureAddresses, toldTo } from "../messages/failure_addresses.ts";
import { isReplyTarget, nameOf, type ReplyTarget, type Route } from "../messages/envelope.ts";
import { Remote as RemoteProtocol } from "../messages/remote_address.ts";
import type { Operation } from "../language/protocol.ts";
import type { MemoryLanes } from "./memory_lanes.ts";
import { cancelOf, type ExpectedReply, parcelOf, type RemoteMessage, requestOf } from "./outbox_row.ts";
import type { PendingRequest, Waiter } from "./pending_replies.ts";
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
      : this.#expect(askWaiter(asker, operation, to));
    const input = extras?.input;
    const sent = input === undefined ? payload : input.payload;
    return this.#send({ to, route, mode: operation.mode, payload: sent, expected }, asker);
  }

  /** Publishes; the replies to a survey go to its waiter. */
  async publish(publication: Publication, route: Route, waiter?: Waiter): Promise<void> {
    const { operation: { mode }, payload } = publication;
    const to = this.#remote.eventReceiver(publication);
    const expected = waiter && this.#expect(waiter);
    const counts = waiter?.asked !== undefined;
    await this.#send(
      { to, route: route.of(RemoteProtocol.publish), mode, payload, expected, counts },
      waiter,
    );
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
    { to, route, mode, payload, expected, counts }: {
      readonly to: ActorId;
      readonly route: Route;
      readonly mode: Operation["mode"];
      readonly payload: unknown;
      readonly expected: ExpectedReply | undefined;
      readonly counts?: boolean;
    },
    asker: { readonly over: boolean } | undefined,
  ): Promise<void> | undefined {
    const { parts: { service, ids }, pending } = this.#remote;
    const { extras } = route;
    const forgetting = (error: unknown): never => {
      if (expected !== undefined) pending.forget(expected.name);
      throw error;
    };
    try {
      const id = ids.text(extras?.id ?? ids.next());
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
        if (expected !== undefined) pending.fail(expected.name, error);
      };
      if (asker !== undefined && this.#lanes.sendNow(parcel, sending, failed)) return;
      return this.#lanes.send(parcel, sending).catch(forgetting);
    } catch (error) {
      return forgetting(error);
    }
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
      reply: (payload) => delivery.deliverTo(replyTo, payload),
      fail: (error) => {
        const { id = "", code, message } = error;
        const outcome = error instanceof CancelledError ? error.outcome : undefined;
        for (const address of failureAddresses(replyTo, failTo)) {
          delivery.deliverTo(address, toldTo(address, { id, code, message, outcome }));
        }
      },
    });
  }
}

/** Gives the reply of an ask to who asked. */
function askWaiter(asker: ReplyTarget, operation: Operation, { key }: ActorId): Waiter {
  return {
    get over() {
      return asker.over;
    },
    reply: (payload) => {
      let reply: unknown;
      try {
        reply = operation.repliesUnchecked
          ? payload
          : parse(operation.reply, payload, "Cannot take the reply of", nameOf(operation, key));
      } catch (error) {
        return asker.fail(asFailure(error));
      }
      asker.reply(reply, payload);
    },
    fail: (error) => asker.fail(error),
  };
}

function asFailure(error: unknown): PosthornError {
  return isSound(error, PosthornError)
    ? error
    : new PosthornError("failed", messageOf(error), { cause: error });
}
