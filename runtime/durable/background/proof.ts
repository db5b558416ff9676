import type { Entry, StoreTraits } from "../../ports/store.ts";
import { Effects } from "../commits/effects.ts";
import { proofKey } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import { commitOne } from "../commits/single_commission.ts";
import { decodeValue, encodeValue } from "../rows/stored_value.ts";

interface ProofRow {
  readonly instance: string;
  /** When it was written, in milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * Whether the store really keeps what is written: it does where it has something of an earlier process. A store that
 * loses all with each process (a database that is not linked, say) never has.
 */
export class Proof {
  readonly #ledger: Ledger;
  readonly #traits: StoreTraits;
  #since: string | undefined;

  constructor(ledger: Ledger, traits: StoreTraits) {
    this.#ledger = ledger;
    this.#traits = traits;
  }

  /** Looks for what an earlier process wrote, and writes something for a later one. */
  async look(): Promise<void> {
    const [row] = await this.#ledger.connection.read([proofKey]);
    if (row !== undefined) return this.#read(row);
    const effects = new Effects();
    effects.checks.push({ key: proofKey, version: undefined });
    const proof: ProofRow = { instance: this.#ledger.instance, atMs: this.#ledger.clock.now() };
    effects.write(proofKey, encodeValue(proof, ""));
    await commitOne(this.#ledger.committer, effects);
  }

  #read({ key, value }: Entry): void {
    try {
      this.#since = new Date(decodeValue<ProofRow>(value).head.atMs).toISOString();
    } catch (error) { // it proves nothing, and the store is used all the same
      this.#ledger.onUnreadable(key, error);
    }
  }

  /** What is known. */
  get health(): { readonly status: "durable" | "unverified" | "volatile"; readonly reason?: string } {
    if (this.#traits.durability === "nothing") return { status: "volatile", reason: "it is in memory" };
    if (this.#since === undefined) {
      return { status: "unverified", reason: "nothing of an earlier process was found in it" };
    }
    return { status: "durable", reason: `it has kept data since ${this.#since}` };
  }
}
