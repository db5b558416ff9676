import type { Transport } from "@posthorn/posthorn/transport";

/** How brokers are told from their URLs. */
const schemes: Readonly<Record<string, (url: URL, namespace: string) => Promise<TransportOf>>> = {
  "amqp:": rabbitmqAt,
  "amqps:": rabbitmqAt,
  "kafka:": kafkaAt,
  "nats:": natsAt,
  "wss:": natsAt,
};

/** The transport that exposes these operations. */
export type TransportOf = (expose: Transport["expose"]) => Transport;

/**
 * The transport to the broker of a URL: `amqp://…`, `kafka://…` or `nats://…`; `undefined` if it is none. Desks with
 * different namespaces share a broker without meeting.
 */
export function transportAt(text: string, namespace: string): Promise<TransportOf> | undefined {
  const url = URL.parse(text);
  return url === null ? undefined : schemes[url.protocol]?.(url, namespace);
}

// Each library is loaded only if its broker is used.

async function rabbitmqAt({ href }: URL, namespace: string): Promise<TransportOf> {
  const { rabbitmq } = await import("@posthorn/posthorn/rabbitmq");
  return (expose) => rabbitmq({ url: href, expose, namespace });
}

async function kafkaAt(url: URL, namespace: string): Promise<TransportOf> {
  const { kafka } = await import("@posthorn/posthorn/kafka");
  const [username, password] = [url.username, url.password].map(decodeURIComponent);
  const sasl = username === "" ? undefined : { mechanism: "plain", username, password } as const;
  return (expose) => kafka({ brokers: [url.host], ...(sasl && { sasl }), expose, namespace });
}

async function natsAt({ href }: URL, namespace: string): Promise<TransportOf> {
  const { nats } = await import("@posthorn/posthorn/nats");
  return (expose) => nats({ url: href, expose, namespace });
}
