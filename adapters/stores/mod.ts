/**
 * The interface of a store, the durable engine that it carries and the errors that it throws, for authors of adapters.
 *
 * @module
 */

export type {
  AtomicPart,
  Check,
  Delete,
  Entry,
  KeyRange,
  Put,
  Store,
  StoreConnection,
  StoreEngine,
  StoreLimits,
  StorePresence,
  StoreServices,
  StoreTraits,
} from "../../runtime/ports/store.ts";
export { storeEngine } from "../../runtime/durable/engine.ts";
export {
  observeStore,
  type ObserveStoreOptions,
  type StoreObservation,
} from "../../runtime/durable/observe_store.ts";
export { OutcomeUnknownError, StoreError, TooLargeError } from "../../runtime/base/store_errors.ts";
