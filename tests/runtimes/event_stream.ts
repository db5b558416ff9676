/** Server-sent events, as a browser gets them. */
export class EventStream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  private constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Opens a stream. If the server has no room, it comes again: a server notices after a while that a client has left. */
  static async open(url: string, path: string): Promise<EventStream> {
    const signal = AbortSignal.timeout(20_000);
    for (;;) {
      const { headers, body } = await fetch(new URL(path, url), { signal });
      if (headers.has("content-length")) { // the answer is complete: it only says how soon to come again
        await body!.cancel();
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      const stream = new EventStream(body!);
      await stream.#frame(); // how soon to come again
      return stream;
    }
  }

  /** The next event. */
  async next(): Promise<unknown> {
    for (;;) {
      const data = /^data: (.*)$/m.exec(await this.#frame())?.[1];
      if (data !== undefined) return JSON.parse(data);
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  async #frame(): Promise<string> {
    while (!this.#rest.includes("\n\n")) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("the stream has ended");
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n\n");
    const frame = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 2);
    return frame;
  }
}
