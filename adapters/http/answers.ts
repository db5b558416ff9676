import type { Context } from "hono";
import { jsonType, superjsonType, wantsSuperjson, writeJson, writeSuperjson } from "./body/body.ts";

/** Headers of an answer. */
export type AnswerHeaders = Record<string, string>;

/**
 * Answers that have text. Hono joins what others have set on the context with what an answer has, in `Headers` that take
 * longer than an ask. Where nobody has had the context before, there is nothing to join.
 */
export class Answers {
  readonly #shared: boolean;

  /** `shared` says that a function of the program's gets the context of each request. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** A value as the caller wants to read it. */
  value(context: Context, value: unknown, headers?: Readonly<AnswerHeaders>): Response | Promise<Response> {
    if (wantsSuperjson(context)) return this.#superjson(context, value, headers);
    return this.#text(context, writeJson(value), 200, { "content-type": jsonType, ...headers });
  }

  /** That a message was accepted: its id, or that of its reply. */
  accepted(context: Context, id: string, headers: Readonly<AnswerHeaders>): Response {
    return this.#text(context, JSON.stringify({ id }), 202, { "content-type": jsonType, ...headers });
  }

  async #superjson(context: Context, value: unknown, headers?: Readonly<AnswerHeaders>): Promise<Response> {
    const text = await writeSuperjson(value);
    return this.#text(context, text, 200, { "content-type": superjsonType, ...headers });
  }

  /** Each answer has headers of its own: a server for Node.js writes the length of the body into those that it is given. */
  #text(context: Context, text: string, status: 200 | 202, headers: AnswerHeaders): Response {
    const untouched = !this.#shared && context.req.routeIndex === 0;
    return untouched ? new Response(text, { status, headers }) : context.body(text, status, headers);
  }
}
