/**
 * The store on PostgreSQL, for any number of machines. It needs the package `pg`.
 *
 * @module
 */

export { postgres } from "./postgres.ts";
export type { PostgresOptions } from "./options.ts";
export { postgresMigration } from "./migration.ts";
export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from "./pool.ts";
