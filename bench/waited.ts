/**
 * The time that this program's thread has waited for a core since its start; 0 if the kernel does not report
 * it.
 */
export function waitedForCoreMs(): number {
  try {
    const counted = Deno.readTextFileSync(`/proc/${Deno.pid}/task/${Deno.pid}/schedstat`);
    return Number(counted.split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}
