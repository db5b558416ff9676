/** Thrown when every attempt of {@linkcode retry} has failed; `cause` is the last error. */
export class RetryableError extends Error {
  /** Makes the error from the last failure and the number of attempts. */
  constructor(cause: unknown, attempts: number) {
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
    this.name = "RetryableError";
  }
}

/** Settings of {@linkcode retry}. */
export interface RetryOptions {
  /** How much longer each wait is than the one before it (default 2). */
  multiplier?: number;
  /** Longest wait between two attempts, in milliseconds (default 60000). */
  maxTimeout?: number;
  /** How often the function is called at most (default 5). */
  maxAttempts?: number;
  /** First wait, in milliseconds (default 1000). */
  minTimeout?: number;
  /** Share of each wait that is left to chance, 0 to 1 (default 1). */
  jitter?: number;
  /** Tells whether an error is worth another attempt (default: every error is). */
  isRetriable?: (error: unknown) => boolean;
}

/** Calls the function until it succeeds, with growing waits between the attempts. */
export async function retry<T>(fn: (() => Promise<T>) | (() => T), options: RetryOptions = {}): Promise<T> {
  const settings = checkedSettings(options);
  for (let attempt = 0;; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (!settings.isRetriable(error)) throw error;
      if (attempt + 1 >= settings.maxAttempts) throw new RetryableError(error, settings.maxAttempts);
    }
    const wait = backoff(attempt, settings);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function backoff(attempt: number, settings: Required<RetryOptions>): number {
  const { minTimeout, maxTimeout, multiplier, jitter } = settings;
  return Math.min(maxTimeout, minTimeout * multiplier ** attempt) * (1 - jitter * Math.random());
}

function checkedSettings(options: RetryOptions): Required<RetryOptions> {
  const {
    multiplier = 2,
    maxTimeout = 60_000,
    maxAttempts = 5,
    minTimeout = 1_000,
    jitter = 1,
    isRetriable = () => true,
  } = options;
  requireThat(Number.isInteger(maxAttempts) && maxAttempts > 0, "maxAttempts must be a positive integer");
  requireThat(Number.isFinite(multiplier) && multiplier >= 1, "multiplier must be finite and at least 1");
  requireThat(maxTimeout > 0, "maxTimeout must be above 0");
  requireThat(minTimeout >= 0, "minTimeout must be 0 or more");
  requireThat(minTimeout <= maxTimeout, "minTimeout must not be above maxTimeout");
  requireThat(jitter >= 0 && jitter <= 1, "jitter must be between 0 and 1");
  return { multiplier, maxTimeout, maxAttempts, minTimeout, jitter, isRetriable };
}

function requireThat(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(`Cannot retry: ${message}.`);
}
