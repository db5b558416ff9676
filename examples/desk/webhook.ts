import * as z from "zod";
import type { Delivery } from "./protocols.ts";

const Account = z.object({ login: z.string() });

/** The part of a webhook that the desk reads. */
const Payload = z.object({
  action: z.string().nullish(),
  repository: z.object({ full_name: z.string() }).nullish(),
  organization: Account.nullish(),
  installation: z.object({ account: Account.nullish() }).nullish(),
  sender: Account.nullish(),
  label: z.object({ name: z.string() }).nullish(),
});

/** A parsed webhook: the delivery, and the key of the actor that receives it. */
export interface Webhook {
  readonly key: string;
  readonly delivery: Delivery;
}

/** Reads the body of a webhook. Throws a `SyntaxError` or a `ZodError`. */
export function readWebhook(event: string, body: string): Webhook {
  const { action, repository, organization, installation, sender, label } = Payload.parse(JSON.parse(body));
  return {
    // A webhook is about a repository, else about an organisation or an installation, else about its sender;
    // a security advisory is about none of these.
    key: repository?.full_name ?? organization?.login ?? installation?.account?.login ?? sender?.login ?? "-",
    delivery: {
      event,
      action: action ?? undefined,
      sender: sender?.login,
      label: label?.name,
    },
  };
}
