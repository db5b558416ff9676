import type { Child } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";
import type { Cancellation } from "../../../runtime/language/ticket.ts";
import type { Happening } from "../measures/happenings.ts";
import { counted, duration } from "../parts/format.ts";
import { MessageId } from "../parts/parts.tsx";
import type { ScreenRequest } from "../screen.ts";
import { parameter } from "./page_of.ts";

/** How a request ended that was to be taken back. */
const outcomes: Readonly<Record<Cancellation, string>> = {
  "cancelled": "The request was taken back: it has had no effect, and will have none.",
  "withdrawn": "The request was taken back: its turn stands, and every later answer is dropped.",
  "done": "The request was done before.",
  "failed": "The request had failed before.",
  "given-up": "The request was given up: nobody gets a reply, and whether it has an effect is unknown.",
};

/** What the console says of an action that was done: its words are here alone, its URL gives only names and numbers. */
export function Notice({ request }: { request: ScreenRequest }): JSX.Element | null {
  const did = parameter(request, "did");
  const id = parameter(request, "id");
  if (did === undefined) return null;
  if (did === "resend" && id !== undefined) return <Resent id={id} request={request} />;
  const done = Number(parameter(request, "done") ?? 0);
  const failed = Number(parameter(request, "failed") ?? 0);
  if (![done, failed].every((value) => Number.isSafeInteger(value) && value >= 0)) return null;
  const more = parameter(request, "more") !== undefined ? " There may be more: do it once more." : "";
  const rest = failed === 0
    ? more
    : ` ${counted(failed, "message")} could not be, and still are dead letters.${more}`;
  const words: Readonly<Record<string, string>> = {
    "resend-all": `${counted(done, "message")} sent again.${rest}`,
    "discard": "The message was discarded.",
    "no-letter": "There was no such dead letter any more: it was sent again or discarded before.",
    "discard-all": `${counted(done, "message")} discarded.${rest}`,
    "cancel-schedule": "The schedule was cancelled.",
    "no-schedule": "There was no such schedule any more.",
    "cancel-request": outcomeOf(parameter(request, "outcome")),
    "passivate": "The actor has left memory until its next message.",
    "erase": "The actor was erased.",
    "pause":
      "The protocol is paused: its actors begin no further turn. Their messages are accepted and wait.",
    "resume": "The protocol goes on.",
  };
  const text = Object.hasOwn(words, did) ? words[did] : undefined;
  return text === undefined ? null : <Said tone={failed > 0 ? "warn" : "good"}>{text}</Said>;
}

function outcomeOf(outcome: string | undefined): string {
  const known = (Object.keys(outcomes) as Cancellation[]).find((one) => one === outcome);
  return known === undefined ? "The request is over." : outcomes[known];
}

/** A message that was sent again, and what became of it since then: not how it failed before, and not another one with its id. */
function Resent({ id, request }: { id: string; request: ScreenRequest }): JSX.Element {
  const sinceMs = Number(parameter(request, "sinceMs") ?? 0);
  const [protocol, key] = [parameter(request, "toProtocol"), parameter(request, "toKey")];
  const [last] = request.watch.happenings.latest(
    1,
    (one) =>
      one.id === id && one.type !== "accepted" && one.atMs >= sinceMs &&
      (protocol ?? one.protocol) === one.protocol && (key ?? one.key) === one.key,
  );
  const became = last === undefined
    ? "Nothing is known of its turn yet: it waits for it, another instance has it, or it is not in the sample."
    : becameOf(last);
  const tone = last?.type === "failed" || last?.type === "retrying" || last?.type === "dead" ? "bad" : "good";
  return (
    <Said tone={tone}>
      <strong>The message was sent again.</strong>
      {` ${became} `}
      <MessageId id={id} />
    </Said>
  );
}

function becameOf({ type, protocol, key, tookMs, note = "" }: Happening): string {
  const actor = `${protocol}/${key}`;
  if (type === "done") {
    return `${actor} has handled it${tookMs === undefined ? "" : ` in ${duration(tookMs)}`}.`;
  }
  if (type === "dead") return `It is a dead letter again: ${note}`;
  if (type === "retrying") return `It failed once more at ${actor}, and is tried ${note}.`;
  if (type === "failed") return `It failed once more at ${actor}: ${note}`;
  return type === "started" ? `${actor} handles it.` : `It was ${type}.`;
}

function Said({ tone, children }: { tone: "good" | "warn" | "bad"; children?: Child }): JSX.Element {
  return <p class={`notice ${tone}`} role="status">{children}</p>;
}
