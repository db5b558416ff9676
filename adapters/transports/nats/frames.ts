import { Message, textOfBytes } from "./message.ts";

/** What the server has sent. */
export interface FrameHandler {
  /** A message for the subscription of that number. */
  message(subscription: number, message: Message): void;
  /** A line that is no message: `INFO`, `PING`, `PONG`, `-ERR` or `+OK`, and what it says. */
  line(name: string, rest: string): void;
}

const lineFeed = 10;
const space = 32;
/** `MSG ` and `HMSG `, in bytes. */
const plain = [77, 83, 71, space];
const withHead = [72, ...plain];
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
  /** Where the first spaces of a line are. */
  readonly #spaces = [0, 0, 0, 0, 0, 0];

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
    const spaces = this.#spaces;
    let words = 1;
    let feed = at; // a line is short, and what searches in a buffer of Node is slow
    for (; feed < bytes.length && bytes[feed] !== lineFeed; feed++) {
      if (bytes[feed] === space && words <= spaces.length) spaces[words++ - 1] = feed;
    }
    if (feed === bytes.length) return undefined;
    const lineEnd = bytes[feed - 1] === 13 ? feed - 1 : feed;
    const isPlain = begins(bytes, at, plain);
    if (!isPlain && !begins(bytes, at, withHead)) {
      this.#line(textOfBytes(bytes, at, lineEnd));
      return feed + 1;
    }
    // MSG subject number [reply] size; HMSG subject number [reply] size of headers, size of all
    const last = spaces[words - 2] + 1;
    const size = numberOf(bytes, last, lineEnd);
    const headSize = isPlain ? 0 : numberOf(bytes, spaces[words - 3] + 1, last - 1);
    const others = words - (isPlain ? 4 : 5);
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
    const subject = textOfBytes(bytes, spaces[0] + 1, spaces[1]);
    const reply = others === 1 ? textOfBytes(bytes, spaces[2] + 1, spaces[3]) : "";
    this.#handler.message(numberOf(bytes, spaces[1] + 1, spaces[2]), new Message(subject, reply, data, head));
    return end;
  }

  #line(line: string): void {
    const end = line.search(/\s/);
    if (end < 0) this.#handler.line(line, "");
    else this.#handler.line(line.slice(0, end), line.slice(end + 1).trim());
  }
}

function begins(bytes: Uint8Array, at: number, word: readonly number[]): boolean {
  for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word[index]) return false;
  return true;
}

/** A number as the protocol writes it; `NaN` if it is none. */
function numberOf(bytes: Uint8Array, from: number, to: number): number {
  let number = from < to ? 0 : NaN;
  for (let index = from; index < to; index++) {
    const digit = bytes[index] - 48;
    number = digit >= 0 && digit <= 9 ? number * 10 + digit : NaN;
  }
  return number;
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
