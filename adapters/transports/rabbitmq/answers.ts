import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import { Link, type LinkOptions } from "./link.ts";
import { Sender, type SenderOptions } from "./sender.ts";

/** How often in succession the broker may fail over an address, and how many addresses are remembered. */
const failuresMax = 3;
const knownMax = 1_000;

/** What answers need. */
export interface AnswersOptions {
  readonly link: Omit<LinkOptions, "changed" | "prepare">;
  readonly sender: Omit<SenderOptions, "link" | "hearReplies">;
}

/**
 * Sends direct replies, on a connection of their own, which is opened for the first. RabbitMQ ends the connection of whoever
 * publishes to the address of a node that it does not have: one that has left, or one that a stranger has made up. So
 * what else is sent does not suffer, and an address over which it fails again and again is given up.
 */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #failures = new Map<string, number>();
  #opened: { readonly link: Link; readonly sender: Sender } | undefined;
  #closed = false;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Sends parcels to one address. */
  async send(address: string, batch: readonly Parcel[]): Promise<readonly (Refusal | undefined)[]> {
    if (this.#closed) throw new PosthornError("transport-closed", "Cannot send: the connection is closed");
    const failures = this.#failures.get(address) ?? 0;
    if (failures >= failuresMax) {
      const message = `Cannot send to a return address: RabbitMQ failed over it ${failures} times`;
      return batch.map(() => ({ code: "refused", message }));
    }
    const { link, sender } = this.#opened ??= this.#open();
    const before = link.fault;
    try {
      const answers = await sender.send(batch);
      this.#failures.delete(address);
      return answers;
    } catch (error) {
      if (link.fault !== before && link.fault?.message.includes("INTERNAL_ERROR")) {
        this.#failed(address, failures);
      }
      throw error;
    }
  }

  /** Ends what is being sent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#opened?.sender.close();
    await this.#opened?.link.close();
  }

  #open(): { readonly link: Link; readonly sender: Sender } {
    const link = new Link({ ...this.#options.link, changed: () => {} });
    const sender = new Sender({ ...this.#options.sender, link, hearReplies: () => Promise.resolve() });
    return { link, sender };
  }

  #failed(address: string, before: number): void {
    if (this.#failures.size >= knownMax) this.#failures.clear();
    this.#failures.set(address, before + 1);
  }
}
