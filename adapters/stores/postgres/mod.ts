/**
 * The store on PostgreSQL, for any number of machines. It needs the package `pg`.
 *
 * @module
 */

export { postgres, type PostgresStore } from "./postgres.ts";
export type { PostgresOptions } from "./options.ts";
export { postgresMigration } from "./migration.ts";
export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from "./pool.ts";
export type { PostgresTransactionClient } from "./within.ts";
export type { Transaction, TransactionRef, TransactionTicket } from "../../../runtime/ports/transaction.ts";
