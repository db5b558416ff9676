import type { ActorId } from "../../runtime/language/address.ts";

/** The parameters of a page in its URL. */
export type Parameters = Readonly<Record<string, string | undefined>>;

/**
 * The URL of a page, relative to every other page: each has one segment under the path where the console is mounted, which
 * need not be known so. What is `undefined` or empty is left out.
 */
export function link(page: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text === "" ? `./${page}` : `./${page}?${text}`;
}

/** A value as the text of a field of a form. A browser changes the ends of lines in a field, and so would name another actor. */
export function fieldText(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** A form lacks a field, or has one that cannot be read, which no page of the console sends. */
export class FieldError extends Error {
  override name = "FieldError";
}

/** The value of a field of a form; `undefined` if it is absent. Throws a {@linkcode FieldError} if it cannot be read. */
export function fieldValue(form: URLSearchParams, name: string): string | undefined {
  const text = form.get(name);
  try {
    return text === null ? undefined : decodeURIComponent(text);
  } catch {
    throw new FieldError(`The field ${name} cannot be read`);
  }
}

/** The URL of the page of one actor. */
export function actorLink({ protocol, key }: ActorId): string {
  return link("actor", { protocol, key });
}

/** The URL of the page that tells the story of a message. */
export function storyLink(id: string): string {
  return link("story", { id });
}
