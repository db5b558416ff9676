// What an operator changes in a node of RabbitMQ while it runs. It calls what `rabbitmqctl` calls there.

import assert from "node:assert/strict";
import type { Broker } from "./broker.ts";
import { evaluate } from "./rabbitmq.ts";

/** What a user may configure, write and read, as regular expressions. */
export type Permissions = readonly [configure: string, write: string, read: string];

/** Adds a user, who may do all if nothing else is said. */
export async function addUser(
  broker: Broker,
  user: string,
  password: string,
  permissions: Permissions = [".*", ".*", ".*"],
): Promise<void> {
  await change(broker, `rabbit_auth_backend_internal:add_user(${texts(user, password, actor)})`);
  const arguments_ = texts(user, virtualHost, ...permissions, actor);
  await change(broker, `rabbit_auth_backend_internal:set_permissions(${arguments_})`);
}

/** Sets which topics of an exchange a user may write and read. */
export async function setTopicPermissions(
  broker: Broker,
  user: string,
  exchange: string,
  ...permissions: readonly [write: string, read: string]
): Promise<void> {
  const arguments_ = texts(user, virtualHost, exchange, ...permissions, actor);
  await change(broker, `rabbit_auth_backend_internal:set_topic_permissions(${arguments_})`);
}

export async function changePassword(broker: Broker, user: string, password: string): Promise<void> {
  await change(broker, `rabbit_auth_backend_internal:change_password(${texts(user, password, actor)})`);
}

export async function deleteUser(broker: Broker, user: string): Promise<void> {
  await change(broker, `rabbit_auth_backend_internal:delete_user(${texts(user, actor)})`);
}

/** Sets a policy for the queues whose names match. */
export async function setPolicy(
  broker: Broker,
  name: string,
  pattern: string,
  policy: object,
): Promise<void> {
  const arguments_ = texts(virtualHost, name, pattern, JSON.stringify(policy), "0", "queues", actor);
  await change(broker, `rabbit_policy:parse_set(${arguments_})`);
}

export async function clearPolicy(broker: Broker, name: string): Promise<void> {
  await change(broker, `rabbit_policy:delete(${texts(virtualHost, name, actor)})`);
}

/** The node takes no messages while it uses more memory: a share of the machine's, or so many bytes. */
export async function setMemoryMax(
  broker: Broker,
  max: { share: number } | { bytes: number },
): Promise<void> {
  const limit = "share" in max ? max.share.toFixed(5) : `{absolute, ${max.bytes}}`;
  await change(broker, `vm_memory_monitor:set_vm_memory_high_watermark(${limit})`);
}

/** The number of connections of a user. */
export async function connectionsOf(broker: Broker, user: string): Promise<number> {
  const all = "rabbit_networking:connection_info_all([user])";
  return Number(await evaluate(broker, `length([1 || [{user, ${texts(user)}}] <- ${all}]).`));
}

/** How many messages a queue has. */
export async function messagesIn(
  broker: Broker,
  queue: string,
): Promise<{ readonly ready: number; readonly unacknowledged: number }> {
  const columns = "[name, messages_ready, messages_unacknowledged]";
  const row = `[{name, {resource, _, queue, ${texts(queue)}}}, {_, Ready}, {_, Taken}]`;
  const rows = `rabbit_amqqueue:info_all(${texts(virtualHost)}, ${columns})`;
  const found = await evaluate(broker, `[{Ready, Taken} || ${row} <- ${rows}].`);
  const [, ready, unacknowledged] = /^\[\{(\d+), ?(\d+)\}\]$/.exec(found)?.map(Number) ?? [];
  assert.ok(ready !== undefined, `${queue} has ${found}`);
  return { ready, unacknowledged };
}

const virtualHost = "/";
/** Who is said to have changed it. */
const actor = "test";

async function change(broker: Broker, call: string): Promise<void> {
  assert.equal(await evaluate(broker, `${call}.`), "ok");
}

/** Texts as Erlang's binaries. */
function texts(...values: readonly string[]): string {
  return values.map((value) => `<<${JSON.stringify(value)}>>`).join(", ");
}
