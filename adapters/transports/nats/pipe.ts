/** Who hears a pipe. */
export interface PipeListener {
  data(bytes: Uint8Array): void;
  /** It has ended, with the reason if there is one. Is called once, and nothing afterwards. */
  closed(error?: unknown): void;
}

/** A connection that carries bytes both ways. */
export interface Pipe {
  /** Resolves when it can be written to. Rejects if it never can. */
  readonly opened: Promise<void>;
  write(bytes: Uint8Array): void;
  /** How many bytes were given to it that the other side, or the platform, has not taken. */
  readonly waitingBytes: number;
  /** Begins TLS. Rejects if the other side is not trusted. Absent where the platform has done that. */
  secure?(): Promise<void>;
  /** Writes what is left, and ends. */
  end(): void;
  /** Ends at once. */
  destroy(): void;
}

/** Begins to open a pipe. */
export type OpenPipe = (listener: PipeListener) => Pipe;
