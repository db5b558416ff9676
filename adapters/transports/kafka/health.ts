import type { TransportState } from "../../../runtime/ports/transport.ts";
import { isForbidden } from "./kafka_error.ts";

/** What is wrong with the parts of a connection, and so with the whole. */
export class Health {
  readonly #troubles = new Map<unknown, unknown>();
  readonly #watchers = new Set<(state: TransportState) => void>();
  #state: TransportState = { status: "connecting" };

  get state(): TransportState {
    return this.#state;
  }

  watch(onChange: (state: TransportState) => void): Disposable {
    const watcher = (state: TransportState) => onChange(state);
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** A part cannot do its work just now. */
  trouble(part: unknown, error: unknown): void {
    this.#troubles.set(part, error);
    this.#change();
  }

  /** A part works, or is no more. */
  well(part: unknown): void {
    if (!this.#troubles.delete(part) && this.#state.status !== "connecting") return;
    this.#change();
  }

  #change(): void {
    const errors = [...this.#troubles.values()];
    const error = errors.find(isRefusal) ?? errors[0];
    const state: TransportState = error === undefined ? { status: "connected" } : {
      status: isRefusal(error) ? "refused" : "connecting",
      reason: error instanceof Error ? error.message : String(error),
    };
    if (state.status === this.#state.status && state.reason === this.#state.reason) return;
    this.#state = state;
    for (const watcher of [...this.#watchers]) watcher(state);
  }
}

/** Whether the broker, or what it knows of this service, does not let this program in. */
function isRefusal(error: unknown): boolean {
  return isForbidden(error) || (error as { readonly code?: unknown })?.code === "another-store";
}
