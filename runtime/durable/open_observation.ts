import type { Clock } from "../base/clock.ts";
import { PosthornError } from "../base/errors.ts";
import { Questions } from "../observation/questions.ts";
import type { Store } from "../ports/store.ts";
import { connectBeside } from "./connect_beside.ts";
import { StoreSource } from "./observation/store_source.ts";
import type { StoreObservation } from "./observe_store.ts";
import { proofKey } from "./rows/keys.ts";
import { readableHead } from "./rows/readable_head.ts";
import { type DurabilityRow, faultOfFormat } from "./rows/store_format.ts";
import type { TimelyConnection } from "./timely_connection.ts";

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
  const { connection } = await connectBeside("observe", store, clock);
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
