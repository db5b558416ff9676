import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { type Random, systemRandom } from "../../../runtime/base/random.ts";

/** Options of {@linkcode postgres}. */
export interface PostgresOptions {
  /**
   * The schema of the database that belongs to the store: 1 to 40 lower-case letters, digits and `_`, beginning
   * with a letter. Stores with different schemas share nothing.
   *
   * @default {"posthorn"}
   */
  readonly schema?: string;
  /**
   * Whether to create the schema if it is missing. With `false` opening rejects then with `store-unavailable`, and the
   * error has the command: {@linkcode postgresMigration} gives the SQL to run. A schema that another version of Posthorn
   * has made is refused in any case.
   *
   * @default {true}
   */
  readonly migrate?: boolean;
  /**
   * How to notice what other processes commit. `listen`: by `LISTEN`, which takes one connection for itself. Unless
   * there is a pooler between, that connection also tells the others within a second when this process has ended.
   * `poll`: by a small query, 20 to 100 times a second, for a pooler in transaction mode (pgbouncer, Hyperdrive),
   * which has neither `LISTEN` nor prepared statements. Processes that listen and processes that poll can share
   * a database.
   *
   * @default {"listen"}
   */
  readonly watch?: "listen" | "poll";
  /** The source of randomness for versions and for delays; by default that of the machine. */
  readonly random?: Random;
}

const optionNames: OptionNames<PostgresOptions> = {
  migrate: true,
  random: true,
  schema: true,
  watch: true,
};

/** Checks the options, and adds what is not given. */
export function complete(options: PostgresOptions): Required<PostgresOptions> {
  requireKnownOptions("postgres", options, optionNames);
  const { schema = "posthorn", migrate = true, watch = "listen", random = systemRandom() } = options;
  requireSchema(schema);
  if (typeof migrate !== "boolean") {
    throw new TypeError(`Cannot use migrate of postgres: it must be true or false: it is ${typeof migrate}`);
  }
  if (watch !== "listen" && watch !== "poll") {
    throw new RangeError(
      `Cannot use watch of postgres: it must be "listen" or "poll": current value is ${
        JSON.stringify(watch)
      }`,
    );
  }
  return { schema, migrate, watch, random };
}

/** Throws a `RangeError` unless it can be the name of a schema. */
export function requireSchema(schema: string): void {
  if (typeof schema === "string" && /^(?!pg_)[a-z][a-z0-9_]{0,39}$/.test(schema)) return;
  throw new RangeError(
    "Cannot use schema of postgres: it must be 1 to 40 lower-case letters, digits and _, begin with a letter and " +
      `not with pg_: current value is ${JSON.stringify(schema)}`,
  );
}
