/**
 * Something that is not there, with the reason: neither a function nor an operation. The compiler prints its
 * name with the words, where a program uses it as one.
 */
export interface Refused<_Words extends string> extends Readonly<Record<never, never>> {}

/** What no value is: the compiler prints it, with the words, where a program gives something else. */
export interface Wrong<Words extends string> {
  /** Exists only for the compiler. */
  readonly "~wrong": Words;
}
