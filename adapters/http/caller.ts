import type { Context } from "hono";
import { sha256 } from "hono/utils/crypto";

/** How many digests are remembered, and of headers of how many characters: a digest takes as long as a whole tell. */
const digestsMax = 1_000;
const charactersMax = 2_048;

/** Who speaks, by the `Authorization` header. */
export class Callers {
  readonly #digests = new Map<string, string>();

  /**
   * Nobody in particular without the header, else a digest of it, since a caller's name stands in the names of replies,
   * where people see it.
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
