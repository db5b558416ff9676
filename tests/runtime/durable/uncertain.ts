import type { AtomicPart, Entry, Store, StoreConnection } from "@posthorn/posthorn/store";

/** A store over a network whose client retries a commit by itself, as the client of Deno KV does. */
export class RepeatingStore implements Store {
  readonly engine: Store["engine"];
  readonly traits: Store["traits"];
  readonly #store: Store;
  /** Whether the first of the two attempts is lost. */
  lost = false;
  /** The commits that are made twice, because the first response is lost. */
  repeats: (parts: readonly AtomicPart[]) => boolean = () => false;
  /** Called between the two attempts. */
  meanwhile: () => Promise<unknown> = () => Promise.resolve();
  /** A key that the read after a repeated commit reads early: as it was between the two attempts, and the others later. */
  early: string | undefined;
  #readEarly: { readonly key: string; readonly entry: Entry | undefined } | undefined;
  /** Whether reads fail. */
  unreadable = false;
  /** The number of commits made twice. */
  repeated = 0;

  constructor(store: Store) {
    this.#store = store;
    this.engine = store.engine;
    this.traits = { ...store.traits, unknownOutcomes: true };
  }

  async open(services: Parameters<Store["open"]>[0]): Promise<StoreConnection> {
    const connection = await this.#store.open(services);
    return {
      read: async (keys) => {
        if (this.unreadable) throw new Error("error sending request");
        const read = await connection.read(keys);
        const early = this.#readEarly;
        if (early === undefined || !keys.includes(early.key)) return read;
        this.#readEarly = undefined;
        return read.map((entry, index) => keys[index] === early.key ? early.entry : entry);
      },
      list: (range) => connection.list(range),
      commit: async (parts) => {
        if (!this.repeats(parts)) return await connection.commit(parts);
        this.repeated++;
        if (!this.lost) await connection.commit(parts);
        const key = this.early;
        const entry = key === undefined ? undefined : (await connection.read([key]))[0];
        await this.meanwhile();
        const versions = await connection.commit(parts);
        if (key !== undefined) this.#readEarly = { key, entry };
        return versions;
      },
      watch: (onChange) => connection.watch(onChange),
      close: () => connection.close(),
    };
  }

  /** Makes the next commit with a write of this kind of key twice. */
  repeatNext(kind: string): void {
    this.repeats = (parts) => {
      const found = parts.some(({ writes, removals }) =>
        [...writes, ...removals].some(({ key }) => key.startsWith(`${kind}\u001f`))
      );
      if (found) this.repeats = () => false;
      return found;
    };
  }
}
