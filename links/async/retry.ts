/** Thrown if every attempt of {@linkcode retry} has failed; `cause` is the last error. */
export class RetryError extends Error {
  /** Makes the error from the last failure and the number of attempts. */
  constructor(cause: unknown, attempts: number) {
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
    this.name = "RetryError";
  }
}

/** Settings of {@linkcode retry}. */
export interface RetryOptions {
  /** How often the function is called at most (default 5). */
  maxAttempts?: number;
  /** First wait, in milliseconds (default 1000). Each one is twice as long, up to a minute, and shortened by chance. */
  minTimeout?: number;
}

const maxTimeout = 60_000;

/** Calls the function until it succeeds, with growing waits between the attempts. */
export async function retry<T>(fn: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { maxAttempts = 5, minTimeout = 1_000 } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (attempt >= maxAttempts) throw new RetryError(error, maxAttempts);
    }
    const wait = Math.min(maxTimeout, minTimeout * 2 ** (attempt - 1)) * (1 - Math.random());
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
