/** What an actor is at. A number is compared as it is; of a text the engine looks first what it is. */
export const Status = {
  /** Nothing to do. */
  idle: 0,
  /** The scheduler has it, or its turn runs. */
  ready: 1,
  /** A promise is awaited. */
  running: 2,
  /** It waits to try a message again. */
  held: 3,
  /** No longer in this process: nothing may be given to it. */
  gone: 4,
} as const;

export type Status = typeof Status[keyof typeof Status];
