// A broker that speaks the handshake of AMQP 0-9-1 up to a step, and then says nothing any more.

/** What the broker says, in order. */
export const steps = ["nothing", "start", "tune", "open-ok"] as const;
export type Step = typeof steps[number];

const connectionStart = 655_370;
const connectionTune = 655_390;
const connectionOpenOk = 655_401;

/** The last octet of each frame. */
const frameEnd = 0xce;

const frames: Readonly<Record<Step, Uint8Array<ArrayBuffer>>> = {
  nothing: new Uint8Array(),
  // Version 0-9, no properties, the mechanism PLAIN, the language en_US.
  start: methodOf(connectionStart, [0, 9, 0, 0, 0, 0, ...longText("PLAIN"), ...longText("en_US")]),
  // 2047 channels, frames of 131,072 bytes, a heartbeat of 60 s.
  tune: methodOf(connectionTune, [7, 255, 0, 2, 0, 0, 0, 60]),
  "open-ok": methodOf(connectionOpenOk, [0]),
};

/** Whether a part of what a client reads is the frame of that step. */
export function isStep(bytes: Uint8Array | null, step: Step): boolean {
  return bytes !== null && String(new Uint8Array(bytes)) === String(frames[step]);
}

/** A broker at a port of its own, whose connections get as far as that step. */
export class HandshakeBroker implements AsyncDisposable {
  readonly #last: Step;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(last: Step) {
    this.#last = last;
    this.#accepting = this.#accept();
  }

  get url(): string {
    return `amqp://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Resolves when all clients have gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) this.#serving.add(this.#serve(conn));
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      if (this.#last !== "nothing") await this.#say(conn, buffer);
      while (await conn.read(buffer) !== null) { /* it says nothing any more */ }
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      conn.close();
    }
  }

  async #say(conn: Deno.Conn, buffer: Uint8Array): Promise<void> {
    if (await conn.read(buffer) === null) return; // the header of the protocol
    await conn.write(frames.start);
    if (this.#last === "start" || await conn.read(buffer) === null) return; // start-ok
    await conn.write(frames.tune);
    if (this.#last === "tune" || !await hasOpened(conn, buffer)) return;
    await conn.write(frames["open-ok"]);
  }
}

/** Reads tune-ok, of 20 bytes, and open, of 16 for the virtual host `/`. Whether both came. */
async function hasOpened(conn: Deno.Conn, buffer: Uint8Array): Promise<boolean> {
  for (let bytes = 0; bytes < 36;) {
    const read = await conn.read(buffer);
    if (read === null) return false;
    bytes += read;
  }
  return true;
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

function methodOf(id: number, fields: readonly number[]): Uint8Array<ArrayBuffer> {
  const size = 4 + fields.length;
  const frame = new Uint8Array(7 + size + 1);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 1); // a method, on channel 0
  view.setUint32(3, size);
  view.setUint32(7, id);
  frame.set(fields, 11);
  frame[frame.length - 1] = frameEnd;
  return frame;
}

function longText(text: string): number[] {
  return [0, 0, 0, text.length, ...new TextEncoder().encode(text)];
}
