import { Broker, type BrokerKind, type BrokerName, type BrokerNode } from "./broker.ts";
import { kafka } from "./kafka.ts";
import { nats } from "./nats.ts";
import { rabbitmq } from "./rabbitmq.ts";

/** Every kind of broker that the tests know. */
export const brokerKinds: Readonly<Record<BrokerName, BrokerKind>> = { rabbitmq, kafka, nats };

export function isBrokerName(name: string): name is BrokerName {
  return Object.hasOwn(brokerKinds, name);
}

/** The node that somebody has started in a folder. */
export async function brokerIn(folder: string): Promise<Broker> {
  const node: BrokerNode = JSON.parse(await Deno.readTextFile(`${folder}/node.json`));
  if (!isBrokerName(node.name)) throw new Error(`Cannot use ${folder}: it has a node of ${node.name}`);
  return await Broker.in(brokerKinds[node.name], folder);
}
