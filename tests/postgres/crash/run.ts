import type { Broker } from "../../brokers/broker.ts";
import { type CrashResult, runWorkers } from "../../brokers/crash/run_workers.ts";
import { seededRandom } from "@posthorn/posthorn/testing";
import { withDatabase } from "../database.ts";
import { startAgain, stopImmediately } from "../server.ts";

export interface CrashOptions {
  readonly server: Broker;
  readonly seed: number;
  readonly durationMs: number;
  readonly onStep?: (step: string) => void;
}

export interface PostgresCrashResult extends CrashResult {
  /** How many sessions were terminated while the server ran. */
  readonly terminated: number;
  /** How many instances counted as ended: those that were killed, and those that ran and were not seen. */
  readonly ended: number;
}

/** One process is killed in each such time, and the server so many times in all. */
const killEachMs = 2_500;
const serverKillEachMs = 6_000;
/** The bounds of the time after which all sessions are terminated once more. */
const terminateMsMin = 150;
const terminateMsMax = 450;

/**
 * Three processes on one server that send in all modes, and are killed in turn, while sessions are terminated and the
 * server is restarted, once after a shutdown in the middle of everything and once after a kill.
 */
export async function run({ server, seed, durationMs, onStep }: CrashOptions): Promise<PostgresCrashResult> {
  const script = new URL("worker.ts", import.meta.url).pathname;
  const workers = Object.fromEntries(
    [["left", "1"], ["right", "2"], ["left", "3"]].map((
      [name, number],
    ) => [`${name}-${number}`, [script, name, number, "{start}", server.url]]),
  );
  const random = seededRandom(seed);
  let restarts = 0;
  const killable = {
    kill: () => restarts++ % 2 === 0 ? stopImmediately(server) : server.kill(),
    start: () => startAgain(server),
  };
  let terminated = 0;
  const beside = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      const pauseMs = terminateMsMin + random.next() * (terminateMsMax - terminateMsMin);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      terminated += await terminate(server.url).catch(() => 0); // it is down
    }
  };
  const brokerKills = Math.floor(durationMs / serverKillEachMs);
  const options = { workers, broker: killable, seed, durationMs, killEachMs, brokerKills, repeatsMs: 2_000 };
  const result = await runWorkers({ ...options, beside, ...(onStep && { onStep }) });
  const ended = await withDatabase(server.url, async (client) => {
    const { rows } = await client.query(
      "SELECT count(*)::int AS count FROM posthorn.entries WHERE key ^@ $1",
      ["ended\u001f"],
    );
    return Number(rows[0].count);
  });
  return { ...result, terminated, ended };
}

/** Terminates the sessions of all processes, and returns how many there were. */
export async function terminate(url: string): Promise<number> {
  return await withDatabase(url, async (client) => {
    const { rows } = await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posthorn'",
    );
    return rows.length;
  });
}
