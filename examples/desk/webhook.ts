import * as z from "zod";
import type { Delivery } from "./protocols.ts";

const Account = z.object({ login: z.string() });

/** The little that the desk reads of what GitHub sends. */
const Payload = z.object({
  action: z.string().nullish(),
  repository: z.object({ full_name: z.string() }).nullish(),
  organization: Account.nullish(),
  installation: z.object({ account: Account.nullish() }).nullish(),
  sender: Account.nullish(),
  label: z.object({ name: z.string() }).nullish(),
});

/** A webhook, as the desk understands it: what was delivered, and to whose actor it goes. */
export interface Webhook {
  readonly key: string;
  readonly delivery: Delivery;
}

/** Reads the body of a webhook. Throws a `SyntaxError` or a `ZodError`. */
export function readWebhook(event: string, body: string): Webhook {
  const { action, repository, organization, installation, sender, label } = Payload.parse(JSON.parse(body));
  return {
    // About a repository, else about an organisation or an installation, else about whoever did it; a security
    // advisory is about nobody.
    key: repository?.full_name ?? organization?.login ?? installation?.account?.login ?? sender?.login ?? "-",
    delivery: {
      event,
      action: action ?? undefined,
      sender: sender?.login,
      label: label?.name,
    },
  };
}
