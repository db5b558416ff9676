import type { PostgresClient, PostgresPool } from "@posthorn/posthorn/postgres";
import pg from "pg";

type Pool = PostgresPool & { end(): Promise<void> };

/** A pool that knows whether something is under way, for tests in virtual time, which wait until that is not so. */
export class CountedPool implements PostgresPool {
  readonly #pool: Pool;
  readonly #clients = new WeakMap<PostgresClient, PostgresClient>();
  #underWay = 0;

  constructor(url: string) {
    const { Pool } = pg as unknown as { readonly Pool: new (options: object) => Pool };
    this.#pool = new Pool({ connectionString: url, max: 20 });
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  connect(): Promise<PostgresClient> {
    return this.#counted(async () => {
      const client = await this.#pool.connect();
      const known = this.#clients.get(client);
      if (known !== undefined) return known;
      const counted: PostgresClient = {
        processID: client.processID,
        query: (query) => this.#counted(() => client.query(query)),
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      };
      this.#clients.set(client, counted);
      return counted;
    });
  }

  on(event: string, listener: (...values: never[]) => void): unknown {
    return this.#pool.on(event, listener);
  }

  off(event: string, listener: (...values: never[]) => void): unknown {
    return this.#pool.off(event, listener);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
    }
  }
}
