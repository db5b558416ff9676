/**
 * The store in a Durable Object of Cloudflare.
 *
 * @module
 */

export { durableObject } from "./durable_object.ts";
export type { ObjectCursor, ObjectSql, ObjectStorage } from "./storage.ts";
