import { messageOf } from "../../../runtime/base/errors.ts";
import { StoreError } from "../../../runtime/base/store_errors.ts";
import { commitFunctions } from "./commit_function.ts";
import { requireSchema } from "./options.ts";
import { plannerSettings } from "./planner_settings.ts";
import { postedFunctions } from "./posted_functions.ts";
import type { Statements } from "./statements.ts";

/** The version of the schema that this code works with. */
const current = 1;

/** What cannot be done without the right schema. */
const opening = "Cannot open PostgreSQL";
const sending = "Cannot send within a transaction";

/** Where {@linkcode postgresMigration} is. */
const entry = "@posthorn/posthorn/postgres";

/** How a DBA who does not let the program create anything runs the migration. */
function commandFor(schema: string): string {
  const argument = schema === "posthorn" ? "" : `{ schema: "${schema}" }`;
  const code = `import { postgresMigration } from ${
    JSON.stringify(entry)
  }; console.log(postgresMigration(${argument}))`;
  return `deno eval '${code}' | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`;
}

/**
 * Returns the SQL that creates the schema of {@linkcode postgres}, for who runs migrations apart from the program
 * (`migrate: false`). It is one transaction. The role that runs it needs `CREATE` on the database; the role of the
 * program then needs what the last lines grant, with its name in place of `role`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { postgresMigration } from "@posthorn/posthorn/postgres";
 *
 * const sql = postgresMigration({ schema: "actors" });
 * assert(sql.includes('CREATE SCHEMA IF NOT EXISTS "actors"'));
 * ```
 *
 * @param options the schema, as for the store
 * @returns statements for `psql`
 * @throws {RangeError} if the schema cannot be the name of one
 */
export function postgresMigration(options: { readonly schema?: string } = {}): string {
  const { schema = "posthorn" } = options;
  requireSchema(schema);
  return `BEGIN;
CREATE SCHEMA IF NOT EXISTS "${schema}";
${objects(schema)}
COMMIT;
-- For a program with a role of its own:
${grantsOf(schema).map((grant) => `-- ${grant};\n`).join("")}`;
}

/** What the role of a program needs that creates nothing. */
function grantsOf(schema: string): string[] {
  return [
    `GRANT USAGE ON SCHEMA "${schema}" TO role`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO role`,
    `GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA "${schema}" TO role`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "${schema}" TO role`, // databases are hardened by taking it from PUBLIC
  ];
}

// The values of most rows are small, and those that are not are bytes that do not compress. A row is replaced and
// removed soon after it was written, so there is room in its page, and the vacuum comes often.
function objects(schema: string): string {
  return `CREATE TABLE "${schema}".entries (
  key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, version bigint NOT NULL, expires bigint
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE "${schema}".entries ALTER value SET STORAGE EXTERNAL;
CREATE INDEX entries_expires ON "${schema}".entries (expires) WHERE expires IS NOT NULL;
CREATE SEQUENCE "${schema}".bell;
CREATE UNLOGGED TABLE "${schema}".presence (
  instance text COLLATE "C" PRIMARY KEY, server timestamptz NOT NULL, taken timestamptz NOT NULL
);
${postedFunctions(schema).trim()}
CREATE FUNCTION "${schema}".read(ks text[]) RETURNS TABLE (k text, v bytea, t text)
LANGUAGE plpgsql STABLE ${plannerSettings} AS $function$
BEGIN
  RETURN QUERY SELECT key, value, version::text FROM "${schema}".entries WHERE key = ANY(ks);
END $function$;
CREATE FUNCTION "${schema}".list(low text, high text, backwards boolean, n int)
RETURNS TABLE (k text, v bytea, t text)
LANGUAGE plpgsql STABLE ${plannerSettings} AS $function$
BEGIN
  IF backwards THEN
    IF high IS NULL THEN
      RETURN QUERY SELECT key, value, version::text FROM "${schema}".entries
        WHERE key >= low COLLATE "C" ORDER BY key DESC LIMIT n;
    ELSE
      RETURN QUERY SELECT key, value, version::text FROM "${schema}".entries
        WHERE key >= low COLLATE "C" AND key < high COLLATE "C" ORDER BY key DESC LIMIT n;
    END IF;
  ELSIF high IS NULL THEN
    RETURN QUERY SELECT key, value, version::text FROM "${schema}".entries
      WHERE key >= low COLLATE "C" ORDER BY key LIMIT n;
  ELSE
    RETURN QUERY SELECT key, value, version::text FROM "${schema}".entries
      WHERE key >= low COLLATE "C" AND key < high COLLATE "C" ORDER BY key LIMIT n;
  END IF;
END $function$;
CREATE FUNCTION "${schema}".expire(until bigint, n int) RETURNS int
LANGUAGE plpgsql ${plannerSettings} AS $function$
DECLARE gone int;
BEGIN
  DELETE FROM "${schema}".entries WHERE key IN (SELECT key FROM "${schema}".entries
    WHERE expires <= until ORDER BY expires LIMIT n FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $function$;
${commitFunctions(schema)}
CREATE TABLE "${schema}".migration (version int NOT NULL);
INSERT INTO "${schema}".migration VALUES (${current});`;
}

