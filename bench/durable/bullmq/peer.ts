/**
 * BullMQ on its own Redis: `peer.ts default|always COUNT TOGETHER`. One queue, and one counting worker in the
 * same process. Measures the time of each job from accepted (`add` has resolved) to completed.
 */
import { percentilesOf } from "../percentiles.ts";

interface Job {
  readonly data: { readonly index: number };
}

interface BullMq {
  Queue: new (name: string, options: object) => {
    add(name: string, data: Job["data"], options: object): Promise<unknown>;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
  Worker: new (name: string, handle: (job: Job) => Promise<void>, options: object) => {
    on(event: string, listener: (job: Job) => void): void;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
}

/** The settings of Redis: its defaults, or so that no acknowledged job is lost. */
const settings: Readonly<Record<string, readonly string[]>> = {
  default: [],
  always: ["--appendonly", "yes", "--appendfsync", "always"],
};

/** The concurrency of the worker: the fastest here of 10, 50, 100 and 200. */
const concurrency = 100;

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error("redis-server does not listen");
}

async function measure(port: number, count: number, together: number) {
  const name: string = "bullmq"; // hidden from the compiler, so that the file checks without BullMQ installed
  const { Queue, Worker } = await import(name) as BullMq;
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
  const queue = new Queue("carts", { connection });
  const accepted = new Map<number, number>();
  const latenciesMs: number[] = [];
  let handled = 0;
  const worker = new Worker("carts", () => {
    handled++;
    return Promise.resolve();
  }, { connection, concurrency });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const flood = (count: number) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sent = 0;
    let done = 0;
    const send = () => {
      for (; sent < Math.min(done + together, count); sent++) {
        const index = sent;
        queue.add("add", { index }, { removeOnComplete: true, removeOnFail: true })
          .then(() => void accepted.set(index, performance.now()), reject);
      }
    };
    onCompleted = ({ data: { index } }) => {
      const nowMs = performance.now();
      latenciesMs.push(nowMs - (accepted.get(index) ?? nowMs));
      done++;
      if (done === count) resolve();
      else send();
    };
    send();
    return promise;
  };
  let onCompleted: (job: Job) => void = () => {};
  worker.on("completed", (job) => onCompleted(job));
  const warming = Math.ceil(count / 5);
  await flood(warming);
  latenciesMs.length = 0;
  accepted.clear();
  const startMs = performance.now();
  await flood(count);
  const elapsedMs = performance.now() - startMs;
  const also = percentilesOf(latenciesMs);
  await worker.close();
  await queue.close();
  return { elapsedMs, check: handled - warming, also };
}

const [setting, count, together] = Deno.args;
const folder = await Deno.makeTempDir({ prefix: "posthorn-bench-" });
const port = freePort();
const redis = new Deno.Command("redis-server", {
  args: ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...settings[setting]],
  stdin: "null",
  stdout: "null",
  stderr: "null",
}).spawn();
try {
  await listens(port);
  console.log(JSON.stringify(await measure(port, Number(count), Number(together))));
} finally {
  redis.kill("SIGTERM");
  await redis.status;
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);
