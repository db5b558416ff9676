import type { Refused, Wrong } from "./refused.ts";

/** Whether a type is that of no payload: `void`, which is no type of a value. */
export type IsNothing<Input> = [unknown] extends [Input] ? false
  : [Input] extends [void] ? [void] extends [Input] ? true : false
  : false;

/**
 * What the schema of a payload must be besides a schema: one of something. An operation without a payload has
 * no schema for it, because its options come first. A schema of a type parameter has no such demand.
 */
export type Something<Input> = true extends IsNothing<Input>
  ? Wrong<"an operation without a payload takes no schema for it">
  : unknown;

/** What `tell<T>()` gives, and the same in the other modes: no operation, because nothing would check a payload. */
export type Untested = Refused<"a type checks nothing at run time: give a schema, or unchecked<T>()">;
