/** The state of an activation's life. These are numbers because the engine compares them faster than texts. */
export const Status = {
  /** It has nothing to do. */
  idle: 0,
  /** It is in the scheduler's queue, or its turn runs. */
  ready: 1,
  /** Its turn awaits a promise. */
  running: 2,
  /** It waits to retry a message. */
  held: 3,
  /** It has left memory: it gets no more messages. */
  gone: 4,
} as const;

export type Status = typeof Status[keyof typeof Status];
