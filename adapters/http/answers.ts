import type { Context } from "hono";
import { jsonType, superjsonType, wantsSuperjson, writeJson, writeSuperjson } from "./body/body.ts";

/** Headers of a response. */
export type AnswerHeaders = Record<string, string>;

/** For responses that are private to their caller or change over time. */
export const notStored = { "cache-control": "no-store" };

/**
 * Creates the responses with a body. Hono merges headers that others set on the context into `Headers`, which
 * takes longer than an ask. If nothing else has used the context, there is nothing to merge, and this is
 * skipped.
 */
export class Answers {
  readonly #shared: boolean;

  /** `shared` is whether a function of the program gets the context of each request. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** A value in the format that the client accepts. */
  value(context: Context, value: unknown, headers?: Readonly<AnswerHeaders>): Response | Promise<Response> {
    if (wantsSuperjson(context)) return this.#superjson(context, value, headers);
    return this.#text(context, writeJson(value), 200, { "content-type": jsonType, ...headers });
  }

  /** The response to an accepted message: its id, or that of its reply. The headers must be of this response alone. */
  accepted(context: Context, id: string, headers: AnswerHeaders): Response {
    headers["content-type"] = jsonType;
    return this.#text(context, `{"id":${JSON.stringify(id)}}`, 202, headers);
  }

  async #superjson(context: Context, value: unknown, headers?: Readonly<AnswerHeaders>): Promise<Response> {
    const text = await writeSuperjson(value);
    return this.#text(context, text, 200, { "content-type": superjsonType, ...headers });
  }

  /**
   * Each response needs its own headers object: a server for Node.js writes the length of the body into it.
   */
  #text(context: Context, text: string, status: 200 | 202, headers: AnswerHeaders): Response {
    const untouched = !this.#shared && context.req.routeIndex === 0;
    return untouched ? new Response(text, { status, headers }) : context.body(text, status, headers);
  }
}
