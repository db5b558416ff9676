import { raw } from "hono/html";
import type { JSX } from "hono/jsx/jsx-runtime";
import { Badge } from "./parts/parts.tsx";
import type { ConsoleSystem } from "./port.ts";
import type { Screen, ScreenRequest, View } from "./screen.ts";
import { Notice } from "./screens/notice.tsx";

/** A region as markup. */
export interface RenderedRegion {
  readonly id: string;
  readonly live: "follow" | "hold" | undefined;
  readonly html: string;
}

/** A view whose regions are markup. */
export interface RenderedView extends Omit<View, "regions"> {
  readonly regions: readonly RenderedRegion[];
}

/** The id of the number of dead letters in the navigation. */
export const deadCountId = "dead-count";

/** The number of dead letters in the navigation, as markup. */
export async function deadCount({ deadLetters: { size } }: ConsoleSystem): Promise<string> {
  return size === 0 ? "" : String(await <Badge tone="bad">{size.toLocaleString("en")}</Badge>);
}

/** What a screen shows, after what is to be said of the action that led to it. `undefined` if there is no such thing. */
export async function renderView(screen: Screen, request: ScreenRequest): Promise<RenderedView | undefined> {
  const view = await screen.view(request);
  if (view === undefined) return undefined;
  const notice = { id: "notice", live: "follow", content: <Notice request={request} /> } as const;
  const regions = request.query.has("did") ? [notice, ...view.regions] : view.regions;
  return {
    ...view,
    regions: await Promise.all(
      regions.map(async ({ id, live, content }) => ({ id, live, html: String(await content) })),
    ),
  };
}

/** The regions in the page. */
export function Regions({ regions }: { regions: readonly RenderedRegion[] }): JSX.Element {
  return (
    <>
      {regions.map(({ id, live, html }) => (
        <section class="region" id={id} data-hold={live === "hold" ? "" : undefined}>{raw(html)}</section>
      ))}
    </>
  );
}
