/** The processor time of a server and of this process, in microseconds, from /proc. */

import { readFileSync } from "node:fs";
import { cpuUsage } from "node:process";

/** How many ticks a second has in the figures of processes that have ended. */
const ticksPerSecond = 100;

/** The processor time of both sides. */
export interface Spent {
  readonly clientMicros: number;
  readonly serverMicros: number;
}

/** Begins a measurement of this process and of a server. The result is for one of so many messages. */
export function processorOf(server: number): (messages: number) => Spent {
  const client = cpuUsage();
  const before = serverMicros(server);
  return (messages) => {
    const { user, system } = cpuUsage(client);
    return {
      clientMicros: (user + system) / messages,
      serverMicros: (serverMicros(server) - before) / messages,
    };
  };
}

/**
 * What the server and the processes that it has started have used: each connection has one. What a process has used that
 * has ended counts for who has started it.
 */
function serverMicros(server: number): number {
  const children = readFileSync(`/proc/${server}/task/${server}/children`, "utf8").trim().split(" ");
  const pids = [server, ...children.filter((pid) => pid !== "").map(Number)];
  return endedBelow(server) + pids.reduce((sum, pid) => sum + usedBy(pid), 0);
}

/** A process of one thread: the first figure of the scheduler is how many nanoseconds it has run. */
function usedBy(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1_000;
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as { code?: string }).code ?? "")) return 0; // it has just ended
    throw error;
  }
}

function endedBelow(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 1_000_000 / ticksPerSecond;
}
