import { type Store, StoreError } from "@posthorn/posthorn";
import type { AtomicPart, StoreConnection, StoreServices } from "@posthorn/posthorn/store";

/** A store whose connections can be cut: as for a killed process, calls neither arrive nor return. */
export class Cuttable implements Store {
  readonly #store: Store;
  readonly #connections: StoreConnection[] = [];
  #cut = false;
  /** The number of unanswered calls. */
  calls = 0;
  /** Returns an error for a commit to refuse. */
  refuse: ((parts: readonly AtomicPart[]) => Error | undefined) | undefined;
  /** Returns an error for a list to refuse, by the kind of key. */
  refuseLists: string | undefined;
  /** Whether to leave a call unanswered: by the prefix of a list, or by a written key. */
  hangs: ((key: string) => boolean) | undefined;
  /** The number of lists by kind of key: the first word of the prefix. */
  readonly lists = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  get engine() {
    return this.#store.engine;
  }

  get traits() {
    return this.#store.traits;
  }

  async open(services: StoreServices): Promise<StoreConnection> {
    const connection = await this.#store.open(services);
    this.#connections.push(connection);
    const never = new Promise<never>(() => {});
    const alive = async <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (this.#cut) return await never;
      this.calls++;
      try {
        return await call();
      } finally {
        this.calls--;
        if (this.#cut) await never;
      }
    };
    return {
      read: (keys) => alive(() => connection.read(keys)),
      list: (range) => {
        const kind = range.prefix.split("\u001f")[0];
        this.lists.set(kind, (this.lists.get(kind) ?? 0) + 1);
        if (kind === this.refuseLists) {
          return Promise.reject(new StoreError("store-unavailable", "Cannot list"));
        }
        if (this.hangs?.(range.prefix)) return never;
        return alive(() => connection.list(range));
      },
      commit: (parts) => {
        if (parts.some(({ writes }) => writes.some(({ key }) => this.hangs?.(key)))) return never;
        return alive(() => {
          const refusal = this.refuse?.(parts);
          return refusal === undefined ? connection.commit(parts) : Promise.reject(refusal);
        });
      },
      watch: (onChange) => connection.watch((posted) => this.#cut || onChange(posted)),
      close: () => this.#cut ? Promise.resolve() : connection.close(),
      presence: connection.presence,
      ...(connection.wakeAt && { wakeAt: (atMs) => void (this.#cut || connection.wakeAt!(atMs)) }),
    };
  }

  /** Kills the process. */
  async cut(): Promise<void> {
    this.#cut = true;
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
