/**
 * The interface of a store and the errors that it throws, for authors of adapters.
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
  StoreLimits,
  StorePresence,
  StoreServices,
  StoreTraits,
} from "../../runtime/ports/store.ts";
export { OutcomeUnknownError, StoreError, TooLargeError } from "../../runtime/base/store_errors.ts";
