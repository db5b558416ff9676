import { PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import { joined } from "./bounded_body.ts";

/** The media type of frames: a line of JSON, then as many bytes as its `length` says, and a line feed. */
export const framesType = "application/vnd.posthorn.frames";

/** What is in front of the bytes of a frame, with its `length`. */
export type Head = Readonly<Record<string, unknown>>;

/** A line of JSON, and some bytes. */
export interface Frame {
  readonly head: Head;
  readonly body: Uint8Array<ArrayBuffer>;
  /** How long its body is, if that is too long: then it is empty. */
  readonly skipped?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const lineFeed = 10;
const nothing = new Uint8Array();
/** The longest line. */
const lineBytesMax = 1_048_576;

/** The bytes of frames. */
export function encodeFrames(
  frames: readonly { readonly head: object; readonly body: Uint8Array }[],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { head, body } of frames) {
    parts.push(
      encoder.encode(`${JSON.stringify(body.length === 0 ? head : { ...head, length: body.length })}\n`),
    );
    if (body.length > 0) parts.push(body, Uint8Array.of(lineFeed));
  }
  return joined(parts, parts.reduce((sum, { length }) => sum + length, 0));
}

/**
 * Reads frames from bytes, however they are divided. Empty lines between frames say nothing: they only keep a connection
 * open. Throws a {@linkcode PosthornError} (`unreadable-body`) at what is no frame.
 */
export class FrameReader {
  readonly #bytesMax: number;
  readonly #skips: boolean;
  /** How many of the bytes that come belong to a body that is too long. */
  #left = 0;
  #bytes: Uint8Array<ArrayBuffer> = nothing;
  #at = 0;
  /** What came since, and its length. It is joined when there is enough of it. */
  #parts: Uint8Array[] = [];
  #partsLength = 0;
  /** Up to where a line feed was looked for. */
  #lookedAt = 0;
  #head: { readonly head: Head; readonly length: number } | undefined;

  /** `bytesMax` is how long the bytes behind a line may be, and `skips` whether longer ones are left out. */
  constructor(bytesMax: number, skips = false) {
    this.#bytesMax = bytesMax;
    this.#skips = skips;
  }

  /** More bytes came. */
  push(bytes: Uint8Array<ArrayBuffer>): void {
    const skipped = Math.min(this.#left, bytes.length);
    this.#left -= skipped;
    if (skipped === bytes.length) return;
    this.#parts.push(bytes.subarray(skipped));
    this.#partsLength += bytes.length - skipped;
  }

  /** The next frame; `undefined` if it has not come completely. */
  next(): Frame | undefined {
    for (;;) {
      if (this.#isShortOf(this.#head?.length ?? 0)) return undefined;
      this.#join();
      if (this.#head === undefined && !this.#readHead()) return undefined;
      if (this.#head === undefined) continue;
      const { head, length } = this.#head;
      if (length > this.#bytesMax) return this.#skip(head, length);
      const end = this.#at + length;
      if (this.#isShortOf(length)) return undefined;
      if (length > 0 && this.#bytes[end] !== lineFeed) throw unreadable("no line feed is behind a body");
      const body = this.#bytes.slice(this.#at, end);
      this.#at = length > 0 ? end + 1 : end;
      this.#lookedAt = this.#at;
      this.#head = undefined;
      return { head, body };
    }
  }

  /** Throws if something of a frame has come, and not all of it. */
  end(): void {
    this.#join();
    if (this.#head !== undefined || this.#left > 0 || this.#at < this.#bytes.length) {
      throw unreadable("it ends within a frame");
    }
  }

  /** Leaves out a body, and the line feed behind it: what has come of it, and what will. */
  #skip(head: Head, length: number): Frame {
    const come = Math.min(this.#bytes.length - this.#at, length + 1);
    this.#left = length + 1 - come;
    this.#lookedAt = this.#at += come;
    this.#head = undefined;
    return { head, body: nothing, skipped: length };
  }

  /** Whether a body of that length, and the line feed behind it, have not come. */
  #isShortOf(length: number): boolean {
    return length > 0 && this.#bytes.length - this.#at + this.#partsLength <= length;
  }

  #join(): void {
    if (this.#partsLength === 0) return;
    const rest = this.#bytes.length - this.#at;
    this.#bytes = joined([this.#bytes.subarray(this.#at), ...this.#parts], rest + this.#partsLength);
    this.#lookedAt = Math.max(this.#lookedAt - this.#at, 0);
    this.#at = 0;
    this.#parts = [];
    this.#partsLength = 0;
  }

  /** Reads a line. Returns whether there was one. */
  #readHead(): boolean {
    const found = this.#bytes.indexOf(lineFeed, Math.max(this.#lookedAt, this.#at));
    const length = (found < 0 ? this.#bytes.length : found) - this.#at;
    if (length > lineBytesMax) throw unreadable(`a line has more than ${lineBytesMax} bytes`);
    this.#lookedAt = found < 0 ? this.#bytes.length : found + 1;
    if (found < 0) return false;
    const bytes = this.#bytes.subarray(this.#at, found);
    const line = guarded(() => decoder.decode(bytes), "?"); // else two keys could become one
    this.#at = found + 1;
    if (line.trim() !== "") this.#head = this.#headOf(line);
    return true;
  }

  #headOf(line: string): { readonly head: Head; readonly length: number } {
    const head = guarded<unknown>(() => JSON.parse(line), undefined);
    if (typeof head !== "object" || head === null || Array.isArray(head)) {
      throw unreadable("a line is no JSON object");
    }
    const { length = 0 } = head as Head;
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
      throw unreadable("the length in a line is no whole number");
    }
    if (length > this.#bytesMax && !this.#skips) {
      throw unreadable(`a body has ${length} of ${this.#bytesMax} bytes`);
    }
    return { head: head as Head, length };
  }
}

/** All frames of a body; `undefined` if there are more than that. */
export function framesOf(bytes: Uint8Array<ArrayBuffer>, countMax: number): Frame[] | undefined {
  const reader = new FrameReader(bytes.length);
  reader.push(bytes);
  const frames: Frame[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    if (frames.push(frame) > countMax) return undefined;
  }
  reader.end();
  return frames;
}

function unreadable(why: string): PosthornError {
  return new PosthornError("unreadable-body", `Cannot read frames: ${why}`);
}
