import { isThenable } from "./thenable.ts";

/** Calls a function that a user gave: `failed` hears what it throws, or what the promise that it returns rejects with. */
export function callGuarded(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) Promise.resolve(result).then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
