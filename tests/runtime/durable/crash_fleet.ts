// Starts processes, kills them, and sends requests to them over HTTP.

import assert from "node:assert/strict";
import type { Random } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";

const serverPath = new URL("crash_server.ts", import.meta.url).pathname;

/** A process of `crash_server.ts`, started in advance, so that it can take over at once. */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";
  url: string | undefined;

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Opens the store, and listens. */
  async begin(): Promise<this> {
    await this.#line();
    const input = this.#child.stdin.getWriter();
    await input.write(new Uint8Array([10]));
    await input.close();
    this.url = `http://127.0.0.1:${await this.#line()}/`;
    return this;
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.url = undefined;
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#lines.cancel();
  }

  /** Ends it before it has opened the store. */
  async discard(): Promise<void> {
    await this.#child.stdin.close();
    await this.kill();
  }

  async #line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the server has ended");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

/** One that runs on Deno. */
export class Server extends ServerProcess {
  constructor(...args: string[]) {
    super(Deno.execPath(), ["run", "-A", "--unstable-kv", "--no-check", serverPath, ...args]);
  }
}

export type Mode = "add" | "job" | "happened";
/** The outcome of a request: accepted, or unknown. */
export interface Sent {
  readonly id: string;
  readonly mode: Mode;
  readonly accepted: boolean;
  /** The location of its reply, if there is one. */
  readonly location: string | null;
}

export interface Traffic {
  readonly sent: Sent[];
  /** The number of requests without a response, or with a failure, that were repeated. */
  repeats: number;
  stop(): Promise<void>;
}

const paths: Readonly<Record<Mode, (lane: number) => string>> = {
  add: (lane) => `actors/tally/t${lane % 3}/add`,
  job: (lane) => `actors/tally/t${lane % 3}/job`,
  happened: () => "events/tally/happened",
};

export async function post(url: string, path: string, body: unknown, key?: string): Promise<Response> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (key !== undefined) headers["idempotency-key"] = key;
  return await fetch(new URL(path, url), {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
}

/** Several clients, each with sequential requests. `urlOf` returns the current server while there is one. */
export function beginTraffic(clients: number, seed: number, urlOf: () => string | undefined): Traffic {
  let stopped = false;
  const traffic = { sent: [] as Sent[], repeats: 0 };
  const runs = Array.from({ length: clients }, async (_, client) => {
    const random = seededRandom(seed * 100 + client);
    for (let number = 0; !stopped; number++) {
      const id = `${client}-${number}`;
      const mode = (["add", "job", "happened"] as const)[Math.floor(random.next() * 3)];
      const patient = random.next() < 0.8;
      const lane = Math.floor(random.next() * 3);
      let accepted = false;
      let location: string | null = null;
      for (let attempt = 0; !accepted && (patient || attempt === 0); attempt++) {
        const url = urlOf();
        if (url === undefined) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          attempt--;
          if (stopped && !patient) break;
          continue;
        }
        if (attempt > 0) traffic.repeats++;
        try {
          const response = await post(url, paths[mode](lane), { id }, id);
          await response.body?.cancel();
          accepted = response.status === 202;
          location = response.headers.get("location");
          if (!accepted && response.status < 500) throw new Error(`${mode} ${id}: ${response.status}`);
        } catch (error) {
          if (error instanceof Error && error.message.startsWith(mode)) throw error;
        }
        if (!accepted) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      traffic.sent.push({ id, mode, accepted, location });
    }
  });
  return Object.assign(traffic, {
    async stop() {
      stopped = true;
      await Promise.all(runs);
    },
  });
}

/** The number of effects of each id, by actor. */
export async function countsOf(url: string): Promise<Record<string, Record<string, number>>> {
  const entries = ["t0", "t1", "t2", "copies", "left", "right"].map(async (key) => {
    const response = await post(url, `actors/tally/${key}/counts`, undefined);
    if (response.status !== 200) throw new Error(`counts: ${response.status} ${await response.text()}`);
    return [key, await response.json()] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Describes every effect that is missing or duplicated. */
export function faultsOf(sent: readonly Sent[], counts: Record<string, Record<string, number>>): string[] {
  const direct = [counts.t0, counts.t1, counts.t2];
  const faults: string[] = [];
  const known = new Set(sent.map(({ id }) => id));
  for (const { id, mode, accepted } of sent) {
    const once = (what: string, times: number, least: number) => {
      if (times > 1 || times < least) {
        faults.push(`${mode} ${id} ${accepted ? "" : "in doubt "}${what}: ${times}`);
      }
    };
    const least = accepted ? 1 : 0;
    const times = direct.reduce((sum, each) => sum + (each[id] ?? 0), 0);
    if (mode === "happened") {
      once("left", counts.left[id] ?? 0, least);
      once("right", counts.right[id] ?? 0, least);
    } else once("state", times, least);
    if (mode === "add" && (counts.copies[id] ?? 0) !== times) {
      faults.push(`${mode} ${id} copy: ${counts.copies[id] ?? 0} of ${times}`);
    }
  }
  for (const each of Object.values(counts)) {
    for (const id of Object.keys(each)) if (!known.has(id)) faults.push(`${id} was never sent`);
  }
  return faults;
}

/** The time limit for taking over the messages of a killed process. */
export const patienceMs = 20_000;

export async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "posthorn-crash-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

export function wait(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** Polls until every effect is present; returns the faults that remain. */
export async function settledFaults(server: ServerProcess, sent: readonly Sent[]): Promise<string[]> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const faults = faultsOf(sent, await countsOf(server.url!));
    if (faults.length === 0 || performance.now() > untilMs) return faults;
    await wait(500);
  }
}

export async function requireReplies(server: ServerProcess, sent: readonly Sent[]): Promise<void> {
  const jobs = sent.filter(({ mode, accepted }) => mode === "job" && accepted);
  for (const { id, location } of jobs.slice(-50)) {
    const response = await fetch(new URL(location!, server.url!));
    assert.deepEqual([response.status, await response.json()], [200, `done ${id}`], id);
  }
}

/**
 * Kills processes this many times at random times after a message was accepted, or as often as there is time:
 * a slow machine takes long to start processes. Returns how often.
 */
export async function killAgainAndAgain(
  rounds: number,
  budgetMs: number,
  random: Random,
  { sent }: Traffic,
  kill: () => Promise<void>,
): Promise<number> {
  const untilMs = performance.now() + budgetMs;
  for (let round = 0; round < rounds; round++) {
    if (performance.now() > untilMs) return round;
    const before = sent.length;
    for (let waited = 0; sent.length === before && waited < 400; waited++) await wait(5);
    await wait(random.next() * 300);
    await kill();
  }
  return rounds;
}
