const pollMs = 20;

/** Waits until it holds, but no longer than that. Whoever needs to know whether it holds looks afterwards. */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  { timeoutMs }: { timeoutMs: number },
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!await holds() && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
