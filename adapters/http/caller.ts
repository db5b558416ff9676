import type { Context } from "hono";
import { sha256 } from "hono/utils/crypto";

/**
 * The maximum number of cached digests, and the maximum length in characters of a header whose digest is
 * cached. A digest takes as long as a whole tell.
 */
const digestsMax = 1_000;
const charactersMax = 2_048;

/** Derives callers from the `Authorization` header. */
export class Callers {
  readonly #digests = new Map<string, string>();

  /**
   * Returns an empty caller without the header, else a digest of it: the caller is part of the ids of
   * replies, where people can see it.
   */
  of(context: Context): string | Promise<string> {
    const authorization = context.req.header("authorization");
    if (authorization === undefined) return "";
    return this.#digests.get(authorization) ?? this.#digest(authorization);
  }

  async #digest(authorization: string): Promise<string> {
    const digest = await sha256(authorization) ?? "";
    if (authorization.length <= charactersMax) this.#remember(authorization, digest);
    return digest;
  }

  #remember(authorization: string, digest: string): void {
    this.#digests.set(authorization, digest);
    if (this.#digests.size <= digestsMax) return;
    for (const oldest of this.#digests.keys()) return void this.#digests.delete(oldest);
  }
}

/** Throws a `TypeError` if the caller is not text: all such callers would otherwise become one. */
export async function textOfCaller(found: Promise<string>): Promise<string> {
  const caller: unknown = await found;
  if (typeof caller === "string") return caller;
  const got = caller === null ? "null" : typeof caller;
  throw new TypeError(`The option caller of an ingress must return text: it returned ${got}`);
}
