import { PosthornError } from "../../base/errors.ts";
import type { Entry } from "../../ports/store.ts";
import { WriteSet } from "../commits/write_set.ts";
import { proofKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitOne } from "../commits/commit_one.ts";
import { type DurabilityRow, faultOfFormat, format, readDurabilityRow } from "../rows/store_format.ts";
import { encodeValue } from "../rows/value_codec.ts";

/**
 * Checks whether this program can use the store, and whether the store really keeps data: it does if it has a row of an
 * earlier process. A store that loses all data with each process (a database that is not linked, say) never has one.
 */
export class DurabilityCheck {
  readonly #session: StoreSession;
  readonly #newName: () => string;
  #since: string | undefined;
  #storeName: string | undefined;

  /** `newName` makes a name for a store that has none. */
  constructor(session: StoreSession, newName: () => string) {
    this.#session = session;
    this.#newName = newName;
  }

  /** The name of the store: the same for all processes that use it. */
  get storeName(): string {
    return this.#storeName!;
  }

  /**
   * Reads the row of an earlier process, or writes one for later processes. Throws a `PosthornError` (`unknown-format`) if
   * a program of another format has written to the store.
   */
  async look(): Promise<void> {
    while (this.#storeName === undefined) {
      const [stored] = await this.#session.connection.read([proofKey]);
      const row = stored && this.#read(stored);
      if (row === undefined) {
        await this.#write(stored, { instance: this.#session.instance, atMs: this.#session.clock.now() });
      } else {
        this.#since ??= new Date(row.atMs).toISOString();
        this.#require(row.format);
        if (row.store !== undefined) this.#storeName = row.store;
        else await this.#write(stored, row);
      }
    }
  }

  /** Reads the row. One that cannot be read proves nothing, and is written anew. */
  #read(stored: Entry): Partial<DurabilityRow> & Pick<DurabilityRow, "instance" | "atMs"> | undefined {
    try {
      return readDurabilityRow(stored.value);
    } catch (error) {
      this.#session.onUnreadable(stored.key, error);
      return undefined;
    }
  }

  /** Writes the row with a name, unless another instance has done so meanwhile. */
  async #write(before: Entry | undefined, row: Pick<DurabilityRow, "instance" | "atMs">): Promise<void> {
    const named: DurabilityRow = { ...row, format, store: this.#newName() };
    const writeSet = new WriteSet();
    writeSet.checks.push({ key: proofKey, version: before?.version });
    writeSet.write(proofKey, encodeValue(named, ""));
    const version = await commitOne(this.#session.committer, writeSet);
    if (version !== undefined) this.#storeName = named.store;
  }

  #require(found: DurabilityRow["format"] | undefined): void {
    const why = faultOfFormat(found);
    if (why === undefined) return;
    throw new PosthornError("unknown-format", `Cannot open ${this.#session.traits.name}: ${why}`);
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
