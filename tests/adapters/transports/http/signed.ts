import { createHash, createHmac } from "node:crypto";
import { keys } from "./network.ts";

export interface SignedOptions {
  readonly method?: string;
  readonly from?: string;
  readonly to?: string;
  readonly key?: { readonly id: string; readonly secret: string };
  readonly created?: number;
  readonly expires?: number;
  readonly nonce?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** What is signed, in this order. */
  readonly components?: readonly string[];
  /** The algorithm that it names. */
  readonly algorithm?: string;
  /** What is sent in place of what was signed. */
  readonly sent?: {
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly url?: string;
  };
}

/** A request as a program signs it that knows only the page: written from RFC 9421, not with the code of the package. */
export function signed(url: string, options: SignedOptions = {}): Request {
  const {
    method = "POST",
    from = "books",
    to = "shop",
    key = keys[0],
    created = 1_700_000_000,
    expires = created + 30,
    nonce = "nonce-1",
    body = '{"id":"m-1","key":"ada","operation":"add","length":5}\n"tea"\n',
    components = ["@method", "@path", "content-digest", "posthorn-from", "posthorn-to"],
    algorithm = "hmac-sha256",
    sent = {},
  } = options;
  const digest = `sha-256=:${createHash("sha256").update(method === "GET" ? "" : body).digest("base64")}:`;
  const values: Readonly<Record<string, string>> = {
    "@method": method,
    "@path": new URL(url).pathname,
    "content-digest": digest,
    "posthorn-from": from,
    "posthorn-to": to,
  };
  const list = components.map((name) => `"${name}"`).join(" ");
  const parameters =
    `(${list});created=${created};expires=${expires};nonce="${nonce}";keyid="${key.id}";alg="${algorithm}"`;
  const base = [
    ...components.map((name) => `"${name}": ${values[name] ?? ""}`),
    `"@signature-params": ${parameters}`,
  ].join("\n");
  const signature = createHmac("sha256", key.secret).update(base).digest("base64");
  return new Request(sent.url ?? url, {
    method,
    headers: {
      "content-digest": digest,
      "posthorn-from": from,
      "posthorn-to": to,
      "signature-input": `sig1=${parameters}`,
      signature: `sig1=:${signature}:`,
      "content-type": "application/vnd.posthorn.frames",
      ...sent.headers,
    },
    ...method !== "GET" && { body: sent.body ?? body },
  });
}
