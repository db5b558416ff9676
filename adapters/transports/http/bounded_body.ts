import type { Clock } from "../../../runtime/base/clock.ts";
import { RefusedRequest, stopping } from "./refused_request.ts";

/** How long a body may take to come, in milliseconds: with what follows less than its sender waits. */
const bodyMs = 15_000;
const nothing = new Uint8Array();

/** What a body may take. */
export interface BodyLimits {
  readonly clock: Clock;
  readonly bytesMax: number;
  /** Holds some bytes more. Throws a {@linkcode RefusedRequest} if there is no room for them. */
  hold(bytes: number): void;
  /** Those that are called when nothing is read any more. Node warns of a signal that has more than ten listeners. */
  readonly readers: Set<() => void>;
}

/**
 * Reads the body of a request. Throws a {@linkcode RefusedRequest} as soon as it is longer than that, if there is no room
 * for it, or if it ends early or takes too long.
 */
export async function readBounded(
  request: Request,
  { clock, bytesMax, hold, readers }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const named = Number(request.headers.get("content-length") ?? "0");
  if (named > bytesMax) throw tooLarge(named, bytesMax);
  if (request.body === null) return nothing;
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const leave = () => void reader.cancel().catch(() => {}); // it has ended anyway
  let given: RefusedRequest | undefined;
  const giveUp = (refused: RefusedRequest) => {
    given = refused;
    leave(); // the read that waits ends with it
  };
  const cancelTimer = clock.setTimer(bodyMs, () => {
    giveUp(new RefusedRequest(408, "incomplete-body", `Its body has not come in ${bodyMs} ms`));
  });
  const stop = () => giveUp(stopping());
  readers.add(stop);
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (given !== undefined) throw given;
      if (done) return joined(parts, length);
      length += value.length;
      if (length > bytesMax) throw tooLarge(length, bytesMax);
      hold(value.length);
      parts.push(value);
    }
  } catch (error) {
    leave();
    if (error instanceof RefusedRequest) throw error;
    throw new RefusedRequest(400, "incomplete-body", "Its body ended early");
  } finally {
    cancelTimer();
    readers.delete(stop);
  }
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
