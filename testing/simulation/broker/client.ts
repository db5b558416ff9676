/** A process as a broker reaches it: what comes waits while it stands still, and nothing comes once it has crashed. */
export class BrokerClient {
  readonly name: string;
  crashed = false;
  /** Until when the broker cannot reach it. */
  unreachableUntilMs = -Infinity;
  #waiting: (() => void)[] | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get paused(): boolean {
    return this.#waiting !== undefined;
  }

  /** Runs an action in the process. */
  deliver(action: () => void): void {
    if (this.crashed) return;
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }

  /** Calls the process, and resolves when its promise does: never if it crashes before. */
  call<T>(action: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => this.deliver(() => void action().then(resolve, reject)));
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) this.deliver(action);
  }

  crash(): void {
    this.crashed = true;
    this.#waiting = undefined;
  }
}
