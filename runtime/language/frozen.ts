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
  : T extends readonly unknown[] ? FrozenList<T>
  : { readonly [K in keyof T]: Frozen<T[K]> };

/**
 * A read-only list. Not mapped where it has no fixed length: the compiler would ask for its elements at once, and a type
 * that holds lists of itself, as JSON does, would have no end.
 */
export type FrozenList<T extends readonly unknown[]> = number extends T["length"]
  ? readonly Frozen<T[number]>[]
  : { readonly [K in keyof T]: Frozen<T[K]> };
