import type { Transport } from "../../../runtime/ports/transport.ts";

/** What a test can do to the broker. A case that needs what is absent is skipped. */
export interface TransportFaults {
  /** Cuts all connections of the transport. The next attempts to connect succeed. */
  cut?(): void | Promise<void>;
  /** Ends the broker without a word, and starts it with what it has on disk. Resolves when it is there again. */
  restart?(): Promise<void>;
  /** Makes the broker unreachable, until `restore` is called. */
  isolate?(): void | Promise<void>;
  /** Undoes `isolate`. */
  restore?(): void | Promise<void>;
  /** Deletes everything in the broker whose name contains the prefix: queues, topics, streams. */
  deleteTopology?(prefix: string): Promise<void>;
  /** A transport with a wrong password, and that password. */
  readonly refused?: { readonly transport: Transport; readonly secret: string };
}
