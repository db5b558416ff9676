// The part of rabbitmq-client that is used, and what it hides. Declared here, because not every consumer has its types.

import { PosthornError } from "../../../runtime/base/errors.ts";

/** The properties of a message. The client cuts texts after 255 bytes. */
export interface Properties {
  readonly messageId?: string | undefined;
  readonly type?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
  /** Milliseconds, as a text. */
  readonly expiration?: string | undefined;
  /** Seconds since 1970. */
  readonly timestamp?: number | undefined;
  readonly appId?: string | undefined;
}

/** A message to be published. */
export interface Envelope extends Properties {
  readonly exchange: string;
  readonly routingKey: string;
  /** Whether it comes back if no queue is bound. */
  readonly mandatory: boolean;
  readonly durable: boolean;
}

/** A message that was consumed. */
export interface Message extends Properties {
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  /** The content type: `contentType` would let the client parse the body. */
  readonly rawContentType?: string | undefined;
  readonly body: Uint8Array;
}

type Arguments = Readonly<Record<string, unknown>>;

/** A channel of the client. */
export interface AmqpChannel {
  readonly active: boolean;
  on(event: "close", hear: () => void): void;
  on(event: "error" | "basic.cancel", hear: (error: unknown) => void): void;
  close(): Promise<void>;
  confirmSelect(): Promise<void>;
  basicPublish(envelope: Envelope, body: unknown): Promise<void>;
  basicQos(qos: { readonly prefetchCount: number }): Promise<void>;
  basicConsume(
    from: { readonly queue: string; readonly noAck?: boolean },
    hear: (message: Message) => void,
  ): Promise<unknown>;
  basicAck(ack: { readonly deliveryTag: number; readonly multiple: boolean }): void;
  exchangeDeclare(
    exchange: { exchange: string; type?: string; durable?: boolean; passive?: boolean },
  ): Promise<void>;
  queueDeclare(queue: { queue: string; durable: boolean; arguments: Arguments }): Promise<unknown>;
  queueBind(binding: { queue: string; exchange: string; routingKey: string }): Promise<void>;
}

/** A connection of the client. */
export interface AmqpConnection {
  on(event: "connection" | "connection.unblocked", hear: () => void): void;
  on(event: "connection.blocked", hear: (reason: unknown) => void): void;
  on(event: "error", hear: (error: unknown) => void): void;
  acquire(options: { readonly emitErrorsFromChannel: boolean }): Promise<AmqpChannel>;
  close(): Promise<void>;
  unsafeDestroy(): void;
}

/** How the client connects. */
export interface AmqpOptions {
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  readonly tls: Readonly<Record<string, unknown>> | undefined;
  readonly heartbeat: number;
  readonly connectionName: string;
}

/** The client, loaded. */
export interface Client {
  connect(options: AmqpOptions): AmqpConnection;
  /** The bytes in the form in which the client sends them unchanged. Of anything else it makes text or JSON. */
  bytes(body: Uint8Array): unknown;
}

/**
 * The maximum size of a frame, in bytes. All properties and headers of a message are in one. The client reads and
 * writes wrongly if the broker's own maximum is lower.
 */
export const frameBytesMax = 32_768;

/** The client would try again by itself, and name the reason once: so each connection of it is for one attempt. */
const neverMs = 1_000_000_000;
const connectMs = 10_000;

/** The version whose inside is known. */
const version = "5.0.8";

/** Loads the client. It needs the modules of Node. */
export async function loadClient(): Promise<Client> {
  try {
    const { Connection } = await import("rabbitmq-client");
    const name = "node:buffer"; // a variable, so that a bundler for a platform without this module does not resolve it
    const { Buffer }: { Buffer: { from(buffer: ArrayBufferLike, at: number, length: number): unknown } } =
      await import(name);
    return {
      connect: (options) =>
        new Connection({
          ...options,
          ...(options.tls === undefined ? { tls: undefined } : { tls: options.tls }),
          noDelay: true,
          frameMax: frameBytesMax,
          retryLow: neverMs,
          retryHigh: neverMs,
          connectionTimeout: connectMs,
          acquireTimeout: connectMs,
        }) as unknown as AmqpConnection,
      bytes: ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength),
    };
  } catch (cause) {
    const why = `it needs rabbitmq-client ${version}, and a platform with the modules of Node`;
    throw new PosthornError("transport-unavailable", `Cannot load the client of RabbitMQ: ${why}`, { cause });
  }
}

/** The number of the method that brings a message back. */
const basicReturn = 3_932_210;

/** The inside of a channel. */
interface Inside {
  _onMethod(frame: { readonly methodId: number }): void;
  _onHeader(frame: { fields: { contentType?: string; messageId?: string; rawContentType?: string } }): void;
}

/**
 * Opens a channel that gives bodies as they came, and returns when they came. By itself the client parses bodies that
 * say that they are JSON or text, and tells of a return after the confirm of the message that came back.
 */
export async function openChannel(
  connection: AmqpConnection,
  returned?: (id: string | undefined) => void,
): Promise<AmqpChannel> {
  const channel = await connection.acquire({ emitErrorsFromChannel: true }) as AmqpChannel & Inside;
  const onMethod = channel._onMethod;
  const onHeader = channel._onHeader;
  if (typeof onMethod !== "function" || typeof onHeader !== "function") {
    throw new PosthornError(
      "transport-unavailable",
      `Cannot use this rabbitmq-client: it must be ${version}`,
    );
  }
  let returns = false;
  channel._onMethod = function (frame) {
    returns = frame.methodId === basicReturn;
    onMethod.call(this, frame);
  };
  channel._onHeader = function (frame) {
    const { contentType, messageId } = frame.fields;
    if (returns) returned?.(messageId);
    frame.fields.rawContentType = contentType;
    frame.fields.contentType = undefined;
    onHeader.call(this, frame);
  };
  return channel;
}
