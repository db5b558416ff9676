// A client that does what a test tells it, in place of rabbitmq-client.

import type {
  AmqpChannel,
  AmqpConnection,
  AmqpOptions,
  Client,
  Envelope,
} from "../../../../adapters/transports/rabbitmq/client.ts";

class Emitter {
  readonly #hearers: [string, (value: unknown) => void][] = [];

  on(event: string, hear: (value: never) => void): void {
    this.#hearers.push([event, hear as (value: unknown) => void]);
  }

  emit(event: string, value?: unknown): void {
    for (const [name, hear] of this.#hearers) if (name === event) hear(value);
  }
}

/** A channel whose publishes are settled by the test. */
export class ScriptedChannel extends Emitter implements AmqpChannel {
  active = true;
  readonly published: { readonly envelope: Envelope; confirm(): void; refuse(error: unknown): void }[] = [];
  readonly calls: string[] = [];
  _onMethod(): void {}
  _onHeader(): void {}

  close(): Promise<void> {
    if (!this.active) return Promise.resolve();
    this.active = false;
    this.calls.push("close");
    this.emit("close");
    return Promise.resolve();
  }

  basicPublish(envelope: Envelope): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.published.push({ envelope, confirm: resolve, refuse: reject });
    return promise;
  }

  confirmSelect = () => this.#call("confirmSelect");
  basicQos = () => this.#call("basicQos");
  basicConsume = () => this.#call("basicConsume");
  exchangeDeclare = () => this.#call("exchangeDeclare");
  queueDeclare = () => this.#call("queueDeclare");
  queueBind = () => this.#call("queueBind");
  basicAck = () => void this.#call("basicAck");

  #call(name: string): Promise<void> {
    this.calls.push(name);
    return Promise.resolve();
  }
}

export class ScriptedConnection extends Emitter implements AmqpConnection {
  destroyed = false;
  closed = false;

  acquire(): Promise<ScriptedChannel> {
    return Promise.resolve(new ScriptedChannel());
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  unsafeDestroy(): void {
    this.destroyed = true;
  }
}

export class ScriptedClient implements Client {
  readonly attempts: { readonly options: AmqpOptions; readonly connection: ScriptedConnection }[] = [];

  /** The last attempt. */
  get last(): ScriptedConnection {
    return this.attempts.at(-1)!.connection;
  }

  connect(options: AmqpOptions): ScriptedConnection {
    const connection = new ScriptedConnection();
    this.attempts.push({ options, connection });
    return connection;
  }

  bytes(body: Uint8Array): unknown {
    return body;
  }
}

/** An error as the client makes it. */
export function amqpError(code: string, message: string = code): Error {
  return Object.assign(new Error(message), { code });
}
