import { asciiBytesOf } from "../base/ascii.ts";
import { rich, toText } from "../durable/rows/value_codec.ts";
import type { ToldFailure } from "../messages/told_failure.ts";
import { mediaTypes } from "./wire.ts";

/** A payload on the wire. */
export interface Body {
  readonly body: Uint8Array;
  /** Its media type; absent if there is no payload. */
  readonly contentType: string | undefined;
}

const encoder = new TextEncoder();
const nothing = new Uint8Array();

/** The body of a payload: JSON if JSON loses nothing of it. Throws a `PosthornError` (`not-storable`) if it is no data. */
export function bodyOf(payload: unknown): Body {
  return bodyOfText(toText(payload));
}

/** The body of a payload that the store has as this text. */
export function bodyOfText(text: string): Body {
  if (text === "") return { body: nothing, contentType: undefined };
  if (!text.startsWith(rich)) {
    return { body: asciiBytesOf(text) ?? encoder.encode(text), contentType: mediaTypes.json };
  }
  return { body: encoder.encode(text.slice(rich.length)), contentType: mediaTypes.rich };
}

/** The body of a failure. */
export function problemOf({ id, code, message, outcome, ofHandler }: ToldFailure): Body {
  return {
    body: encoder.encode(JSON.stringify({ code, detail: message, id, outcome, ofHandler })),
    contentType: mediaTypes.problem,
  };
}
