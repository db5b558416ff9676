import type { Whole } from "./frozen.ts";
import type { Wrong } from "./refused.ts";

/**
 * What {@linkcode actor} demands of a state besides being one: that the compiler knows the type of each list
 * in it. An empty list, or a bare `null`, has no type of its own; without this demand the error would appear
 * where the list is first filled. A state of a type parameter has no such demand.
 */
export type TypedState<State> = true extends HasUntyped<State> ? {
    readonly state: Wrong<`the type of ${UntypedIn<State>} is not known here: write state: (): State => (…)`>;
  }
  : unknown;

/** Whether there is something in a state whose type the compiler does not know. */
export type HasUntyped<State> = [UntypedIn<State>] extends [never] ? false : true;

/** The names of what is always empty in a state. */
export type UntypedIn<State> = unknown extends State ? never
  : true extends IsAlwaysEmpty<State> ? [State] extends [null | undefined] ? never : "its list"
  : State extends Whole | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | readonly unknown[] ? never
  : {
    [Key in keyof State & string]: true extends IsAlwaysEmpty<State[Key]> ? Key : never;
  }[keyof State & string];

/** Whether a value can only be an empty list, `null` or `undefined`, and not because `[]` is its declared type. */
export type IsAlwaysEmpty<Value> = [unknown] extends [ItemOf<Value>] ? false
  : [Value] extends [never[] | null | undefined] ? [Value] extends [[]] ? false : true
  : false;

/** The items of a list. */
export type ItemOf<Value> = Value extends readonly unknown[] ? Value[number] : never;
