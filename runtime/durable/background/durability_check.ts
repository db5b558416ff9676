import { WriteSet } from "../commits/write_set.ts";
import { proofKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue } from "../rows/value_codec.ts";

interface DurabilityRow {
  readonly instance: string;
  /** When it was written, in milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * Checks whether the store really keeps data: it does if it has a row of an earlier process. A store that loses all data
 * with each process (a database that is not linked, say) never has one.
 */
export class DurabilityCheck {
  readonly #session: StoreSession;
  #since: string | undefined;

  constructor(session: StoreSession) {
    this.#session = session;
  }

  /** Reads the row of an earlier process, or writes one for later processes. */
  async look(): Promise<void> {
    const [row] = await this.#session.connection.read([proofKey]);
    if (row !== undefined) {
      try {
        this.#since = new Date(decodeValue<DurabilityRow>(row.value).head.atMs).toISOString();
      } catch (error) { // it proves nothing, and the store can be used all the same
        this.#session.onUnreadable(row.key, error);
      }
      return;
    }
    const writeSet = new WriteSet();
    writeSet.checks.push({ key: proofKey, version: undefined });
    const proof: DurabilityRow = { instance: this.#session.instance, atMs: this.#session.clock.now() };
    writeSet.write(proofKey, encodeValue(proof, ""));
    await commitOne(this.#session.committer, writeSet);
  }

  /** The result so far. */
  get health(): { readonly status: "durable" | "unverified" | "volatile"; readonly reason?: string } {
    const { durability } = this.#session.traits;
    if (durability === "nothing") return { status: "volatile", reason: "it is in memory" };
    if (this.#since === undefined) {
      return { status: "unverified", reason: "nothing of an earlier process was found in it" };
    }
    return { status: "durable", reason: `it has kept data since ${this.#since}` };
  }
}
