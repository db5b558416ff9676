import { PosthornError } from "../../../runtime/base/errors.ts";
import type { AmqpChannel } from "./client.ts";
import { amqpCodeOf, wordsOf } from "./faults.ts";
import type { Names, QueueChannel } from "./names.ts";

/** A queue that RabbitMQ replicates, which one consumer reads at a time. */
const sharded = {
  "x-queue-type": "quorum",
  "x-single-active-consumer": true,
  // A shard comes again whenever its store is away. RabbitMQ 4 would drop what has come back twenty times.
  "x-delivery-limit": 1_000_000,
};

/** A queue of dead letters: beyond so many the oldest are dropped. */
const dead = { "x-queue-type": "quorum", "x-max-length": 100_000 };

/** Declares what a channel is read from. What is there already stays as it is. */
export async function declare(amqp: AmqpChannel, channel: QueueChannel, names: Names): Promise<void> {
  await amqp.queueDeclare({ queue: names.queue(channel), durable: true, arguments: sharded });
  await amqp.queueDeclare({ queue: names.dead(channel), durable: true, arguments: dead });
  await bind(amqp, channel, names);
}

/** Declares how messages come to the queue of a channel. */
export async function bind(amqp: AmqpChannel, channel: QueueChannel, names: Names): Promise<void> {
  if (channel.kind === "replies") return;
  const exchange = channel.kind === "inbox" ? names.inbox(channel.protocol) : names.events;
  const routingKey = channel.kind === "inbox" ? "#" : `${channel.protocol}.${channel.event}.#`;
  await amqp.exchangeDeclare({ exchange, type: "topic", durable: true });
  await amqp.queueBind({ queue: names.queue(channel), exchange, routingKey });
}

/**
 * Writes a name into the broker, or throws if there is another one. It is an argument of a queue that is always empty:
 * declaring that with another argument fails, in one step, whoever else does the same.
 */
export async function mark(
  amqp: AmqpChannel,
  { queue, name, code, what }: { queue: string; name: string; code: string; what: string },
): Promise<void> {
  const bounds = { "x-queue-type": "quorum", "x-max-length": 0 };
  // No exchange has that name. A user may name those exchanges as dead-letter exchanges to which it may write.
  const names = { "x-dead-letter-exchange": queue, "x-dead-letter-routing-key": name };
  try {
    await amqp.queueDeclare({ queue, durable: true, arguments: { ...bounds, ...names } });
  } catch (error) {
    const other = /'x-dead-letter-routing-key'.* but current is '([^']*)'/.exec(wordsOf(error))?.[1];
    if (amqpCodeOf(error) !== "PRECONDITION_FAILED" || other === undefined) throw error;
    const why = `the queue ${queue} of the broker says ${other}, and this one is ${name}`;
    throw new PosthornError(code, `${what}: ${why}. If the other is gone for good, delete that queue`);
  }
}
