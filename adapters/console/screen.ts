import type { JSX } from "hono/jsx/jsx-runtime";
import type { ConsoleSystem } from "./port.ts";
import type { Watch } from "./measures/watch.ts";

/** What a screen is asked with. */
export interface ScreenRequest {
  readonly system: ConsoleSystem;
  readonly watch: Watch;
  /** The parameters of its URL. */
  readonly query: URLSearchParams;
  /** The time of the answer, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Whether whoever looks may change something. */
  readonly mayAct: boolean;
}

/** A part of a page. */
export interface Region {
  /** Its name in the page. */
  readonly id: string;
  readonly content: JSX.Element;
  /** Absent if it is only rendered once. `hold` is rendered again, but not under the pointer or the focus of somebody. */
  readonly live?: "follow" | "hold";
}

/** What a screen shows. */
export interface View {
  readonly title: string;
  /** The heading, if it is more than the title. */
  readonly heading?: JSX.Element;
  /** One sentence below the heading. */
  readonly lead?: JSX.Element | string;
  readonly regions: readonly Region[];
}

/** A page of the console. */
export interface Screen {
  /** The last segment of its URL. */
  readonly page: string;
  /** Its name in the navigation; absent if it is not there. */
  readonly nav?: string;
  /** The page that is shown as current in the navigation, if it is not itself there. */
  readonly under?: string;
  /** Resolves with what it shows; `undefined` if there is no such thing. */
  view(request: ScreenRequest): Promise<View | undefined>;
}
