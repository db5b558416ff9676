import type { Address } from "../runtime/language/address.ts";
import type { Subscription } from "../runtime/language/context.ts";
import type { Persistence } from "../runtime/durable/persistence.ts";
import { retryWhileUnavailable } from "../runtime/durable/delivery/retry_while_unavailable.ts";
import { Envelope, Route } from "../runtime/messages/envelope.ts";
import { messageOf, PosthornError } from "../runtime/base/errors.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { Topic, topicKey } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";

type Change = typeof Topic.subscribe | typeof Topic.unsubscribe;

/**
 * The subscription of an address is committed, and outlives this process. Where the store is away it is tried again until
 * it is there; what is published here meanwhile waits for it. Throws a `StoreError` where too many wait.
 */
export function subscribeDurably(
  runtime: Runtime,
  persistence: Persistence,
  event: Operation,
  to: Address,
  subject: string | undefined,
): Subscription {
  const address = givenAddress(to);
  persistence.pendingSubscriptions.requireRoom(topicKey(event));
  const token = runtime.ids.ulid(); // the same at each attempt: one that landed unheard is not another
  let wanted = true;
  const ready = change(
    runtime,
    persistence,
    event,
    Topic.subscribe,
    { to: address, subject, token },
    () => !wanted,
  );
  ready.catch(() => {}); // it is a dead letter as well
  return {
    ready,
    [Symbol.dispose]() {
      if (!wanted || runtime.health.status !== "running") return;
      wanted = false;
      change(runtime, persistence, event, Topic.unsubscribe, { to: address, token }, () => false)
        .catch(() => {}); // it is a dead letter
    },
  };
}

/** Tells a topic of a subscription, and again while the store is away. Throws where the system takes nothing in. */
function change(
  runtime: Runtime,
  { pendingSubscriptions: joining }: Persistence,
  event: Operation,
  operation: Change,
  payload: { readonly to: Address; readonly subject?: string | undefined; readonly token: string },
  givenUp: () => boolean,
): Promise<void> {
  const topic = { protocol: operation.protocol, key: topicKey(event) };
  const tellTopic = async () => void await runtime.delivery.accept(topic, operation, payload);
  let first: Promise<void> | undefined = Promise.resolve(runtime.delivery.accept(topic, operation, payload))
    .then(() => {});
  const asked = joining.add(topic.key, () => {
    const attempt = first ?? tellTopic();
    first = undefined;
    return attempt;
  });
  return retryWhileUnavailable(runtime, () => asked.attempt(), givenUp).catch((error) => {
    if (!givenUp() && runtime.health.status === "running") {
      const envelope = new Envelope(new Route(operation), topic.key, runtime.ids.next(), payload);
      const reason = error instanceof PosthornError ? error.code : "failed";
      runtime.delivery.deadLetter(envelope, reason, messageOf(error), error);
    }
    throw error;
  }).finally(() => asked.over());
}
