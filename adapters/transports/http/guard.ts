import type { Clock } from "../../../runtime/base/clock.ts";
import { readBounded } from "./bounded_body.ts";
import { BodyRoom } from "./body_room.ts";
import { KeyRing } from "./key_ring.ts";
import { Nonces } from "./nonces.ts";
import type { Settings } from "./options.ts";
import { RefusedRequest, stopping } from "./refused_request.ts";
import { contentDigest, type Covered, readSignature } from "./signature.ts";
import { UnderWay } from "./under_way.ts";

/** The most bytes of a request besides the largest body: a batch of small ones, and what is in front of each. */
export const batchBytesMax = 4_194_304;
const headBytesMax = 1_048_576;
/** The longest time from `created` to `expires`, in seconds. */
const validSecondsMax = 300;

/** What guards a service. */
export interface GuardServices {
  readonly clock: Clock;
  readonly settings: Settings;
  /** The name of this service. */
  readonly service: string;
}

/** A request that comes from another service, and that nobody has changed. */
export interface GuardedRequest {
  /** The service that has sent it. */
  readonly from: string;
  readonly nonce: string;
  /** When its sender has given it up, in milliseconds since 1970. */
  readonly expiresAtMs: number;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Its body is not needed any more. */
  release(): void;
}

/**
 * Lets in what other services send, and nothing else: each request once, while it is valid. Before it knows who sends it, it
 * reads a few headers, and computes one hash of them at most.
 */
export class Guard {
  readonly #services: GuardServices;
  readonly #rings: ReadonlyMap<string, KeyRing>;
  readonly #nonces = new Nonces();
  readonly #bodies: BodyRoom;
  /** The most bytes of a request. */
  readonly #bytesMax: number;
  readonly #readers = new Set<() => void>();
  readonly #hashes = new UnderWay();
  #closed = false;

  constructor(services: GuardServices) {
    this.#services = services;
    this.#bytesMax = batchBytesMax + services.settings.messageBytes + headBytesMax;
    this.#bodies = new BodyRoom(this.#bytesMax);
    this.#rings = new Map(
      [...services.settings.peers.values()].map(({ name, keys }) => [name, new KeyRing(keys)]),
    );
  }

  /** No body is read any more. Resolves when no hash is computed either. */
  close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#readers) stop();
    return this.#hashes.over();
  }

  /** Throws a {@linkcode RefusedRequest} if it is not let in. `path` is that of the url that its sender named. */
  async admit(request: Request, path: string): Promise<GuardedRequest> {
    const { clock, service, settings: { clockToleranceMs } } = this.#services;
    const from = request.headers.get("posthorn-from") ?? "";
    const to = request.headers.get("posthorn-to") ?? "";
    const digest = request.headers.get("content-digest") ?? "";
    const given = readSignature(request.headers.get("signature-input"), request.headers.get("signature"));
    if (given === undefined) {
      const what =
        "a signature (RFC 9421) over @method, @path, content-digest, posthorn-from and posthorn-to";
      throw unsigned(
        `It needs exactly one ${what.slice(2)} with hmac-sha256, created, expires, nonce and keyid`,
      );
    }
    const { parameters: { created, expires, nonce, keyid }, signature } = given;
    const covered: Covered = {
      "@method": request.method,
      "@path": path,
      "content-digest": digest,
      "posthorn-from": from,
      "posthorn-to": to,
    };
    const ring = this.#rings.get(from);
    const verifying = ring?.verify(keyid, signature, given.baseOf(covered)) ?? Promise.resolve(false);
    if (!await this.#hashes.until(verifying)) {
      throw unsigned(
        "Its signature is not one of that service: another key, or something was changed on the way",
      );
    }
    if (to !== service) {
      throw new RefusedRequest(
        421,
        "another-service",
        `It is meant for ${to.slice(0, 64)}, and this is ${service}`,
      );
    }
    const nowMs = clock.now();
    const [fromMs, untilMs] = [created * 1_000 - clockToleranceMs, expires * 1_000 + clockToleranceMs];
    if (nowMs < fromMs || nowMs > untilMs || expires < created || expires - created > validSecondsMax) {
      const here = Math.floor(nowMs / 1_000);
      throw unsigned(`It was signed for the time from ${created} to ${expires}, and here it is ${here}`);
    }
    const known = this.#nonces.add(from, nonce, untilMs, nowMs);
    if (known === "known") throw new RefusedRequest(409, "replayed", "The same request came before");
    if (known === "full") {
      throw new RefusedRequest(
        429,
        "too-many-requests",
        `It knows ${this.#nonces.size} requests, and no more now`,
      );
    }
    const { body, release } = await this.#read(request, from);
    if (await this.#hashes.until(contentDigest(body)) === digest) {
      return { from, nonce, expiresAtMs: untilMs, body, release };
    }
    release();
    throw unsigned("Its body is not the one whose digest was signed");
  }

  /** Reads the body of a request of a service, and holds room for it until it is released. */
  async #read(
    request: Request,
    from: string,
  ): Promise<Pick<GuardedRequest, "body" | "release">> {
    if (this.#closed) throw stopping(); // while its signature was verified
    let held = 0;
    const hold = (bytes: number) => {
      if (!this.#bodies.take(from, bytes)) {
        const why = `It holds ${this.#bodies.size} bytes of requests, and no more now`;
        throw new RefusedRequest(429, "too-many-requests", why);
      }
      held += bytes;
    };
    const release = () => this.#bodies.give(from, held);
    const { clock } = this.#services;
    const [bytesMax, readers] = [this.#bytesMax, this.#readers];
    try {
      return { body: await readBounded(request, { clock, bytesMax, hold, readers }), release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

function unsigned(message: string): RefusedRequest {
  return new RefusedRequest(401, "bad-signature", message, { "www-authenticate": "Signature" });
}
