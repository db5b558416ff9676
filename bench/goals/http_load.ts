import { fileURLToPath } from "node:url";

/** The time limit of the last responses in milliseconds. */
const patienceMs = 10_000;

/** The request that is repeated. */
export interface Load {
  readonly url: string;
  /** The body of the POST, as JSON; absent for no body. */
  readonly body?: string;
  readonly connections: number;
  readonly durationMs: number;
}

/** The result of a load. */
export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The number of error responses and failed connections. */
  readonly errors: number;
}

/** The client: `wrk` if it is installed, else a second Deno process, which is several times slower. */
export type Client = "wrk" | "Deno";

/** Finds the available client. */
export async function findClient(): Promise<Client> {
  try {
    await new Deno.Command("wrk", { args: ["--version"], stdout: "null", stderr: "null" }).output();
    return "wrk";
  } catch {
    return "Deno";
  }
}

/** The sentence on the client in a report. */
export function clientNote(client: Client): string {
  return client === "wrk"
    ? "The load comes from `wrk` with one thread on the same machine."
    : "The load comes from a second Deno process on the same machine, which is slow; with `wrk` on the path " +
      "(`apt-get install -y wrk`) it comes from that.";
}

/** Loads a server from another process over keep-alive connections. */
export async function loadHttp(client: Client, load: Load): Promise<LoadResult> {
  if (client === "Deno") {
    return await run(Deno.execPath(), ["run", "-A", fileURLToPath(import.meta.url), JSON.stringify(load)]);
  }
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, luaOf(load));
    const seconds = `${Math.max(Math.round(load.durationMs / 1_000), 1)}s`;
    return await run("wrk", ["-t1", `-c${load.connections}`, "-d", seconds, "-s", script, load.url]);
  } finally {
    await Deno.remove(script);
  }
}

async function run(command: string, args: readonly string[]): Promise<LoadResult> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1)!);
}

/** A script for `wrk` that sends the request and prints the result as a line of JSON. */
function luaOf({ body }: Load): string {
  const payload = body === undefined
    ? ""
    : `wrk.body = [[${body}]]\nwrk.headers["Content-Type"] = "application/json"`;
  return `wrk.method = "POST"
${payload}
done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{"requests":%d,"perSecond":%f,"p50Ms":%f,"p99Ms":%f,"errors":%d}', summary.requests,
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;
}

/** The load from Deno: concurrent loops of fetches, each of which awaits its response. */
async function fetchLoops({ url, body, connections, durationMs }: Load): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  let errors = 0;
  const headers = body === undefined ? undefined : { "content-type": "application/json" };
  const signal = AbortSignal.timeout(durationMs + patienceMs);
  const beganMs = performance.now();
  const loop = async () => {
    while (performance.now() - beganMs < durationMs) {
      const sentMs = performance.now();
      const response = await fetch(url, { method: "POST", headers, body, signal });
      await response.arrayBuffer();
      latenciesMs.push(performance.now() - sentMs);
      if (!response.ok) errors++;
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  const elapsedMs = performance.now() - beganMs;
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)];
  const requests = sorted.length;
  return { requests, perSecond: requests * 1_000 / elapsedMs, p50Ms: at(0.5), p99Ms: at(0.99), errors };
}

if (import.meta.main) {
  console.log(JSON.stringify(await fetchLoops(JSON.parse(Deno.args[0]))));
  Deno.exit(0);
}
