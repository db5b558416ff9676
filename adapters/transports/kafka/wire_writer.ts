const encoder = new TextEncoder();
const sizeMin = 1_024;

/** Writes the values of Kafka's protocol into one piece of memory, which grows. */
export class WireWriter {
  #bytes = new Uint8Array(sizeMin);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** How many bytes are written. */
  get length(): number {
    return this.#at;
  }

  /** What is written from a position on. It holds until the next write. */
  written(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#at = 0;
  }

  int8(value: number): void {
    this.#need(1);
    this.#bytes[this.#at++] = value;
  }

  int16(value: number): void {
    this.#need(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  int32(value: number): void {
    this.#need(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** Writes a number of 32 bits where there is one already. */
  int32At(at: number, value: number): void {
    this.#view.setInt32(at, value);
  }

  int64(value: bigint): void {
    this.#need(8);
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
  }

  /** A number of at most 31 bits and a sign, in as few bytes as it takes: the sign is its lowest bit. */
  varint(value: number): void {
    this.#need(5);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#at++] = rest & 0x7f | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Bytes behind their number. */
  varBytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A text as UTF-8, behind the number of its bytes. */
  varText(text: string): void {
    const from = this.#at;
    this.varint(text.length);
    this.#need(text.length);
    for (let index = 0; index < text.length; index++) { // most are short and ASCII: faster than the platform's encoder
      const code = text.charCodeAt(index);
      if (code > 0x7f) {
        this.#at = from;
        return this.varBytes(encoder.encode(text));
      }
      this.#bytes[this.#at++] = code;
    }
  }

  /** A text as UTF-8, behind the number of its bytes in 16 bits. */
  text(text: string): void {
    const bytes = encoder.encode(text);
    this.int16(bytes.length);
    this.raw(bytes);
  }

  #need(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
