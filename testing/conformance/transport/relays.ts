import type { Clock } from "../../../runtime/base/clock.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import type { Destination, Parcel, Refusal, TransportConnection } from "../../../runtime/ports/transport.ts";

/** How long a relay waits before it sends again what was not taken. */
const pauseMs = 50;

/**
 * Sends as a service does if no broker holds its messages: one batch after the other to each destination, and the same one
 * again until it is taken.
 */
export class Relays {
  /** What was refused for good, by the id of its parcel. */
  readonly refused = new Map<string, Refusal>();
  readonly #clock: Clock;
  readonly #atOnce: number;
  readonly #lanes = new Map<TransportConnection, Map<string, Promise<void>>>();

  constructor(clock: Clock, atOnce: number) {
    this.#clock = clock;
    this.#atOnce = atOnce;
  }

  /** Begins to send parcels to one destination, behind those that were sent there before. */
  send(connection: TransportConnection, parcels: readonly Parcel[]): void {
    const own = parcels.map((parcel) => ({ ...parcel, body: parcel.body.slice() })); // it belongs to the sender again
    const lanes = this.#lanes.get(connection) ?? new Map<string, Promise<void>>();
    this.#lanes.set(connection, lanes);
    const lane = laneOf(own[0].to);
    const sending = (lanes.get(lane) ?? Promise.resolve()).then(() => this.#send(connection, own));
    sending.catch(() => {}); // `settled` tells
    lanes.set(lane, sending);
  }

  /** Resolves when all is taken. */
  async settled(): Promise<void> {
    await Promise.all([...this.#lanes.values()].flatMap((lanes) => [...lanes.values()]));
  }

  async #send(connection: TransportConnection, parcels: readonly Parcel[]): Promise<void> {
    for (let from = 0; from < parcels.length;) {
      const batch = parcels.slice(from, from + this.#atOnce);
      const answers = await this.#taken(connection, batch);
      if (answers === undefined) {
        await new Promise<void>((resolve) => void this.#clock.setTimer(pauseMs, resolve));
        continue;
      }
      for (const [index, answer] of answers.entries()) {
        if (answer !== undefined) this.refused.set(batch[index].id, answer);
      }
      from += batch.length;
    }
  }

  /** The answers; `undefined` if some of them may be others later. */
  async #taken(
    connection: TransportConnection,
    batch: readonly Parcel[],
  ): Promise<readonly (Refusal | undefined)[] | undefined> {
    try {
      const answers = await connection.send(batch);
      return answers.some((answer) => answer?.code === "no-receiver") ? undefined : answers;
    } catch (error) {
      if (codeOf(error, "") === "" || codeOf(error, "") === "transport-closed") throw error;
      return undefined;
    }
  }
}

function laneOf(to: Destination): string {
  if (to.kind === "reply") return to.address;
  return to.kind === "inbox" ? to.protocol : `${to.protocol}.${to.event} ${to.service ?? ""}`;
}
