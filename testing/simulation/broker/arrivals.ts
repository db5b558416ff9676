import type { Clock } from "../../../runtime/base/clock.ts";
import type { Destination, Parcel, Refusal } from "../../../runtime/ports/transport.ts";
import { type SendAnswer, type SimulatedTransportConnection, unknownError } from "./connection.ts";
import type { BrokerFate } from "./faults.ts";
import type { SimulatedQueue } from "./queue.ts";
import { addressOf, type Routes } from "./routes.ts";
import type { CarriedMessage } from "./shard.ts";

/** A message of a program that is not written with this package: it may have no id. */
export interface ForeignMessage extends Omit<Parcel, "to" | "id" | "replyTo"> {
  /** Its id, if the program gives one. */
  readonly id?: string;
  /** The address to which a reply goes, if any. */
  readonly replyTo?: string;
}

const blockedMs = 150;
const unreachableMsMax = 5_000;

/** What arrivals need of their broker. */
export interface ArrivalServices {
  readonly clock: Clock;
  readonly fate: BrokerFate;
  readonly routes: Routes;
  readonly messageBytes: number;
}

/** What is sent to a broker: how much of it arrives, where and when, and what the broker says. */
export class Arrivals {
  readonly #services: ArrivalServices;

  constructor(services: ArrivalServices) {
    this.#services = services;
  }

  /** Decides what a send does when it arrives. */
  carry(
    from: SimulatedTransportConnection,
    batch: readonly Parcel[],
    answer: (answer: SendAnswer) => void,
  ): void {
    const { clock, fate } = this.#services;
    const reply = (said: SendAnswer) => void clock.setTimer(fate.latencyMs(), () => answer(said));
    clock.setTimer(fate.latencyMs(), () => {
      if (from.client.crashed && fate.share() < 0.5) return; // it was still on its way
      if (from.client.unreachableUntilMs > clock.now()) {
        const error = unknownError("the broker cannot be reached");
        return void clock.setTimer(
          fate.below("failoverMsMax") + fate.share() * unreachableMsMax,
          () => answer(error),
        );
      }
      const blocked = batch.findIndex(({ to }) =>
        this.#services.routes.of(to).queues?.some((queue) => this.#isBlocked(queue))
      );
      if (blocked >= 0) {
        this.#landAll(from, batch.slice(0, blocked));
        return void clock.setTimer(blockedMs, () => answer(unknownError("the broker takes nothing")));
      }
      reply(this.#landWithFaults(from, batch));
    });
  }

  #landWithFaults(from: SimulatedTransportConnection, batch: readonly Parcel[]): SendAnswer {
    const { clock, fate } = this.#services;
    if (fate.strikes("sendLost")) return unknownError("the broker does not say");
    if (fate.strikes("sendLanded")) {
      this.#landAll(from, batch);
      return unknownError("the broker does not say");
    }
    const late = fate.strikes("sendLandsLate");
    if (!late && !fate.strikes("sendPartly")) return this.#landAll(from, batch);
    const prefixes = new Map<SimulatedQueue, number>();
    const prefixOf = (queue: SimulatedQueue) => {
      if (!prefixes.has(queue)) prefixes.set(queue, fate.pick(batch.length + 1));
      return prefixes.get(queue)!;
    };
    this.#landAll(from, batch, (queue, index) => index < prefixOf(queue));
    if (late) {
      clock.setTimer(fate.below("lateMsMax"), () => {
        this.#landAll(from, batch, (queue, index) => index >= prefixOf(queue));
      });
    }
    return unknownError("the broker does not say");
  }

  /** Lets parcels arrive, each in those of its queues that `takes` says. */
  #landAll(
    { services }: SimulatedTransportConnection,
    batch: readonly Parcel[],
    takes: (queue: SimulatedQueue, index: number) => boolean = () => true,
  ): (Refusal | undefined)[] {
    const { clock, fate } = this.#services;
    return batch.map(({ to, replyTo, ...message }, index) => {
      const carried = { ...message, ...(replyTo && { replyTo: addressOf(replyTo, services) }) };
      const land = () => this.land(to, carried, (queue) => takes(queue, index));
      if (fate.strikes("sentTwice")) clock.setTimer(fate.below("lateMsMax"), () => void land());
      return land();
    });
  }

  /** Lets a message arrive, in those of its queues that `takes` says. */
  land(
    to: Destination,
    message: ForeignMessage,
    takes: (queue: SimulatedQueue) => boolean = () => true,
  ): Refusal | undefined {
    const { messageBytes, routes } = this.#services;
    const size = message.body.length;
    if (size > messageBytes) {
      const why = `its body has ${size} of ${messageBytes} bytes`;
      return { code: "too-large", message: `Cannot send ${message.id ?? "a message"}: ${why}` };
    }
    const { name, queues, shardKey, key, operation } = routes.of(to);
    if (queues === undefined) {
      return { code: "no-receiver", message: `Cannot send to ${name}: no service reads it` };
    }
    const carried: CarriedMessage = { ...message, key, operation };
    for (const queue of queues) if (takes(queue)) queue.append(shardKey, carried);
    return undefined;
  }

  #isBlocked({ blockedUntilMs }: SimulatedQueue): boolean {
    return blockedUntilMs > this.#services.clock.now();
  }
}
