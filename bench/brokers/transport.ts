import type { Transport } from "@posthorn/posthorn/transport";

export const brokerKinds = ["rabbitmq", "kafka", "nats"] as const;
export type BrokerKind = (typeof brokerKinds)[number];

/** The transport over a broker that exposes these operations. The library of no other broker is loaded. */
export async function transportOver(
  kind: BrokerKind,
  url: string,
): Promise<(expose: Transport["expose"]) => Transport> {
  if (kind === "rabbitmq") {
    const { rabbitmq } = await import("@posthorn/posthorn/rabbitmq");
    return (expose) => rabbitmq({ url, expose });
  }
  if (kind === "kafka") {
    const { kafka } = await import("@posthorn/posthorn/kafka");
    return (expose) => kafka({ brokers: [new URL(url).host], expose });
  }
  const { nats } = await import("@posthorn/posthorn/nats");
  return (expose) => nats({ url, expose });
}
