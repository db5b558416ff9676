/** How long the thread of this program has waited for a core since it began; 0 where the kernel does not tell. */
export function waitedForCoreMs(): number {
  try {
    const counted = Deno.readTextFileSync(`/proc/${Deno.pid}/task/${Deno.pid}/schedstat`);
    return Number(counted.split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
