import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { HttpTransportOptions } from "@posthorn/posthorn/http-transport";
import type {
  Delivery,
  Destination,
  Parcel,
  Receiver,
  Tenure,
  Transport,
  TransportConnection,
} from "@posthorn/posthorn/transport";
import { Network } from "./network.ts";

export const orders = {
  kind: "inbox",
  protocol: "order",
  operations: [{ name: "add", mode: "tell" }],
} as const;

/** Takes what comes, as a test says. */
export class Taker implements Receiver {
  readonly taken: (Delivery & { readonly tenure: Tenure })[] = [];
  readonly tenures: Tenure[] = [];
  /** What a batch waits for. */
  held: Promise<void> = Promise.resolve();
  /** Why the next batches are not taken. */
  readonly failures: unknown[] = [];
  /** The ids of what it rejects. */
  rejects: ReadonlySet<string> = new Set();
  batches = 0;

  get ids(): (string | undefined)[] {
    return this.taken.map(({ id }) => id);
  }

  begin(tenure: Tenure): Promise<undefined> {
    this.tenures.push(tenure);
    return Promise.resolve(undefined);
  }

  async take(batch: readonly Delivery[], tenure: Tenure) {
    this.batches++;
    await this.held;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const rejected = batch.flatMap(({ id = "" }, index) =>
      this.rejects.has(id) ? [{ index, reason: "not-wanted" }] : []
    );
    const isTaken = (_: Delivery, at: number) => !rejected.some(({ index }) => index === at);
    this.taken.push(...batch.filter(isTaken).map((delivery) => ({ ...delivery, tenure })));
    return rejected;
  }
}

/** Connections over HTTP in memory, on a virtual clock. */
export class Stage implements AsyncDisposable {
  readonly network = new Network();
  readonly clock = new VirtualClock();
  readonly reported: unknown[] = [];
  readonly #random = seededRandom(7);
  readonly #connections: TransportConnection[] = [];
  #parcels = 0;

  /** The transport of a process that names these services. */
  transport(services: readonly string[], options: Partial<HttpTransportOptions> = {}): Transport {
    return this.network.transportOf({ services }, { greets: false, ...options });
  }

  async open(
    service: string,
    transport: Transport,
    store: string | undefined = service,
  ): Promise<TransportConnection> {
    const number = this.#connections.length + 1;
    const connection = await this.settled(transport.open({
      clock: this.clock,
      random: this.#random,
      service,
      instance: `${service}-${number}`,
      store,
      report: (error) => void this.reported.push(error),
    }));
    this.#connections.push(connection);
    return connection;
  }

  /** The result of a promise, for which time passes. */
  async settled<Result>(promise: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = () => void (isOver = true);
    promise.then(over, over);
    for (let looked = 0; !isOver && looked < 20_000; looked++) await this.pass(10);
    if (!isOver) throw new Error("it does not settle within 200 s");
    return await promise;
  }

  /** Lets time pass, with turns of the event loop for hashes and bodies. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  parcel(to: Destination = this.to(), more: Partial<Parcel> = {}): Parcel {
    const number = ++this.#parcels;
    const body = new TextEncoder().encode(String(number));
    return { to, id: `m-${number}`, body, contentType: "application/json", headers: {}, ...more };
  }

  to(key = "ada", protocol = "order"): Destination {
    return { kind: "inbox", protocol, key, operation: { name: "add", mode: "tell" } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection.close();
  }
}

/** The code with which a promise rejects; "none" if it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => "none", (error) => String(error?.code));
}
