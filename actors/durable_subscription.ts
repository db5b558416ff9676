import type { Address } from "../runtime/language/address.ts";
import type { Subscription } from "../runtime/language/context.ts";
import type { Persistence } from "../runtime/durable/persistence.ts";
import { Envelope, Route } from "../runtime/messages/envelope.ts";
import { messageOf } from "../runtime/base/errors.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { Topic, topicKey } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { codeOf } from "../runtime/base/thrown.ts";
import type { Runtime } from "../runtime/runtime.ts";

/**
 * Subscribes an address in the store, where the subscription outlives this process. While the store is away it tries
 * again, and what this process publishes meanwhile waits. Throws a `StoreError` if too many subscriptions wait, and a
 * `StoppedError`.
 */
export function subscribeDurably(
  runtime: Runtime,
  { pendingSubscriptions: pending }: Persistence,
  event: Operation,
  to: Address,
  subject: string | undefined,
): Subscription {
  const address = givenAddress(to);
  const topic = { protocol: Topic.subscribe.protocol, key: topicKey(event) };
  pending.requireRoom(topic.key);
  runtime.delivery.requireRunning(`subscribe to ${topic.key}`);
  const token = runtime.ids.ulid(); // the same for each attempt, so that one that landed unnoticed is not another
  let wanted = true;

  const request = (operation: Operation, payload: unknown, givenUp: () => boolean): Promise<void> => {
    const tell = async () => void await runtime.delivery.accept(topic, operation, payload);
    const taken = pending.request(topic.key, tell, givenUp).catch((error) => {
      if (!givenUp() && runtime.health.status === "running") {
        const envelope = new Envelope(new Route(operation), topic.key, runtime.ids.next(), payload);
        runtime.delivery.deadLetter(envelope, codeOf(error, "failed"), messageOf(error), error);
      }
      throw error;
    });
    taken.catch(() => {}); // it is a dead letter as well
    return taken;
  };
  return {
    ready: request(Topic.subscribe, { to: address, subject, token }, () => !wanted),
    [Symbol.dispose]() {
      if (!wanted || runtime.health.status !== "running") return;
      wanted = false;
      void request(Topic.unsubscribe, { to: address, token }, () => false);
    },
  };
}
