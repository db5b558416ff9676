import type { JSX } from "hono/jsx/jsx-runtime";
import type { Page } from "../../../runtime/ports/observation.ts";
import { counted } from "../parts/format.ts";

/** Says how many rows of a page were left out. */
export function Unreadable({ page: { unreadable = 0 } }: { page: Page<unknown> }): JSX.Element | null {
  if (unreadable === 0) return null;
  return <p class="error">{`${counted(unreadable, "row")} of this page cannot be read and are left out.`}</p>;
}
