import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";
import type { ActorId } from "../../../runtime/language/address.ts";
import { actorLink, link, type Parameters, storyLink } from "../links.ts";
import { duration, isoTime, relative } from "./format.ts";

/** How something is. */
export type Tone = "good" | "quiet" | "warn" | "bad";

/** A state in one or two words. The word says it, the colour only repeats it. `isWord`: it is short, and stays on its line. */
export function Badge({ tone, isWord, children }: {
  tone: Tone;
  isWord?: boolean;
  children?: Child;
}): JSX.Element {
  return <span class={`badge ${tone}${isWord ? " word" : ""}`}>{children}</span>;
}

/** A time, told from now; the exact one is its title. */
export function Time({ atMs, nowMs }: { atMs: number | undefined; nowMs: number }): JSX.Element {
  if (atMs === undefined) return <span class="none dash">–</span>;
  const iso = isoTime(atMs);
  return <time datetime={iso} title={iso}>{relative(atMs, nowMs)}</time>;
}

/** A duration, or a dash if there is none. */
export function Duration({ ms }: { ms: number | undefined }): JSX.Element {
  return ms === undefined ? <span class="none dash">–</span> : <span>{duration(ms)}</span>;
}

/** The name of an actor, which leads to its page. */
export function ActorName({ actor }: { actor: ActorId }): JSX.Element {
  return (
    <a class="name" href={actorLink(actor)}>
      <span class="protocol">{actor.protocol}/</span>
      {actor.key}
    </a>
  );
}

/** How much of the end of an id is always shown, in UTF-16 units: many ids begin alike. */
const idEnd = 8;

/** The id of a message, which leads to its story. In a table its beginning is cut for the eye. */
export function MessageId({ id, of = id }: { id: string; of?: string }): JSX.Element {
  const end = Math.max(0, id.length - idEnd);
  return (
    <a class="id" href={storyLink(of)} title={id}>
      <span class="start">{id.slice(0, end)}</span>
      {id.slice(end)}
    </a>
  );
}

/** What an actor holds or was sent. */
export function Code({ text, label }: { text: string; label: string }): JSX.Element {
  return <pre class="code" tabindex={0} role="group" aria-label={label}><code>{text}</code></pre>;
}

/** How long a text is that needs not be opened, in UTF-16 units. */
const lineMax = 60;

/** The same in a table: one line, and all of it when it is opened. */
export function Opened({ text, id, label }: { text: string; id: string; label: string }): JSX.Element {
  const line = text.slice(0, 4 * lineMax).replace(/\n\s*/g, " ");
  if (text.length <= 4 * lineMax && line.length <= lineMax) return <code>{line}</code>;
  return (
    <details id={id}>
      <summary>
        <code class="line">{`${line.slice(0, lineMax)}…`}</code>
      </summary>
      <Code text={text} label={label} />
    </details>
  );
}

/** What is said where there is nothing. */
export function Empty({ children }: { children?: Child }): JSX.Element {
  return <p class="empty">{children}</p>;
}

/** Leads to the next page of a list, and back to its first. */
export function Pager({ page, parameters, after, next }: {
  page: string;
  parameters?: Parameters;
  after: string | undefined;
  next: string | undefined;
}): JSX.Element | null {
  if (after === undefined && next === undefined) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      {after !== undefined && <a href={link(page, parameters)}>First page</a>}
      {next !== undefined && <a rel="next" href={link(page, { ...parameters, after: next })}>Next page</a>}
    </nav>
  );
}
