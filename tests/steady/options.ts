/** Short windows and small logs, so that a run reaches its full size soon. */
export const options = {
  log: false as const,
  deduplicationWindowMs: 60_000,
  replyRetentionMs: 60_000,
  limits: { events: 200, deadLetters: 200 },
};
/**
 * The time after which the store should not grow: deduplication rows are kept a minute longer, and deleted
 * within another.
 */
export const fullAfterMs = 240_000;
/** How long after the last message only permanent rows should be left. */
export const emptyAfterMs = 240_000;
