import { StoreError } from "../../../runtime/base/store_errors.ts";

/**
 * What the store asks of a result: rows as arrays, in the order of the columns.
 *
 * These interfaces declare the part of `pg` that the store uses. They are declared here because a program that
 * does not use PostgreSQL should not need the types of `pg`.
 */
export interface PostgresResult {
  /** The rows. */
  readonly rows: unknown[][];
  /** The number of rows that the statement changed or returned. */
  readonly rowCount: number | null;
}

/** A statement as `pg` takes it. */
export interface PostgresQuery {
  /** The SQL. */
  readonly text: string;
  /** The values of `$1` and so on. */
  readonly values?: unknown[];
  /** The name under which a connection prepares it. */
  readonly name?: string;
  /** Rows as arrays. */
  readonly rowMode: "array";
}

/** A connection to the server: every `pg.PoolClient` satisfies it. */
export interface PostgresClient {
  /** The process of the server, as the server said when it was connected; that of a pooler is of the pooler. */
  readonly processID?: number | null | undefined;
  /** Runs a statement. */
  query(query: PostgresQuery): Promise<PostgresResult>;
  /** Gives the connection back to its pool; with `true` the pool closes it. */
  release(destroy?: boolean): void;
  /** Adds a listener. */
  on(event: string, listener: (...values: never[]) => void): unknown;
  /** Removes a listener. */
  off(event: string, listener: (...values: never[]) => void): unknown;
}

/**
 * A pool of connections: every `pg.Pool` satisfies it.
 *
 * @example
 * ```ts ignore
 * import { Pool } from "npm:pg";
 * import { postgres } from "@posthorn/posthorn/postgres";
 *
 * const pool = new Pool({ host: "db.example", password: () => freshToken(), max: 10 });
 * const store = postgres(pool);
 * ```
 */
export interface PostgresPool {
  /** Takes a connection. */
  connect(): Promise<PostgresClient>;
  /** Adds a listener. */
  on(event: string, listener: (...values: never[]) => void): unknown;
  /** Removes a listener. */
  off(event: string, listener: (...values: never[]) => void): unknown;
}

/** A pool that the store has made, and closes. */
export interface OwnPool extends PostgresPool {
  end(): Promise<void>;
}

/**
 * The number of connections of a pool of the store's own: two commits, a notification, the listener, reads and
 * the expiry. A server has a hundred for everybody by default.
 */
const connectionsMax = 6;
/** The listener and two commits stay connected, so that no timer is set whenever one of them has been used. */
const connectionsMin = 3;
/** How long to wait for a connection, in milliseconds. */
const connectMs = 5_000;

/** The part of `pg` that makes pools. */
interface Driver {
  readonly Pool: new (options: object) => OwnPool;
  readonly Client: new (options: object) => unknown;
}

/** Makes a pool for a URL. `pg` is loaded by the first one. Rejects with a `StoreError` if the URL cannot be read. */
export async function poolOf(connectionString: string): Promise<OwnPool> {
  const { default: pg } = await import("pg");
  const { Client, Pool } = pg as unknown as Driver;
  try {
    new Client({ connectionString }); // it is not connected: a pool reads the URL when somebody needs a connection
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof URIError)) throw error;
    // that error has the whole URL, in its words and beside them
    const why = "its URL cannot be read: in a password, characters such as / # ? are written as %2F %23 %3F";
    throw new StoreError("store-unavailable", `Cannot open PostgreSQL: ${why}`);
  }
  return new Pool({
    connectionString,
    max: connectionsMax,
    min: connectionsMin,
    connectionTimeoutMillis: connectMs,
    keepAlive: true, // whoever listens hears nothing for long
    keepAliveInitialDelayMillis: 10_000,
    fallback_application_name: "posthorn",
  });
}
