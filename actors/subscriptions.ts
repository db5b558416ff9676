import type { Address } from "../runtime/language/address.ts";
import type { Subscribed } from "../runtime/language/context.ts";
import { DeadlineExceededError } from "../runtime/base/errors.ts";
import { type SubscriptionsPage, Topic, topicKey } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { ask } from "./ask.ts";

/** The subscriptions of addresses. It asks the topic for one page at a time, when the page is read. */
export function subscriptionsOf(runtime: Runtime, event: Operation): AsyncIterable<Subscribed> {
  return { [Symbol.asyncIterator]: () => pages(runtime, event) };
}

/** Ends the subscription of an address. Resolves with whether there was one. */
export async function unsubscribe(runtime: Runtime, event: Operation, to: Address): Promise<boolean> {
  const { protocol, key, operation } = to;
  return await askTopic(runtime, event, Topic.remove, { to: { protocol, key, operation } }) as boolean;
}

async function* pages(runtime: Runtime, event: Operation): AsyncGenerator<Subscribed> {
  let after: string | undefined;
  do {
    const page = await askTopic(runtime, event, Topic.list, { after }) as SubscriptionsPage;
    yield* page.subscriptions;
    after = page.next;
  } while (after !== undefined);
}

async function askTopic(
  runtime: Runtime,
  event: Operation,
  operation: Operation,
  payload: unknown,
): Promise<unknown> {
  const topic = { protocol: operation.protocol, key: topicKey(event) };
  try {
    return await ask(runtime, topic, operation, payload, undefined);
  } catch (error) {
    if (!(error instanceof DeadlineExceededError)) throw error;
    const timeoutMs = runtime.options.askTimeoutMs;
    throw new DeadlineExceededError(
      `Cannot ask for the subscriptions of ${topic.key}: no answer in ${timeoutMs} ms`,
    );
  }
}
