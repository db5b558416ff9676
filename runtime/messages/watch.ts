/** What is kept with a message that was accepted while somebody listened to events. */
export interface Watch {
  /** When it was accepted, in milliseconds since 1970; absent if its position in the store tells it. */
  readonly acceptedMs: number | undefined;
  /** The same moment by the monotonic clock of this process; absent if nobody looked at it. */
  readonly monotonicMs: number | undefined;
  /** How many messages it stands for among those that listeners of a sample hear of; 0 if it is not one of them. */
  readonly stands: number;
}

/** Of a message in a store that was drawn for the sample, and is not one of it: most of them are this one object. */
export const unheard: Watch = { acceptedMs: undefined, monotonicMs: undefined, stands: 0 };
