/** Up to so many characters a loop is faster than a call of the platform: to read them, and to write them. */
const readMax = 12;
const writeMax = 32;

/** The text of bytes, or of a part of them, that are few and ASCII, as most are; `undefined` of others. */
export function asciiOf(bytes: Uint8Array, from = 0, to = bytes.length): string | undefined {
  if (to - from > readMax) return undefined;
  let text = "";
  for (let index = from; index < to; index++) {
    const byte = bytes[index];
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The bytes of a text that is short and ASCII; `undefined` of another one. */
export function asciiBytesOf(text: string): Uint8Array<ArrayBuffer> | undefined {
  const { length } = text;
  if (length > writeMax) return undefined;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return undefined;
    bytes[index] = unit;
  }
  return bytes;
}

const encoder = new TextEncoder();

/** How many bytes a text has in UTF-8. */
export function utf8Length(text: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return encoder.encode(text).length;
  }
  return text.length;
}
