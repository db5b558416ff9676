import { diag } from "@opentelemetry/api";

/**
 * Calls what the program has registered with OpenTelemetry. If that throws, its log is told, and the result is `undefined`:
 * no message is refused, and no turn fails, because it cannot be traced.
 */
export function guarded<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    untraced(error);
    return undefined;
  }
}

/** Tells the log of OpenTelemetry why a message is not traced. */
export function untraced(error: unknown): void {
  try {
    diag.error("Cannot trace a message of Posthorn", error);
  } catch {
    // The logger of the program fails too: there is nobody else to tell.
  }
}