/**
 * Checks the schema, and creates it if that is wanted. Several processes may do so at the same time: the lock lasts
 * as long as the transaction, and who comes second finds it done: by a query, because what a connection remembers of
 * the catalogue may be from before it had the lock.
 */
export async function requireMigrated(
  statements: Statements,
  schema: string,
  migrate: boolean,
): Promise<void> {
  const rows: Rows = (text, values) => statements.rows(text, values);
  const found = await versionOf(rows, schema);
  if (found === current) return;
  if (found !== undefined) throw differs(schema, found);
  if (!migrate) throw absent(schema, "migrate is false");
  try {
    await statements.script(`DO $migration$ BEGIN
PERFORM pg_advisory_xact_lock(hashtextextended('posthorn.${schema}', 0));
IF NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = '${schema}' AND tablename = 'migration') THEN
IF to_regnamespace('"${schema}"') IS NULL THEN CREATE SCHEMA "${schema}"; END IF;
${objects(schema)}
END IF;
END $migration$`);
  } catch (error) {
    // where transactions see what was there when they began, who comes second creates it in vain
    if (await versionOf(rows, schema).catch(() => undefined) === current) return;
    const rights =
      `the role needs CREATE on the database (now), or USAGE on the schema and rights on its tables (after ` +
      `\`${commandFor(schema)}\`)`;
    if ((error as { readonly code?: string }).code !== "42501") throw error;
    throw new StoreError(
      "store-unavailable",
      `Cannot open PostgreSQL: no right to create schema "${schema}": ${messageOf(error)}: ${rights}`,
      { cause: error },
    );
  }
  const made = await versionOf(rows, schema);
  if (made !== current) throw differs(schema, made);
}

/** Checks the schema for who does not create it. */
export async function requireMade(rows: Rows, schema: string): Promise<void> {
  const found = await versionOf(rows, schema, sending);
  if (found === undefined) throw absent(schema, "no system has opened it yet", sending);
  if (found !== current) throw differs(schema, found, sending);
}

/** Runs a statement, and resolves with its rows as arrays. */
export type Rows = (text: string, values: unknown[]) => Promise<unknown[][]>;

async function versionOf(rows: Rows, schema: string, what = opening): Promise<number | undefined> {
  const [[encoding, exists]] = await rows(
    "SELECT current_setting('server_encoding') AS a, (EXISTS (SELECT FROM pg_tables " +
      "WHERE schemaname = $1 AND tablename = 'migration'))::text AS b",
    [schema],
  );
  if (encoding !== "UTF8") {
    throw new StoreError(
      "store-unavailable",
      `Cannot open PostgreSQL: its database must have the encoding UTF8: it has ${encoding}`,
    );
  }
  if (exists !== "true") return undefined;
  let found: unknown[][];
  try {
    found = await rows(
      `SELECT version::text AS a, (${rightsOf(schema)})::text AS b FROM "${schema}".migration`,
      [],
    );
  } catch (error) {
    throw (error as { readonly code?: string }).code === "42501" ? powerless(schema, what, error) : error;
  }
  const [[version, may]] = found.length === 1 ? found : [[NaN, "true"]];
  if (Number(version) === current && may !== "true") throw powerless(schema, what); // another one may have other tables
  return Number(version);
}

/** Whether the role has what {@linkcode grantsOf} grants. */
function rightsOf(schema: string): string {
  const all = (kind: string, names: readonly string[], rights: readonly string[]) =>
    names.flatMap((name) =>
      rights.map((right) => `has_${kind}_privilege(to_regclass('"${schema}".${name}'), '${right}')`)
    );
  return [
    ...all("table", ["entries", "presence"], ["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ...all("sequence", ["bell", "announced", "looked"], ["USAGE", "SELECT", "UPDATE"]),
    "NOT EXISTS (SELECT FROM pg_proc " +
    `WHERE pronamespace = '"${schema}"'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE'))`,
  ].join(" AND ");
}

function powerless(schema: string, what: string, cause?: unknown): StoreError {
  const needs = `the role needs what this grants: ${grantsOf(schema).join("; ")}`;
  return new StoreError("store-unavailable", `${what}: no right to use schema "${schema}": ${needs}`, {
    cause,
  });
}

function absent(schema: string, why: string, what = opening): StoreError {
  return new StoreError(
    "store-unavailable",
    `${what}: schema "${schema}" is not there, and ${why}: run \`${commandFor(schema)}\` ` +
      "as a role with CREATE on the database, and grant the role of the program what its last lines say",
  );
}

function differs(schema: string, found: number | undefined, what = opening): StoreError {
  const why = found !== undefined && found > current
    ? "a newer version of Posthorn has made it: use that one"
    : "this version of Posthorn does not know how it was made";
  return new StoreError(
    "store-unavailable",
    `${what}: schema "${schema}" has version ${found} of ${current}: ${why}`,
  );
}
