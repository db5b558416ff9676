import type { HttpKey } from "./options.ts";

const encoder = new TextEncoder();
const algorithm = { name: "HMAC", hash: "SHA-256" };

/** The keys that this service shares with another one: the first one signs, each of them verifies. */
export class KeyRing {
  readonly #keys: readonly HttpKey[];
  readonly #imported = new Map<string, Promise<CryptoKey>>();

  constructor(keys: readonly HttpKey[]) {
    this.#keys = keys;
  }

  /** The name of the key that signs. */
  get signingId(): string {
    return this.#keys[0].id;
  }

  /** The signature of a text. */
  async sign(text: string): Promise<Uint8Array> {
    const key = await this.#import(this.#keys[0]);
    return new Uint8Array(await crypto.subtle.sign(algorithm, key, encoder.encode(text)));
  }

  /** Whether it is the signature of a text with the key of that name. It takes the same time whatever is wrong with it. */
  async verify(id: string, signature: Uint8Array<ArrayBuffer>, text: string): Promise<boolean> {
    const key = this.#keys.find((key) => key.id === id);
    if (key === undefined) return false;
    return await crypto.subtle.verify(algorithm, await this.#import(key), signature, encoder.encode(text));
  }

  #import({ id, secret }: HttpKey): Promise<CryptoKey> {
    const known = this.#imported.get(id);
    if (known !== undefined) return known;
    const key = crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign", "verify"]);
    this.#imported.set(id, key);
    return key;
  }
}
