import type { PageOptions } from "../../../runtime/ports/observation.ts";
import type { ScreenRequest } from "../screen.ts";

/** How many items a page of a list has. */
const itemsMax = 50;

/** The page of a list that a request asks for. */
export function pageOf(
  { query }: ScreenRequest,
  limit = itemsMax,
): PageOptions & { readonly after?: string } {
  const after = query.get("after");
  return { limit, ...after !== null && after !== "" && { after } };
}

/** A parameter of a request; `undefined` if it is absent or empty. */
export function parameter({ query }: ScreenRequest, name: string): string | undefined {
  return query.get(name) || undefined;
}
