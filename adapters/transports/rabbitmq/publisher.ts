import type { Clock } from "../../../runtime/base/clock.ts";
import { PosthornError } from "../../../runtime/base/errors.ts";
import type { AmqpChannel, Client } from "./client.ts";
import { amqpCodeOf } from "./faults.ts";
import type { Outgoing } from "./outgoing.ts";

/** What became of a message: the broker has it, it came back because no queue is bound, or nobody knows. */
export type Outcome = "sent" | "returned" | { readonly error: unknown };

/** A channel that publishes with confirms. After one failure it is closed, so that nothing behind that lands. */
export class Publisher {
  readonly #client: Client;
  readonly #clock: Clock;
  /** How often a message of an id has come back and is not confirmed yet. */
  readonly #returned = new Map<string, number>();
  /** The batches that wait for their confirms. */
  readonly #ends = new Set<(error: unknown) => void>();
  #channel: AmqpChannel | undefined;
  /** Why the broker closed the channel, if it said so. */
  #error: unknown;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Whether it can publish. */
  get active(): boolean {
    return this.#channel?.active ?? false;
  }

  /** Hears that a message has come back. It is told before the message is confirmed. */
  readonly returned = (id = ""): void => {
    this.#returned.set(id, (this.#returned.get(id) ?? 0) + 1);
  };

  /** Starts to publish on a channel, whose returns go to `returned`. */
  async use(channel: AmqpChannel): Promise<void> {
    channel.on("error", (error) => void (this.#error ??= error));
    // The client leaves promises pending that were made while the channel broke. The others settle before, and say why.
    channel.on("close", () => {
      const error = new PosthornError("transport-unavailable", "the channel is closed");
      this.#clock.macrotask(() => this.#end(this.#error ?? error));
    });
    await channel.confirmSelect();
    this.#channel = channel;
  }

  /** Publishes in order, and resolves with what became of each when all is known, or the signal is aborted. */
  async publish(batch: readonly Outgoing[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const outcomes = new Array<Outcome | undefined>(batch.length);
    const known = Promise.withResolvers<void>();
    let missing = batch.length;
    const end = (error: unknown) => {
      for (let index = 0; index < outcomes.length; index++) outcomes[index] ??= { error };
      known.resolve();
    };
    const abort = () => end(new PosthornError("transport-unavailable", "it has not confirmed in time"));
    this.#ends.add(end);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    batch.forEach(({ envelope, body }, index) => {
      if (outcomes[index] !== undefined) return;
      const become = (outcome: Outcome) => {
        outcomes[index] ??= outcome;
        if (--missing === 0) known.resolve();
      };
      this.#channel!.basicPublish(envelope, this.#client.bytes(body)).then(
        () => become(this.#takeReturn(envelope.messageId ?? "") ? "returned" : "sent"),
        (error) => become({ error: amqpCodeOf(error) === "CH_CLOSE" ? this.#error ?? error : error }),
      );
    });
    await known.promise;
    this.#ends.delete(end);
    signal.removeEventListener("abort", abort);
    if (outcomes.some((outcome) => typeof outcome === "object")) this.close();
    return outcomes as Outcome[];
  }

  /** Closes the channel. What was written before may land, and nothing behind it. */
  close(): void {
    void this.#channel?.close();
  }

  #takeReturn(id: string): boolean {
    const count = this.#returned.get(id) ?? 0;
    if (count > 1) this.#returned.set(id, count - 1);
    else this.#returned.delete(id);
    return count > 0;
  }

  #end(error: unknown): void {
    for (const end of [...this.#ends]) end(error);
  }
}
