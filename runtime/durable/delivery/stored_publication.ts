import type { Publication } from "../../messages/builtin_protocols.ts";

/** A published event as its topic gets it from the store: a topic need not know the protocol of its event. */
export interface StoredPublication {
  readonly protocol: string;
  readonly name: string;
  readonly mode: "event" | "survey";
  readonly subject: string;
  readonly payload: unknown;
  /** Of a survey: how many functions are asked besides. */
  readonly asked?: number;
  /** Whether a transaction of a user published it, so that the topic sends it to other services. */
  readonly unsent?: boolean;
}

/** A publication as it is stored. Throws if it does not fit its schema. */
export function storable(publication: Publication): StoredPublication {
  const { operation, payload, asked } = publication;
  const { subject } = publication.check();
  const { protocol, name, mode } = operation;
  return {
    protocol,
    name,
    mode: mode === "survey" ? mode : "event",
    subject,
    payload,
    ...asked > 0 && { asked },
  };
}
