import { sign, verify } from "@octokit/webhooks-methods";

const signaturePattern = /^sha256=[0-9a-f]{64}$/;

/** Whether `signature` is the HMAC of `text` with `secret`. Compared in constant time. */
export async function isSigned(secret: string, text: string, signature: string): Promise<boolean> {
  return text !== "" && signaturePattern.test(signature) && await verify(secret, text, signature);
}

/** The bearer token that grants access to the actor with this key. */
export async function tokenOf(secret: string, key: string): Promise<string> {
  return (await sign(secret, key)).slice("sha256=".length);
}
