/** The secret with which the examples are signed by default. */
export const exampleSecret = "It's a secret to everybody";

/** A secret shared with GitHub, and a secret of the desk alone. */
export interface Secrets {
  readonly webhooks: string;
  readonly tokens: string;
}

/**
 * The reason why a desk must not be served at this address with these secrets; `undefined` if it may. The
 * secret of the examples is public, so it is for this machine alone.
 */
export function secretsFault(hostname: string, { webhooks, tokens }: Secrets): string | undefined {
  if (webhooks === "") {
    return "WEBHOOK_SECRET is empty: set it to the secret of the webhook, or leave it out to try";
  }
  if (tokens === "") return "TOKEN_SECRET is empty: set it to a text that nobody can guess, or leave it out";
  if (webhooks !== exampleSecret || isOwn(hostname)) return undefined;
  return `HOST is ${hostname}, which others can reach, and the secret is that of the examples: set WEBHOOK_SECRET`;
}

function isOwn(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(hostname);
}
