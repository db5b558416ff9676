/** The secret with which the examples are signed if nobody sets another. */
export const exampleSecret = "It's a secret to everybody";

/** What only GitHub and the desk know, and what only the desk knows. */
export interface Secrets {
  readonly webhooks: string;
  readonly tokens: string;
}

/**
 * Why a desk must not be served at that address with those secrets; nothing where it may. Everybody knows the secret of
 * the examples, so it is for this machine alone.
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
