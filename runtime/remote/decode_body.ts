import { messageOf, PosthornError } from "../base/errors.ts";
import { shorten } from "../base/shorten.ts";
import { isJson } from "../base/storable.ts";
import { fromText, rich } from "../durable/rows/value_codec.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { wordsMax } from "../ports/dead_letters.ts";
import type { Delivery } from "../ports/transport.ts";
import { mediaTypes } from "./wire.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const exactDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How much of a body that cannot be read is kept, in bytes. */
export const keptBytesMax = 65_536;

/**
 * The payload of a message, as its sender gave it: `undefined` for an empty body. Throws a `PosthornError`
 * (`unknown-content-type`, `unreadable-body`, `not-storable`) that says why it cannot be read.
 */
export function payloadOf({ body, contentType }: Delivery): unknown {
  if (body.length === 0) return undefined;
  const type = typeOf(contentType);
  if (type !== mediaTypes.json && type !== mediaTypes.rich) {
    const known = `${mediaTypes.json} and ${mediaTypes.rich}`;
    throw new PosthornError(
      "unknown-content-type",
      `its content type is ${JSON.stringify(contentType?.slice(0, 80))}, and this service reads ${known}`,
    );
  }
  return readable(() => {
    const text = textOf(body);
    if (type === mediaTypes.json) return JSON.parse(text);
    const value = fromText(rich + text);
    isJson(value); // throws unless it is plain data: a body may name any type of superjson
    return value;
  });
}

/** The failure that a reply tells; `undefined` if it is no failure. A problem without a code has the code `failed`. */
export function failureOf({ body, contentType }: Delivery, id: string): ToldFailure | undefined {
  if (typeOf(contentType) !== mediaTypes.problem) return undefined;
  let told: Readonly<Record<string, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(textOf(body));
    if (typeof parsed === "object" && parsed !== null) told = parsed as Readonly<Record<string, unknown>>;
  } catch (error) {
    return {
      id,
      code: "failed",
      message: `the other service failed, and its words cannot be read: ${messageOf(error)}`,
    };
  }
  const message = [told.detail, told.title].find((words) => typeof words === "string") as string | undefined;
  return {
    id: typeof told.id === "string" ? told.id.slice(0, 255) : id,
    code: typeof told.code === "string" && /^[a-z0-9-]{1,100}$/.test(told.code) ? told.code : "failed",
    message: shorten(message ?? "the other service failed, and did not say why", wordsMax),
    ...told.code === "cancelled" && isTakenBack(told.outcome) && { outcome: told.outcome },
  };
}

/** What is kept of a body that cannot be read: its text, or its bytes if it is no text. */
export function keptBody({ body }: Delivery): string | Uint8Array {
  const kept = body.slice(0, keptBytesMax);
  try {
    return exactDecoder.decode(kept);
  } catch {
    return kept;
  }
}

/** The media type without parameters. A text in another encoding than UTF-8 has a type of its own, which is unknown. */
function typeOf(contentType: string | undefined): string {
  if (contentType === undefined || contentType === "" || contentType === mediaTypes.json) {
    return mediaTypes.json;
  }
  const [type, ...parameters] = contentType.toLowerCase().split(";").map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice(8).replaceAll(
    '"',
    "",
  );
  return charset === undefined || charset === "utf-8" || charset === "utf8" ? type : contentType;
}

function textOf(body: Uint8Array): string {
  return decoder.decode(body);
}

function readable(read: () => unknown): unknown {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof PosthornError) throw cause;
    throw new PosthornError("unreadable-body", `its body cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function isTakenBack(outcome: unknown): outcome is NonNullable<ToldFailure["outcome"]> {
  return outcome === "cancelled" || outcome === "withdrawn";
}
