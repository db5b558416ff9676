import { fileURLToPath } from "node:url";
import type { Outcome } from "../../contender.ts";
import { percentilesOf } from "../percentiles.ts";

/**
 * Kills a process in the midst of a turn, starts another one at once, and measures the time from that until a turn
 * begins: for the whole of it, and from when its store is open.
 */
export async function killed(url: string, count: number): Promise<Outcome> {
  const fromStart: number[] = [];
  const fromReady: number[] = [];
  const startMs = performance.now();
  for (let done = 0; done < count; done++) {
    const key = `${done}`; // an actor whose last instance has stopped orderly is found at once
    await ended(url, "hold", key);
    const { readyMs, beganMs } = await ended(url, "handle", key);
    fromStart.push(beganMs);
    fromReady.push(beganMs - readyMs);
  }
  const also = { p50: percentilesOf(fromStart).p50, readyP50: percentilesOf(fromReady).p50 };
  return { elapsedMs: performance.now() - startMs, check: fromStart.length, also };
}

/** Runs a process until it has begun a turn, and kills it, or until it has handled it. The times are since its start. */
async function ended(
  url: string,
  what: "hold" | "handle",
  key: string,
): Promise<{ readyMs: number; beganMs: number }> {
  const program = fileURLToPath(new URL("killed_worker.ts", import.meta.url));
  const startMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, url, what, key],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const at = new Map<string, number>();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    for (const word of ["ready", "began"]) {
      if (!at.has(word) && said.includes(`${word}\n`)) at.set(word, performance.now() - startMs);
    }
    if (what === "hold" && at.has("began")) break; // leaving the loop cancels the stream
  }
  if (what === "hold") child.kill("SIGKILL");
  await child.status;
  return { readyMs: at.get("ready") ?? NaN, beganMs: at.get("began") ?? NaN };
}
