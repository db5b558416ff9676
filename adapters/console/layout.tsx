import { raw } from "hono/html";
import type { JSX } from "hono/jsx/jsx-runtime";
import { hornPath } from "./assets/icon.ts";
import { deadCountId } from "./regions.tsx";
import type { Screen } from "./screen.ts";

/** What a page is made of. */
export interface Page {
  readonly title: string;
  readonly heading?: JSX.Element;
  readonly lead?: JSX.Element | string;
  /** The page that is current in the navigation. */
  readonly current: string;
  readonly content: JSX.Element;
  /** Whether it goes on to be rendered while it is open. */
  readonly isLive: boolean;
}

/** What all pages have. */
export interface Frame {
  readonly screens: readonly Screen[];
  readonly nonce: string;
  /** What tells the versions of the assets apart. */
  readonly version: string;
  /** How many dead letters there are, as markup. */
  readonly deadLetters: string;
}

/** A whole page. */
export function Layout({ page, frame }: { page: Page; frame: Frame }): JSX.Element {
  const { version, nonce } = frame;
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <meta name="robots" content="noindex" />
          <title>{`${page.title} · Posthorn`}</title>
          <link rel="icon" type="image/svg+xml" href={`./console.svg?${version}`} />
          <link rel="stylesheet" href={`./console.css?${version}`} nonce={nonce} />
          <script defer src={`./console.js?${version}`} nonce={nonce}></script>
        </head>
        <body>
          <a class="skip" href="#main">Skip to the content</a>
          <Header isLive={page.isLive} />
          <div class="frame">
            <Navigation frame={frame} current={page.current} />
            <main id="main" tabindex={-1}>
              <div class="head">
                <h1>{page.heading ?? page.title}</h1>
                {page.lead !== undefined && <p class="lead">{page.lead}</p>}
              </div>
              {page.isLive && <p id="fault" class="notice bad" role="alert" hidden></p>}
              {page.content}
            </main>
          </div>
        </body>
      </html>
    </>
  );
}

function Header({ isLive }: { isLive: boolean }): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href="./overview">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d={hornPath} />
        </svg>
        Posthorn
      </a>
      {/* Without a script there is nothing to say: the page stays as it was. */}
      {isLive && <p id="live" role="status" hidden></p>}
      <form role="search" action="./search">
        <label class="hidden" for="find">Find an actor or a message</label>
        <input
          id="find"
          type="search"
          name="q"
          placeholder="Key of an actor, or id of a message"
          autocomplete="off"
        />
      </form>
    </header>
  );
}

function Navigation({ frame, current }: { frame: Frame; current: string }): JSX.Element {
  return (
    <nav class="side" aria-label="Console">
      <ul>
        {frame.screens.filter(({ nav }) => nav !== undefined).map(({ page, nav }) => (
          <li>
            <a href={`./${page}`} aria-current={page === current ? "page" : undefined}>
              {nav}
              {page === "dead-letters" && <span id={deadCountId}>{raw(frame.deadLetters)}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
