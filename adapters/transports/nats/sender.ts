import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Refusal } from "../../../runtime/ports/transport.ts";
import type { Message } from "./message.ts";
import { type Answer, jsonOf, type Outgoing, type Session } from "./session.ts";

/** What the stream says about a message. */
interface Acknowledgement {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly err_code: number; readonly description: string };
}

type Outcome = "stored" | "broken" | "unheard" | "denied" | "too-large" | { readonly why: string };

/** How many messages are on their way to a stream at most. */
const atOnceMax = 500;
/** How long a send begins chains. The last of them may take ten seconds more. */
const sendMs = 18_000;
const wrongLastId = 10_070;
/** The message is larger than the stream takes, or its headers are larger than any stream does. */
const tooLarge = [10_054, 10_097];

/**
 * Publishes to streams so that a prefix lands. Each message names the one before it, which must be the last of the stream:
 * so what comes behind one that was lost is refused, also if it arrives later, and the answers need not be awaited one
 * by one. If others publish in between the chain breaks, and begins anew with the first that was refused.
 */
export class Sender {
  readonly #names: () => string;
  #atOnce = atOnceMax;

  /** @param names returns a text that nobody can guess, for each chain */
  constructor(names: () => string) {
    this.#names = names;
  }

  /** Publishes messages to one stream. Rejects if nobody knows about some of them, or the stream takes nothing now. */
  async send(session: Session, messages: readonly Outgoing[]): Promise<readonly (Refusal | undefined)[]> {
    const answers: (Refusal | undefined)[] = [];
    const endMs = session.clock.monotonicMs() + sendMs;
    while (answers.length < messages.length) {
      if (session.clock.monotonicMs() > endMs) throw tooSlow(messages[0].subject);
      const links = messages.slice(answers.length, answers.length + this.#atOnce);
      const outcomes = (await session.exchange(this.#chain(links))).map(outcomeOf);
      const found = outcomes.findIndex((outcome) => outcome !== "stored");
      const stored = found < 0 ? links.length : found;
      for (let index = 0; index < stored; index++) answers.push(undefined);
      if (found < 0) {
        this.#atOnce = Math.min(2 * this.#atOnce, atOnceMax);
        continue;
      }
      this.#atOnce = Math.max(stored, 1);
      if (stored > 0) continue; // what the first of a chain is answered does not depend on others
      const { subject } = links[0];
      const first = outcomes[0];
      if (first === "unheard") {
        const missing = noReceiver(subject);
        while (answers.length < messages.length) answers.push(missing); // or they would come before it
      } else if (first === "denied" || first === "too-large") {
        answers.push(first === "denied" ? denied(subject) : tooLargeFor(subject));
      } else if (typeof first === "object") {
        throw new PosthornError(
          "transport-full",
          `Cannot send to ${subject}: its stream takes nothing: ${first.why}`,
        );
      }
    }
    return answers;
  }

  #chain(messages: readonly Outgoing[]): Outgoing[] {
    const name = this.#names();
    return messages.map((message, index) => {
      const last = index === 0 ? undefined : { "Nats-Expected-Last-Msg-Id": `${name}-${index - 1}` };
      return { ...message, headers: { ...message.headers, "Nats-Msg-Id": `${name}-${index}`, ...last } };
    });
  }
}

function outcomeOf(answer: Answer): Outcome {
  if (answer === "unheard" || answer === "denied") return answer;
  const { error, seq, duplicate } = jsonOf<Acknowledgement>(answer as Message) ?? {};
  if (error?.err_code === wrongLastId || duplicate) return "broken"; // a duplicate is a name that somebody has forged
  if (error !== undefined && tooLarge.includes(error.err_code)) return "too-large";
  if (error !== undefined) return { why: `${error.description} (${error.err_code})` };
  return seq === undefined ? { why: "what has answered is no stream" } : "stored";
}

/** Nobody has declared what listens to a subject. */
export function noReceiver(subject: string): Refusal {
  return { code: "no-receiver", message: `Cannot send to ${subject}: no service listens to it` };
}

/** The server does not allow a subject. */
export function denied(subject: string): Refusal {
  return {
    code: "refused",
    message: `Cannot send to ${subject}: the user of this program may not publish there`,
  };
}

function tooSlow(subject: string): PosthornError {
  return new PosthornError(
    "transport-unavailable",
    `Cannot send to ${subject}: its stream has not taken all within ${sendMs} ms`,
  );
}

function tooLargeFor(subject: string): Refusal {
  return {
    code: "too-large",
    message: `Cannot send to ${subject}: the message, or its headers, are larger than its stream allows`,
  };
}
