import { guarded } from "../../../runtime/base/guarded.ts";

/** Some bytes, in base64. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** What is written in base64; `undefined` if it is none. For short texts. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return guarded(() => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)), undefined);
}
