const encoder = new TextEncoder();
const firstBytes = 4_096;
/** A larger memory is given back when it is empty. */
const largeBytes = 262_144;
/** Up to so many characters a loop is faster than a call of the platform. */
const shortMax = 24;
/** The most bytes that one UTF-16 unit takes. */
const bytesOfUnit = 3;

/** Bytes that are gathered until they are written. */
export class Gathered {
  #bytes = new Uint8Array(firstBytes);
  /** How many there are. */
  length = 0;

  /** Adds a text, in UTF-8. Returns how many bytes it has. */
  addText(text: string): number {
    const { length } = text;
    const from = this.length;
    if (length > shortMax) {
      this.#grow(bytesOfUnit * length);
      const { written } = encoder.encodeInto(text, this.#bytes.subarray(from));
      this.length = from + written;
      return written;
    }
    this.#grow(length);
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.length = from;
        return this.add(encoder.encode(text));
      }
      bytes[from + index] = unit;
    }
    this.length = from + length;
    return length;
  }

  /** Adds bytes. Returns how many. */
  add(added: Uint8Array): number {
    this.#grow(added.length);
    this.#bytes.set(added, this.length);
    this.length += added.length;
    return added.length;
  }

  /** Removes and returns all of them. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.length);
    this.length = 0;
    if (this.#bytes.length > largeBytes) this.#bytes = new Uint8Array(firstBytes); // one large message is not kept for ever
    return taken;
  }

  #grow(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
  }
}
