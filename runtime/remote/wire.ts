import { PosthornError } from "../base/errors.ts";
import { fingerprint } from "../base/fingerprint.ts";

/** The headers that the runtime sets and reads. Their names begin with {@linkcode ownPrefix}. */
export const wireHeaders = {
  /** Who sent it: `service`, or `service/protocol/key`, each percent-encoded. */
  sender: "posthorn-sender",
  /** The id of the message whose turn sent it. */
  cause: "posthorn-cause",
  /** The id of the first message of its chain. */
  correlation: "posthorn-correlation",
  /** When its turn may not begin any more, in milliseconds since 1970. */
  deadline: "posthorn-deadline",
  /** The actor that waits for its reply, whose inbox the reply goes to. */
  replyProtocol: "posthorn-reply-protocol",
  replyKey: "posthorn-reply-key",
  /** It is a reply: it starts no operation and is no event, wherever the address leads that its asker gave. */
  reply: "posthorn-reply",
  /**
   * It takes back a request, and is none: the operation of that request, its id, and a hash of its body. The correlation id
   * is that of the request, which nobody else knows.
   */
  cancel: "posthorn-cancel",
  cancelId: "posthorn-cancel-id",
  cancelBody: "posthorn-cancel-body",
  /**
   * Of a survey: `count`, if its asker wants to know how many respondents each service asks, and which of them give no reply.
   * Of an answer to such a survey: how many the service asked; then it has no body, and is no reply.
   */
  respondents: "posthorn-respondents",
  /** Which of the other headers have percent-encoded values, separated by commas. */
  encoded: "posthorn-encoded",
  /** Reserved: never sent, and ignored. */
  sequence: "posthorn-sequence",
} as const;

/** How the names of the runtime's own headers begin. No header of a user does. */
export const ownPrefix = "posthorn-";

/** How the names begin of a user's headers that would mean something to a broker or its adapter by their own names. */
const movedPrefix = `${ownPrefix}header-`;
const moved =
  /^(ce-.*|nats-.*|x-(delivery|acquired)-count|id|operation|content-type|correlation-id|message-id|reply-(to|topic))$/;

/** Headers that are of the runtime, or describe this one message. */
const described = new RegExp(`^(${ownPrefix}|ce-|content-type$)`);

/** The media types of bodies. */
export const mediaTypes = {
  json: "application/json",
  rich: "application/superjson+json",
  problem: "application/problem+json",
} as const;

type Headers = Readonly<Record<string, string>>;

const plainName = /^[a-z0-9-]+$/;
const plainValue = /^[\x20-\x7e]*$/;

/**
 * The headers of a user as they travel: with lower-case names; values that are not visible ASCII characters and spaces
 * are percent-encoded, and named in a header. Throws a `PosthornError` (`invalid-headers`) if a name cannot travel.
 */
export function encodeHeaders(given: Headers | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (given === undefined) return headers;
  const encoded: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    const why = faultOf(lower, headers);
    if (why !== undefined) {
      throw new PosthornError("invalid-headers", `Cannot send the header ${JSON.stringify(name)}: ${why}`);
    }
    const plain = plainValue.test(value);
    const travelling = moved.test(lower) ? movedPrefix + lower : lower;
    headers[travelling] = plain ? value : encodeURIComponent(value.toWellFormed());
    if (!plain) encoded.push(travelling);
  }
  if (encoded.length > 0) headers[wireHeaders.encoded] = encoded.join(",");
  return headers;
}

function faultOf(name: string, others: Headers): string | undefined {
  if (!plainName.test(name)) return "its name must be of letters, digits and hyphens";
  if (name.startsWith(ownPrefix)) return `names that begin with ${ownPrefix} belong to the runtime`;
  const twice = Object.hasOwn(others, name) || Object.hasOwn(others, movedPrefix + name);
  return twice ? "another one has the same name in lower case" : undefined;
}

/** The name that a user gave to a header that travels under this one; nothing if it is no header of a user. */
export function givenName(name: string): string | undefined {
  if (name.startsWith(movedPrefix)) {
    const given = name.slice(movedPrefix.length);
    return moved.test(given) && plainName.test(given) ? given : undefined; // else no message of its turn could have it
  }
  if (name.startsWith(ownPrefix)) return undefined;
  return plainName.test(name) && !described.test(name) ? name : undefined;
}

/** The name of a sender: a service, or one of its actors. */
export function senderName(service: string, protocol?: string, key?: string): string {
  if (protocol === undefined || key === undefined) return service;
  return `${service}/${protocol}/${encodeURIComponent(key)}`;
}

/** The name of the sender of a message whose id is unique in that scope. */
export function scopedSender(service: string, scope: string | undefined): string {
  const [, kind, name] = /^(in|out) (.+)$/s.exec(scope ?? "") ?? [];
  if (kind === undefined) return service;
  if (kind === "out") return senderName(service, "~", fingerprint(name)); // the name of a caller stays here
  const end = name.indexOf("/");
  return senderName(service, name.slice(0, end), name.slice(end + 1));
}
