import type { Fault } from "./draw_faults.ts";
import type { Report } from "./history.ts";
import { WorkerProcess } from "./worker_process.ts";

/** What can be killed and started beside the workers. */
export interface KillableBroker {
  start(): Promise<void>;
  kill(): Promise<void>;
}

export interface SupervisorOptions {
  /** What follows `deno run -A`, for each worker by its name. The text `{start}` becomes 1, 2, … at each start. */
  readonly workers: Readonly<Record<string, readonly string[]>>;
  readonly broker: KillableBroker;
  readonly onReport: (report: Report, worker: string) => void;
  readonly onStep?: (step: string) => void;
  /** How long each worker may take to end in order. */
  readonly endTimeoutMs?: number;
}

/** Runs workers against a broker, and kills and restarts both by a schedule. */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, WorkerProcess>();
  readonly #starts = new Map<string, number>();
  readonly #failures: Error[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    for (const name of Object.keys(options.workers)) this.#start(name);
  }

  /** Workers that have ended without having been killed. */
  get failures(): readonly Error[] {
    return this.#failures;
  }

  /** Lets it run for this time. Resolves when all that was killed runs again, which may take longer. */
  async run(durationMs: number, faults: readonly Fault[]): Promise<void> {
    const beganMs = performance.now();
    const until = (ms: number) =>
      new Promise((resolve) => setTimeout(resolve, Math.max(beganMs + ms - performance.now(), 0)));
    const targets = new Set(faults.map(({ target }) => target));
    await Promise.all([
      until(durationMs),
      ...[...targets].map(async (target) => {
        for (const fault of faults.filter((fault) => fault.target === target)) {
          await until(fault.atMs); // or later: a broker that was killed first has to start
          await this.carryOut(fault);
        }
      }),
    ]);
  }

  /** Kills something, waits, and starts it again. */
  async carryOut({ target, backAfterMs }: Fault): Promise<void> {
    this.#step(`${target} is killed`);
    await this.#kill(target);
    await new Promise((resolve) => setTimeout(resolve, backAfterMs));
    if (target === "broker") await this.#options.broker.start();
    else this.#start(target);
    this.#step(`${target} runs again`);
  }

  /** Gives all workers a command, and waits until they have carried it out. */
  async tell(command: string): Promise<void> {
    if (this.#failures.length > 0) throw this.#failures[0];
    await Promise.all([...this.#running.values()].map((worker) => worker.tell(command)));
  }

  /** Lets the workers end in order. */
  async end(): Promise<void> {
    const workers = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(workers.map((worker) => worker.end()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.#kill(name)));
  }

  #start(name: string): void {
    const { workers, onReport, endTimeoutMs } = this.#options;
    const count = (this.#starts.get(name) ?? 0) + 1;
    this.#starts.set(name, count);
    const args = workers[name].map((argument) => argument.replaceAll("{start}", String(count)));
    const onFailure = (failure: Error) => {
      this.#failures.push(failure);
      if (this.#running.get(name) === worker) this.#running.delete(name);
    };
    const worker = new WorkerProcess({ name, args, onReport, onFailure, endTimeoutMs });
    this.#running.set(name, worker);
  }

  async #kill(name: string): Promise<void> {
    if (name === "broker") return await this.#options.broker.kill();
    const worker = this.#running.get(name);
    this.#running.delete(name);
    await worker?.kill();
  }

  #step(step: string): void {
    this.#options.onStep?.(step);
  }
}
