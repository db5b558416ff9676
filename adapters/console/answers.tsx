import type { JSX } from "hono/jsx/jsx-runtime";
import { messageOf } from "../../runtime/base/errors.ts";
import { codeOf } from "../../runtime/base/thrown.ts";
import type { ConsoleContext } from "./context.ts";
import { type Frame, Layout, type Page } from "./layout.tsx";
import { deadCount, Regions, type RenderedView } from "./regions.tsx";
import { HealthFacts } from "./screens/service.tsx";
import { screens } from "./screens/screens.ts";
import type { ConsoleSystem } from "./port.ts";

/** The longest error text on a page, in UTF-16 units. */
const wordsMax = 4_000;

type Status = 200 | 400 | 403 | 404 | 409 | 500;

/** The answers of a console that are pages. */
export class Answers {
  readonly #system: ConsoleSystem;
  readonly #version: string;

  /** `version` tells the versions of the assets apart. */
  constructor(system: ConsoleSystem, version: string) {
    this.#system = system;
    this.#version = version;
  }

  /** The page of a screen. `current` is the page that is shown as current in the navigation. */
  screen(context: ConsoleContext, view: RenderedView, current: string): Promise<Response> {
    const { regions, ...head } = view;
    const isLive = regions.some(({ live }) => live !== undefined);
    return this.#page(context, { ...head, current, isLive, content: <Regions regions={regions} /> }, 200);
  }

  /** Says that there is no such page. */
  notFound(context: ConsoleContext): Promise<Response> {
    const content = <p class="empty">There is nothing at this address.</p>;
    return this.#told(context, "Not found", content, 404);
  }

  /** Says why something is refused. */
  refused(context: ConsoleContext, words: string): Promise<Response> {
    return this.#told(context, "Refused", <p class="notice bad">{words}</p>, 403);
  }

  /** Says what could not be done or shown, and why. If that is no fault of the request, it says how the system is. */
  failed(context: ConsoleContext, error: unknown, status: Status): Promise<Response> {
    const isAction = context.req.method === "POST";
    const content = (
      <>
        <section class="region">
          <p class="notice bad">
            {messageOf(error).slice(0, wordsMax)} <code class="none">{codeOf(error, "failed")}</code>
          </p>
        </section>
        {status >= 500 && <HealthFacts health={this.#system.health} />}
        {!isAction && status >= 500 && (
          <p class="pager">
            <a href="">Try again</a>
          </p>
        )}
      </>
    );
    return this.#told(
      context,
      isAction ? "It could not be done" : "This page cannot be shown",
      content,
      status,
    );
  }

  #told(context: ConsoleContext, title: string, content: JSX.Element, status: Status): Promise<Response> {
    return this.#page(context, { title, content, current: "", isLive: false }, status);
  }

  async #page(context: ConsoleContext, page: Page, status: Status): Promise<Response> {
    const frame: Frame = {
      screens,
      nonce: context.get("secureHeadersNonce") ?? "",
      version: this.#version,
      deadLetters: await deadCount(this.#system),
    };
    const html = String(await <Layout page={page} frame={frame} />);
    return context.html(html, status, { "cache-control": "no-store", "vary": "accept" });
  }
}
