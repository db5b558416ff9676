import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import { shorten } from "../../../runtime/base/shorten.ts";
import { joined } from "./bounded_body.ts";

/** The answer to a request that is not its result. */
export interface Problem {
  readonly status: number;
  /** The code of its problem document; empty if it has none. */
  readonly code: string;
  /** What to do about it. */
  readonly error: PosthornError;
  /** For how long the service asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number;
}

/** A service refused a whole request before it took anything of it, and it may come again after a while. */
export class NotTakenError extends PosthornError {
  /** After how long it may come again, in milliseconds. */
  readonly afterMs: number;

  /** Says which service refused it, and why. */
  constructor(code: string, service: string, why: string, afterMs: number) {
    super(code, `Cannot send to the service ${service}: ${why}`);
    this.afterMs = afterMs;
  }
}

const problemBytesMax = 8_192;
/** After how long a request is sent again if its refusal does not say, in milliseconds. */
const againMs = 200;
const wordsMax = 300;
const retryAfterMsMax = 30_000;
const decoder = new TextDecoder();

/** Reads an answer that is not the result of a request to that service. */
export async function problemOf(service: string, response: Response): Promise<Problem> {
  const { status } = response;
  const { code = "", detail = "" } = await documentOf(response);
  const said = [String(status), code, detail].filter((text) => text !== "").join(": ");
  const seconds = Number(response.headers.get("retry-after") ?? "0");
  const retryAfterMs = Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0) * 1_000, retryAfterMsMax) : 0;
  const words = wordsOf(status, code, said);
  const error = isNotTaken(status, code, retryAfterMs)
    ? new NotTakenError(codeOf(status), service, words, Math.max(retryAfterMs, againMs))
    : new PosthornError(codeOf(status), `Cannot send to the service ${service}: ${words}`);
  return { status, code, error, retryAfterMs };
}

/** Whether nothing of the request was taken: it may come again although it must not be taken twice. */
function isNotTaken(status: number, code: string, retryAfterMs: number): boolean {
  return status === 429 || (status === 503 && (code === "stopping" || retryAfterMs > 0));
}

function codeOf(status: number): string {
  if (status === 401 || status === 403 || status === 421) return "transport-refused";
  return status === 429 ? "transport-full" : "transport-unavailable";
}

function wordsOf(status: number, code: string, said: string): string {
  if (status >= 300 && status < 400) {
    return `it answers with ${status}, and a redirect is not followed: name the url that answers itself`;
  }
  if (code === "") return `it answers with ${said}, which no routes of this package do: is its url right?`;
  return `it answers with ${said}`;
}

async function documentOf(response: Response): Promise<{ readonly code?: string; readonly detail?: string }> {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) {
    await response.body?.cancel().catch(() => {}); // nothing of it is read
    return {};
  }
  const text = await firstText(response.body);
  const { code, detail } = guarded<Record<string, unknown>>(() => ({ ...JSON.parse(text) }), {});
  return {
    ...typeof code === "string" && { code: shorten(code, 64) },
    ...typeof detail === "string" && { detail: shorten(detail, wordsMax) },
  };
}

/** The text of a short body; of a longer one nothing that can be read. */
async function firstText(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  try {
    while (reader !== undefined && length <= problemBytesMax) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
    if (length > problemBytesMax) await reader?.cancel();
  } catch { // what came says enough
    return "";
  }
  return decoder.decode(joined(parts, length));
}

/** What went wrong on the way to a service, without a secret. */
export function awayFault(service: string, error: unknown): PosthornError {
  if (error instanceof PosthornError) return error;
  const words = shorten(withoutCredentials(messageOf(error)), wordsMax);
  return new PosthornError("transport-unavailable", `Cannot reach the service ${service}: ${words}`);
}
