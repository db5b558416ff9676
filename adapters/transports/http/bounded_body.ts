import { RefusedRequest } from "./refused_request.ts";

const nothing = new Uint8Array();

/** Reads the body of a request. Throws a {@linkcode RefusedRequest} as soon as it is longer than that, or if it ends early. */
export async function readBounded(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const named = Number(request.headers.get("content-length") ?? "0");
  if (named > bytesMax) throw tooLarge(named, bytesMax);
  if (request.body === null) return nothing;
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > bytesMax) break;
      parts.push(value);
    }
  } catch {
    throw new RefusedRequest(400, "incomplete-body", "Its body ended early");
  }
  if (length > bytesMax) {
    await reader.cancel().catch(() => {}); // it has ended anyway
    throw tooLarge(length, bytesMax);
  }
  return joined(parts, length);
}

/** The parts one behind the other. */
export function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function tooLarge(length: number, bytesMax: number): RefusedRequest {
  return new RefusedRequest(413, "too-large", `Its body has at least ${length} of ${bytesMax} bytes`);
}
