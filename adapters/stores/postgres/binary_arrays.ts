/**
 * Arrays as PostgreSQL sends and receives them: `pg` passes bytes on as they are. As texts they take several times as
 * long, on both sides, and the bytes in them are twice as long.
 */

/** The numbers of the types of elements, which are the same on every server. */
const types = { bytea: 17, int8: 20, int4: 23, text: 25 } as const;

/** The number of dimensions, whether there are nulls, the type, the length, and the index of the first element. */
const headBytes = 20;
const lengthBytes = 4;
const nullLength = -1;

const encoder = new TextEncoder();
/** The greatest number of bytes that a unit of a string takes. */
const bytesPerUnit = 3;

/** Bytes to write into, from the beginning to the end. */
class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** Begins an array of so many elements, with room for so many bytes behind its head. */
  constructor(type: number, length: number, bytesMax: number, hasNulls = false) {
    this.#bytes = new Uint8Array(headBytes + bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
    for (const head of [1, hasNulls ? 1 : 0, type, length, 1]) this.int32(head);
  }

  int32(value: number): void {
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  int64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** A text, with its length before it. */
  text(value: string): void {
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#at + lengthBytes));
    this.int32(written);
    this.#at += written;
  }

  end(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** An array of `text`. No item has the character NUL. */
export function textArray(items: readonly string[]): Uint8Array {
  let bytesMax = 0;
  for (const item of items) bytesMax += lengthBytes + item.length * bytesPerUnit;
  const writer = new Writer(types.text, items.length, bytesMax);
  for (const item of items) writer.text(item);
  return writer.end();
}

/** An array of `bytea`. */
export function byteaArray(items: readonly Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const item of items) bytes += lengthBytes + item.length;
  const writer = new Writer(types.bytea, items.length, bytes);
  for (const item of items) {
    writer.int32(item.length);
    writer.bytes(item);
  }
  return writer.end();
}

/** An array of `bigint`; what is undefined is null. */
export function bigintArray(items: readonly (bigint | undefined)[]): Uint8Array {
  const writer = new Writer(
    types.int8,
    items.length,
    items.length * (lengthBytes + 8),
    items.includes(undefined),
  );
  for (const item of items) {
    if (item === undefined) writer.int32(nullLength);
    else {
      writer.int32(8);
      writer.int64(item);
    }
  }
  return writer.end();
}

/** An array of `int`. */
export function intArray(items: readonly number[]): Uint8Array {
  const writer = new Writer(types.int4, items.length, items.length * (lengthBytes + 4));
  for (const item of items) {
    writer.int32(4);
    writer.int32(item);
  }
  return writer.end();
}
