/** What {@linkcode Frozen} leaves as it is. */
export type Whole =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | Date
  | RegExp
  | URL
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never[]) => unknown);

/**
 * `T`, read-only all the way down: what a handler sees of its state. Assign a new state instead of changing the
 * old one; that is what lets a failed turn leave nothing behind.
 *
 * @example
 * ```ts
 * import type { Frozen } from "@posthorn/posthorn";
 *
 * const cart: Frozen<{ items: string[] }> = { items: ["tea"] };
 * // @ts-expect-error: read-only
 * (() => cart.items.push("milk"));
 * ```
 */
export type Frozen<T> = unknown extends T ? T
  : T extends Whole ? T
  : T extends ReadonlyMap<infer K, infer V> ? ReadonlyMap<Frozen<K>, Frozen<V>>
  : T extends ReadonlySet<infer E> ? ReadonlySet<Frozen<E>>
  : { readonly [K in keyof T]: Frozen<T[K]> };
