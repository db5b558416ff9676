import { Message, textOfBytes } from "./message.ts";

/** What the server has sent. */
export interface FrameHandler {
  /** A message for the subscription of that number. */
  message(subscription: number, message: Message): void;
  /** A line that is no message: `INFO`, `PING`, `PONG`, `-ERR` or `+OK`, and what it says. */
  line(name: string, rest: string): void;
}

const lineFeed = 10;
/** The longest line that is taken: the server says much about itself in one. */
const lineBytesMax = 262_144;
/** The largest message that is taken. A server has at most 64 MiB. */
const messageBytesMax = 134_217_728;

/** Takes apart what comes from the server. A frame may come in any number of pieces. */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** The pieces of a frame that is not complete, and how many bytes they and it have: 0 if nobody knows yet. */
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #needed = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Takes a piece. Throws if it is not what a server of NATS sends. */
  read(piece: Uint8Array): void {
    let bytes = piece;
    if (this.#bytes > 0) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
      if (this.#bytes < this.#needed) return;
      bytes = joined(this.#pieces, this.#bytes);
      this.#pieces = [];
      this.#bytes = 0;
    }
    this.#needed = 0;
    for (let at = 0; at < bytes.length;) {
      const end = this.#frame(bytes, at);
      if (end === undefined) {
        if (this.#needed === 0 && bytes.length - at > lineBytesMax) {
          throw new Error("a line of the server does not end");
        }
        this.#pieces = [bytes.subarray(at)];
        this.#bytes = bytes.length - at;
        return;
      }
      at = end;
    }
  }

  /** Handles the frame that begins there. Returns where it ends; `undefined` if it is not complete. */
  #frame(bytes: Uint8Array, at: number): number | undefined {
    let feed = at; // a line is short, and what searches in a buffer of Node is slow
    while (feed < bytes.length && bytes[feed] !== lineFeed) feed++;
    if (feed === bytes.length) return undefined;
    const line = textOfBytes(bytes, at, bytes[feed - 1] === 13 ? feed - 1 : feed);
    const isPlain = line.startsWith("MSG ");
    if (!isPlain && !line.startsWith("HMSG ")) {
      const space = line.search(/\s/);
      if (space < 0) this.#handler.line(line, "");
      else this.#handler.line(line.slice(0, space), line.slice(space + 1).trim());
      return feed + 1;
    }
    const words = line.split(" "); // MSG subject number [reply] size; HMSG … size of headers, size of all
    const size = sizeOf(words[words.length - 1]);
    const headSize = isPlain ? 0 : sizeOf(words[words.length - 2]);
    const others = words.length - (isPlain ? 4 : 5);
    if (!(size >= headSize && size <= messageBytesMax) || (others !== 0 && others !== 1)) {
      throw new Error("the server sends no messages");
    }
    const from = feed + 1;
    const end = from + size + 2;
    if (end > bytes.length) {
      this.#needed = end - at;
      return undefined;
    }
    if (bytes[end - 1] !== lineFeed) throw new Error("a message of the server has another size than it says");
    const head = isPlain ? undefined : bytes.subarray(from, from + headSize);
    const data = bytes.subarray(from + headSize, from + size);
    this.#handler.message(Number(words[2]), new Message(words[1], others === 1 ? words[3] : "", data, head));
    return end;
  }
}

/** A size as the protocol writes it; `NaN` if it is none. */
function sizeOf(word: string): number {
  return /^\d+$/.test(word) ? Number(word) : NaN;
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
