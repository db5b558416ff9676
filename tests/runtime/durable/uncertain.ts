import type { AtomicPart, Store, StoreConnection } from "@posthorn/posthorn/store";

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
      read: (keys) =>
        this.unreadable ? Promise.reject(new Error("error sending request")) : connection.read(keys),
      list: (range) => connection.list(range),
      commit: async (parts) => {
        if (!this.repeats(parts)) return await connection.commit(parts);
        this.repeated++;
        if (!this.lost) await connection.commit(parts);
        await this.meanwhile();
        return await connection.commit(parts);
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
