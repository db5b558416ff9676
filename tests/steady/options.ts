/** Short windows and small logs: a run is at its full size soon. */
export const options = {
  log: false as const,
  deduplicationWindowMs: 60_000,
  replyRetentionMs: 60_000,
  limits: { events: 200, deadLetters: 200 },
};
/** From when on the store should grow no more: marks are kept a minute longer, and go within another. */
export const fullAfterMs = 240_000;
/** How long after the last message nothing but what is kept for good is there. */
export const emptyAfterMs = 240_000;
