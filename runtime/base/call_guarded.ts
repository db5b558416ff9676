import { isThenable } from "./thenable.ts";

/** Calls a function that a user gave. If it throws, or if its promise rejects, `failed` is called with the error. */
export function callGuarded(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) Promise.resolve(result).then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
