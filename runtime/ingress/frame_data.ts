/** The payload of an event as the last line of a frame; encoded once, however many read it. */
export class FrameData {
  /** The payload as JSON. */
  readonly json: string;
  #bytes: Uint8Array | undefined;

  constructor(json: string) {
    this.json = json;
  }

  /** The line, and the end of the frame. */
  get bytes(): Uint8Array {
    return this.#bytes ??= new TextEncoder().encode(`data: ${this.json}\n\n`);
  }
}
