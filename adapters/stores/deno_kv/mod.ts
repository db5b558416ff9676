/**
 * The store on Deno KV: Deno Deploy's database, a self-hosted server, or a file.
 *
 * @module
 */

export { denoKv, type DenoKvOptions } from "./deno_kv.ts";
export type { KvAtomic, KvEntry, KvHandle, KvKey } from "./handle.ts";
