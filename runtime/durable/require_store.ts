import type { Store } from "../ports/store.ts";

/** Throws a `TypeError` unless it is a store; `verb` is what is not done then. No compiler may have looked. */
export function requireStore(verb: string, store: Partial<Store> | null | undefined): void {
  if (typeof store?.open === "function" && store.traits !== undefined) return;
  const type = store === null ? "null" : typeof store;
  const shown = type === "object" ? "an object without `open` and `traits`" : `of type ${type}`;
  throw new TypeError(
    `Cannot ${verb} the store: it must be what memoryStore(), sqlite() or another of them returned, and is ${shown}`,
  );
}
