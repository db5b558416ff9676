// What a test against a real PostgreSQL uses. `deno task postgres` starts one and prints the environment.

import { Broker, type BrokerOptions } from "../brokers/broker.ts";
import { withDatabase } from "./database.ts";
import { bundler } from "./edge/bundler.ts";
import { pgbouncerOf, type PoolMode } from "./pgbouncer.ts";
import { postgresServer } from "./server.ts";

const variable = "POSTHORN_POSTGRES";
const given = Deno.env.get(variable);
/** Whether a server that is not given fails its tests, instead of being a reason to ignore them: in CI. */
const isRequired = given === "required";
const command = "deno task postgres start FOLDER";

/** The URL of the server that is given, if there is one. */
export const givenUrl: string | undefined = isRequired ? undefined : given;

/** A server that runs, with a schema that no other test uses. */
export interface GivenPostgres {
  readonly url: string;
  readonly schema: string;
  /** A further server for this test alone, which it may kill and restart. The test's end removes it. */
  own(options?: BrokerOptions): Promise<Broker>;
  /** The URL of a pooler before the server, in that mode, for this test alone. */
  pooled(mode?: PoolMode): Promise<string>;
}

/** A name for a schema that nobody else uses. */
export function newSchema(): string {
  return `t${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}

/** Removes a schema with all that is in it. */
export async function dropSchema(url: string, schema: string): Promise<void> {
  await withDatabase(url, (client) => client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`));
}

/** What a test does with the server. */
export type PostgresTest = (given: GivenPostgres, test: Deno.TestContext) => void | Promise<void>;

/**
 * A test against a real PostgreSQL. Without the server it is ignored, with the command that brings it in its
 * name; if `POSTHORN_POSTGRES` is `required`, it fails.
 */
export function postgresTest(title: string, fn: PostgresTest): void {
  define(title, givenUrl === undefined, fn);
}

/** The same through a pooler, which `deno task postgres` installs beside the server. */
export function pooledTest(title: string, fn: PostgresTest): void {
  define(title, givenUrl === undefined || !pgbouncerOf(givenUrl).isInstalled(), fn);
}

/** The same on workerd: its bundle needs what `deno task postgres` installs beside the server, and a newer Deno. */
export function bundledTest(title: string, fn: PostgresTest): void {
  const [major, minor] = Deno.version.deno.split(".").map(Number);
  const canBundle = major > 2 || (major === 2 && minor >= 9);
  const isMissing = givenUrl === undefined || !bundler.isInstalled();
  // Miniflare leaves a message port behind, and removes its folder after it has said that it is disposed of.
  if (canBundle) define(title, isMissing, fn, { sanitizeOps: false, sanitizeResources: false });
  else Deno.test.ignore(`${title} (bundled by Deno 2.9 and later, this is ${Deno.version.deno})`, () => {});
}

function define(
  title: string,
  isMissing: boolean,
  fn: PostgresTest,
  options: Pick<Deno.TestDefinition, "sanitizeOps" | "sanitizeResources"> = {},
): void {
  Deno.test({
    ...options,
    name: isMissing ? `${title} (needs \`${command}\`)` : title,
    ignore: isMissing && !isRequired,
    async fn(test) {
      if (givenUrl === undefined) throw new Error(`Cannot test with postgres: run \`${command}\``);
      await using servers = new AsyncDisposableStack();
      const schema = newSchema();
      servers.defer(() => dropSchema(givenUrl, schema));
      const given: GivenPostgres = {
        url: givenUrl,
        schema,
        own: async (options) => servers.use(await Broker.temporary(postgresServer, options)),
        pooled: async (mode) => servers.use(await Broker.temporary(pgbouncerOf(givenUrl, mode))).url,
      };
      await fn(given, test);
    },
  });
}
