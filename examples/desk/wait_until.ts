const pollMs = 20;

/**
 * Waits until the condition holds or the timeout ends. A caller that needs to know which checks the condition
 * afterwards.
 */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  { timeoutMs }: { timeoutMs: number },
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!await holds() && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
