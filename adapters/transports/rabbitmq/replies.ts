import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Receiver, TransportServices } from "../../../runtime/ports/transport.ts";
import type { AmqpChannel } from "./client.ts";
import { Handover } from "./handover.ts";
import { directReplyTo } from "./names.ts";

/** The replies that wait to be handed over; more are dropped, as if their process had gone. */
const waitingMax = 10_000;

/** Hears the direct replies to this process. RabbitMQ keeps none: they are lost with the channel that asked. */
export class Replies {
  readonly #services: TransportServices;
  #receiver: Receiver | undefined;
  #handover: Handover | undefined;
  #dropping = false;

  constructor(services: TransportServices) {
    this.#services = services;
  }

  /** Hands over what comes from now on. */
  attach(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  /** Reads the replies to what a channel will publish. */
  async hear(amqp: AmqpChannel): Promise<void> {
    amqp.on("close", () => this.#handover?.end());
    await amqp.basicConsume({ queue: directReplyTo, noAck: true }, (message) => {
      if (this.#receiver === undefined) return; // it was disposed: nobody waits for it
      this.#handover ??= this.#begin(this.#receiver);
      if (this.#handover.waiting < waitingMax) this.#handover.add(message);
      else this.#drop();
    });
  }

  /** Hands nothing over any more, after the batch under way. */
  async stop(): Promise<void> {
    this.#receiver = undefined;
    await this.#handover?.stop();
  }

  /** Hands nothing over any more. */
  end(): void {
    this.#receiver = undefined;
    this.#handover?.end();
  }

  #begin(receiver: Receiver): Handover {
    const { clock, instance } = this.#services;
    const handover: Handover = new Handover({
      channel: { kind: "process" },
      receiver,
      shard: `process ${instance}`.slice(0, 200),
      batchMax: 100,
      clock,
      taken: () => Promise.resolve(),
      failed: () => handover.end(),
    });
    handover.signal.addEventListener("abort", () => {
      if (this.#handover === handover) this.#handover = undefined;
    });
    return handover;
  }

  #drop(): void {
    if (this.#dropping) return;
    this.#dropping = true;
    const why = `${waitingMax} of ${waitingMax} wait`;
    this.#services.report(new PosthornError("transport-full", `Dropped replies to this process: ${why}`));
  }
}
