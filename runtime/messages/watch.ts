/** What is kept with a message that was accepted while somebody listened to events. */
export interface Watch {
  /** When it was accepted, in milliseconds since 1970. */
  readonly acceptedMs: number;
  /** The same moment by the monotonic clock of this process. */
  readonly monotonicMs: number;
  /** How many messages it stands for among those that listeners of a sample hear of; 0 if it is not one of them. */
  readonly stands: number;
}
