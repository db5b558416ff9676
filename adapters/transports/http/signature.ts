import { fromBase64, toBase64 } from "./base64.ts";

/** What a signature covers, in the names of RFC 9421. */
export interface Covered {
  readonly "@method": string;
  readonly "@path": string;
  /** The hash of the body (RFC 9530). */
  readonly "content-digest": string;
  /** The service that sends it, and the one that it is sent to. */
  readonly "posthorn-from": string;
  readonly "posthorn-to": string;
}

/** The parameters of a signature. */
export interface SignatureParameters {
  /** From when to when it is valid, in seconds since 1970. */
  readonly created: number;
  readonly expires: number;
  /** What no other request has. */
  readonly nonce: string;
  readonly keyid: string;
}

/** A signature as it was sent. */
export interface GivenSignature {
  readonly parameters: SignatureParameters;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** The text that it signs, if it covers what is in a request. */
  baseOf(covered: Covered): string;
}

const components: readonly (keyof Covered)[] = [
  "@method",
  "@path",
  "content-digest",
  "posthorn-from",
  "posthorn-to",
];

/** The text that is signed (RFC 9421, section 2.5), and `Signature-Input` without its label. */
export function signatureBase(
  covered: Covered,
  { created, expires, nonce, keyid }: SignatureParameters,
): { readonly base: string; readonly input: string } {
  const names = components.map((name) => `"${name}"`).join(" ");
  const input = `(${names});created=${created};expires=${expires};nonce="${nonce}";keyid="${keyid}"` +
    `;alg="hmac-sha256";tag="posthorn"`;
  return { base: baseOf(covered, components, input), input };
}

function baseOf(covered: Covered, names: readonly (keyof Covered)[], input: string): string {
  const lines = names.map((name) => `"${name}": ${covered[name]}`);
  return [...lines, `"@signature-params": ${input}`].join("\n");
}

/** The longest `Signature-Input` that is read. */
const inputUnitsMax = 1_000;

/**
 * Reads the two headers of a signature. Returns `undefined` unless there is exactly one signature with HMAC-SHA-256 that
 * covers all of {@linkcode Covered}, and nothing else, in any order.
 */
export function readSignature(input: string | null, signature: string | null): GivenSignature | undefined {
  if (input === null || signature === null || input.length > inputUnitsMax) return undefined;
  const [, label, rest, list, tail] =
    /^([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[^,]*)?))$/.exec(input.trim()) ?? [];
  if (label === undefined) return undefined;
  const names = list.trim().split(/ +/).map((name) => /^"([a-z@-]+)"$/.exec(name)?.[1] ?? "");
  if (names.length !== components.length || !components.every((name) => names.includes(name))) {
    return undefined;
  }
  const parameters = parametersOf(tail);
  const [, of, encoded] = /^([^=]+)=:([^:]*):$/.exec(signature.trim()) ?? [];
  const bytes = of === label ? fromBase64(encoded) : undefined;
  if (parameters === undefined || bytes === undefined) return undefined;
  return {
    parameters,
    signature: bytes,
    baseOf: (covered) => baseOf(covered, names as (keyof Covered)[], rest),
  };
}

function parametersOf(text: string): SignatureParameters | undefined {
  const found = new Map<string, string>();
  const pattern = /;([a-z*][a-z0-9_.*-]*)=(?:"([\x20\x21\x23-\x5b\x5d-\x7e]*)"|(\d{1,15}))/y;
  while (pattern.lastIndex < text.length) {
    const [, name, quoted, number] = pattern.exec(text) ?? [];
    if (name === undefined || found.has(name)) return undefined;
    found.set(name, quoted === undefined ? `#${number}` : `"${quoted}`);
  }
  const textOf = (name: string) => /^"(.{1,128})$/.exec(found.get(name) ?? "")?.[1];
  const numberOf = (name: string) => Number(/^#(\d+)$/.exec(found.get(name) ?? "")?.[1] ?? NaN);
  const [created, expires, nonce, keyid] = [
    numberOf("created"),
    numberOf("expires"),
    textOf("nonce"),
    textOf("keyid"),
  ];
  const isHmac = (found.get("alg") ?? `"hmac-sha256`) === `"hmac-sha256`;
  if (!isHmac || Number.isNaN(created + expires) || nonce === undefined || keyid === undefined) {
    return undefined;
  }
  return { created, expires, nonce, keyid };
}

/** The value of `Signature`, or of `Signature-Input`, with the label of this package. */
export function labelled(value: string): string {
  return `posthorn=${value}`;
}

/** Some bytes as a structured field has them. */
export function byteSequence(bytes: Uint8Array): string {
  return `:${toBase64(bytes)}:`;
}

/** The `Content-Digest` of a body. */
export async function contentDigest(body: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha-256=${byteSequence(new Uint8Array(await crypto.subtle.digest("SHA-256", body)))}`;
}
