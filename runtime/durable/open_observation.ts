import type { Clock } from "../base/clock.ts";
import { messageOf, PosthornError } from "../base/errors.ts";
import { StoreError } from "../base/store_errors.ts";
import { isSound } from "../base/thrown.ts";
import { within } from "../base/within.ts";
import { Questions } from "../observation/questions.ts";
import type { Store } from "../ports/store.ts";
import { OtherClocks } from "./commits/other_clocks.ts";
import { StoreSource } from "./observation/store_source.ts";
import type { StoreObservation } from "./observe_store.ts";
import { proofKey } from "./rows/keys.ts";
import { readableHead } from "./rows/readable_head.ts";
import { type DurabilityRow, faultOfFormat } from "./rows/store_format.ts";
import { TimelyConnection } from "./timely_connection.ts";

/** How long opening the store may take. */
const openMs = 15_000;

/** Questions to a store, over a connection of their own. */
class OpenObservation extends Questions implements StoreObservation {
  readonly #connection: TimelyConnection;

  constructor(connection: TimelyConnection, clock: Clock) {
    super([new StoreSource({ connection, clock })]);
    this.#connection = connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

/** Opens a store for questions. If its rows cannot be read, the connection is closed. */
export async function openObservation(store: Store, clock: Clock): Promise<StoreObservation> {
  const connection = await connect(store, clock);
  try {
    const [proof] = await connection.read([proofKey]);
    const format = proof && readableHead<DurabilityRow>(proof.value)?.format;
    const fault = faultOfFormat(format);
    if (fault === undefined) return new OpenObservation(connection, clock);
    throw new PosthornError("unknown-format", `Cannot observe ${store.traits.name}: ${fault}`);
  } catch (error) {
    await connection.close().catch(() => {}); // the first error is the cause
    throw error;
  }
}

/** A connection. Rejects with a `StoreError` if the store cannot be used, or does not answer. */
async function connect(store: Store, clock: Clock): Promise<TimelyConnection> {
  const { name, processes } = store.traits;
  // Whoever only asks does not know the clocks of the instances: by a clock that is ahead, a store would delete what they keep.
  const { slowest } = new OtherClocks(clock, processes === "one");
  const opening = store.open({ clock: slowest });
  try {
    if (!await within(clock, openMs, opening)) {
      opening.then((late) => late.close()).catch(() => {}); // nobody waits for it any more
      const why = `it did not answer within ${openMs} ms`;
      throw new StoreError("store-unavailable", `Cannot observe ${name}: ${why}`);
    }
    return new TimelyConnection(await opening, store.traits, clock);
  } catch (cause) {
    if (isSound(cause, PosthornError)) throw cause;
    throw new StoreError("store-unavailable", `Cannot observe ${name}: ${messageOf(cause)}`, { cause });
  }
}
