/** What a program reports about its start: milliseconds since the process started, and of processor time. */
export interface Told {
  readonly importedMs: number;
  readonly repliedMs: number;
  readonly cpuMs: number;
  readonly reply: string;
}

/** Prints the report. */
export async function tellStart(told: Omit<Told, "cpuMs">): Promise<void> {
  const { default: process } = await import("node:process"); // only now: what it loads would be loaded for the others
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ ...told, cpuMs: (user + system) / 1_000 } satisfies Told));
}
