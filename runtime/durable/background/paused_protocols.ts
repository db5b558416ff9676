import { SingleFlight } from "../../base/single_flight.ts";
import { setPaused } from "../commits/set_paused.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { pausedKey } from "../rows/keys.ts";
import { readPaused } from "../rows/paused_row.ts";

/** The actors of a protocol that is hosted here. */
export interface PausableHost {
  readonly paused: boolean;
  pause(): void;
  resume(): void;
}

/** What a pause needs of the system. */
export interface PausingParts {
  readonly hosts: ReadonlyMap<string, PausableHost>;
  /** The actors of a protocol may run again, also those that are not in memory. */
  resumed(protocol: string): Promise<void>;
}

/**
 * Which protocols are paused, for all instances on the store: each reads it when it starts, when it is notified, and at
 * each heartbeat.
 */
export class PausedProtocols {
  readonly #session: StoreSession;
  readonly #parts: PausingParts;
  readonly #looking = new SingleFlight(() => this.#look());
  /** The version of the row that was read last; `undefined` if there was none. */
  #version: string | undefined;

  constructor(session: StoreSession, parts: PausingParts) {
    this.#session = session;
    this.#parts = parts;
  }

  /** The row has this version now: obeys it, if that is another one. */
  heard(version: string | undefined): void {
    if (version !== this.#version) this.look().catch(() => {}); // the next heartbeat does
  }

  /** Reads which protocols are paused, and obeys. */
  look(): Promise<void> {
    return this.#looking.wake();
  }

  /** Pauses a protocol, or lets it go on: here at once, elsewhere when the instances look. */
  async set(protocol: string, paused: boolean): Promise<void> {
    await setPaused(this.#session, protocol, paused);
    await this.look();
  }

  async #look(): Promise<void> {
    const { protocols, version, fault } = await readPaused(this.#session.connection);
    if (version === this.#version) return;
    this.#version = version;
    if (fault !== undefined) this.#session.onUnreadable(pausedKey, fault);
    for (const [protocol, host] of this.#parts.hosts) {
      if (protocols.has(protocol) === host.paused || protocol.startsWith("~")) continue;
      if (protocols.has(protocol)) host.pause();
      else {
        host.resume();
        this.#parts.resumed(protocol).catch(() => {}); // the next heartbeats find its actors
      }
    }
  }
}
