import { asciiOf } from "../../../runtime/base/ascii.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // as a buffer reads it

/** A line `name: value` of the headers of a message. */
export type Header = readonly [name: string, value: string];

/** A message as the server hands it over. Its headers are read when somebody looks at them. */
export class Message {
  readonly subject: string;
  /** Where its answer goes; empty if nobody wants one. */
  readonly reply: string;
  readonly data: Uint8Array;
  readonly #head: Uint8Array | undefined;

  constructor(subject: string, reply: string, data: Uint8Array, head?: Uint8Array) {
    this.subject = subject;
    this.reply = reply;
    this.data = data;
    this.#head = head;
  }

  /** Whether it has a block of headers. */
  get hasHeaders(): boolean {
    return this.#head !== undefined;
  }

  /** Its headers, in order; a name may come more than once. */
  get headers(): readonly Header[] {
    if (this.#head === undefined) return [];
    const headers: Header[] = [];
    for (const line of textOfBytes(this.#head).split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
    }
    return headers;
  }

  /** What the server says about a message or a request: a number and words. The number of a message of others is 0. */
  get status(): { readonly code: number; readonly description: string } {
    const [, code = "0", description = ""] = /^NATS\/1\.0 (\d{3})\s*(.*)/.exec(this.#line()) ?? [];
    return { code: Number(code), description };
  }

  /** Its body as JSON. Throws if it is none. */
  json<Result>(): Result {
    return JSON.parse(textOfBytes(this.data));
  }

  #line(): string {
    if (this.#head === undefined) return "";
    const end = this.#head.indexOf(13);
    return textOfBytes(this.#head.subarray(0, end < 0 ? undefined : end));
  }
}

/** The text of UTF-8, or of a part of it. What a socket gives reads itself, which is fastest. */
export function textOfBytes(bytes: Uint8Array, from = 0, to = bytes.length): string {
  const short = asciiOf(bytes, from, to);
  if (short !== undefined) return short;
  return readsItself(bytes) ? bytes.toString("utf8", from, to) : decoder.decode(bytes.subarray(from, to));
}

/** Bytes of a platform whose sockets have a class of their own for them: that of a WebSocket does without. */
interface SocketBytes extends Uint8Array {
  readonly readUInt8: unknown;
  toString(encoding?: "utf8", from?: number, to?: number): string;
}

function readsItself(bytes: Uint8Array): bytes is SocketBytes {
  return "readUInt8" in bytes;
}

/** Headers as they are on the wire. Each is one line. */
export function headerBlock(headers: Readonly<Record<string, string>>): string {
  let block = "NATS/1.0\r\n";
  for (const name in headers) block += `${`${name}: ${headers[name]}`.replace(/[\r\n]+/g, " ")}\r\n`;
  return `${block}\r\n`;
}
