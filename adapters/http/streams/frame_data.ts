const encoder = new TextEncoder();

/** The payload of an event as the end of a frame. It is encoded once, however many read it, and however their frames begin. */
export class FrameData {
  /** The payload as JSON. */
  readonly json: string;
  #frame: Uint8Array | undefined;
  #head = "";
  #headBytes = 0;

  constructor(json: string) {
    this.json = json;
  }

  /**
   * The frame that begins with those lines. The readers of one feed mostly share them, and then they share the frame, which
   * nobody may change; where they do not, it is put together again.
   */
  frame(head: string): Uint8Array {
    if (this.#frame !== undefined && this.#head === head) return this.#frame;
    const line = this.#frame?.subarray(this.#headBytes) ?? encoder.encode(`data: ${this.json}\n\n`);
    const lines = encoder.encode(head);
    const frame = new Uint8Array(lines.length + line.length);
    frame.set(lines);
    frame.set(line, lines.length);
    this.#head = head;
    this.#headBytes = lines.length;
    return this.#frame = frame;
  }
}
