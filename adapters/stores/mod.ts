/**
 * What is needed to write a store: the interface that one implements, and the errors that it throws.
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
