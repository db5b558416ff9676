const encoder = new TextEncoder();

/**
 * The payload of an event, as the data line of a frame. It is encoded once, for all readers and for every
 * head of the frame.
 */
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
   * Returns the frame that begins with these lines. The readers of one feed mostly use the same lines and
   * then share one frame, which must not be changed; with other lines it is assembled again.
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
