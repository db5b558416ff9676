import type { Later } from "./later.ts";

/** The types that {@linkcode Frozen} does not change. */
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
  | Later
  | ((...args: never[]) => unknown);

/**
 * `T`, deeply read-only: the type of the state within a handler. Assign a new state instead of changing the
 * old one, so that a failed turn leaves no change behind.
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
 * A read-only list. A list without fixed length is not mapped: the compiler would resolve its elements at
 * once, which never ends for a type that contains lists of itself, as JSON does.
 */
export type FrozenList<T extends readonly unknown[]> = number extends T["length"]
  ? readonly Frozen<T[number]>[]
  : { readonly [K in keyof T]: Frozen<T[K]> };
