import type { Runs } from "./runs.ts";

/**
 * What a message may become. "in order": each that was accepted has exactly one effect, in the order in which
 * they were sent. "once": exactly one effect, in any order. "at most once": an effect is certain only if an
 * answer has come.
 */
export type Promised = "in order" | "once" | "at most once";

/**
 * What a worker says, a line of JSON each. A stream is all that one sender sends one receiver, with numbers
 * from 1; a worker that starts again is another sender.
 */
export type Report =
  /** It is about to send. */
  | { readonly is: "sending"; readonly stream: string; readonly number: number; readonly promised: Promised }
  /** It was accepted: `await` of the send has returned. */
  | { readonly is: "accepted"; readonly stream: string; readonly number: number }
  /** It was refused, and certainly has no effect. */
  | { readonly is: "refused"; readonly stream: string; readonly number: number; readonly code: string }
  /** Its answer has come: the number that it was about. */
  | { readonly is: "answered"; readonly stream: string; readonly number: number; readonly answer: number }
  /** Its send or its ask failed, and nobody knows whether it has an effect. */
  | { readonly is: "failed"; readonly stream: string; readonly number: number; readonly code: string }
  /** A submit was accepted, and its reply is a failure or does not come. */
  | { readonly is: "unanswered"; readonly stream: string; readonly number: number; readonly code: string }
  /** Dead letters of a service. */
  | { readonly is: "dead"; readonly reason: string; readonly count: number; readonly example: string }
  /** The state of an actor, at the end: it has sent so many in its turns, which are committed. */
  | { readonly is: "committed"; readonly stream: string; readonly count: number; readonly promised: Promised }
  /** The state of an actor, at the end: it has received these. */
  | { readonly is: "received"; readonly stream: string; readonly runs: Runs }
  /** A command of the supervisor has been carried out. */
  | { readonly is: "done"; readonly command: string }
  /** Anything that a person may want to read. */
  | { readonly is: "note"; readonly text: string };

export interface Stream {
  readonly promised: Promised;
  readonly outcomes: Map<number, Outcome>;
  /** The numbers that answers were about. */
  readonly answers: Map<number, readonly number[]>;
}

/** "unknown": it was about to be sent, and nothing more has been heard of it. */
export type Outcome = "unknown" | "accepted" | "refused";

/** All that the workers have said. */
export class History {
  readonly streams: Map<string, Stream> = new Map();
  /** Replies that do not come, or are failures. */
  readonly unanswered: string[] = [];
  /** What has been received, of each stream. */
  received: Map<string, Runs> = new Map();

  add(report: Report): void {
    switch (report.is) {
      case "sending":
        this.#settle(report.stream, report.promised, report.number, "unknown");
        break;
      case "accepted":
      case "refused":
        this.#settle(report.stream, undefined, report.number, report.is);
        break;
      case "answered": {
        const { answers } = this.#settle(report.stream, undefined, report.number, "accepted");
        answers.set(report.number, [...answers.get(report.number) ?? [], report.answer]);
        break;
      }
      case "committed":
        for (let number = 1; number <= report.count; number++) {
          this.#settle(report.stream, report.promised, number, "accepted");
        }
        break;
      case "unanswered":
        this.unanswered.push(`${report.stream} ${report.number}: ${report.code}`);
        break;
      case "received":
        this.received.set(report.stream, report.runs);
        break;
    }
  }

  #settle(name: string, promised: Promised | undefined, number: number, outcome: Outcome): Stream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      if (promised === undefined) throw new Error(`${name} ${number} is ${outcome} and was never sent`);
      stream = { promised, outcomes: new Map(), answers: new Map() };
      this.streams.set(name, stream);
    }
    stream.outcomes.set(number, outcome);
    return stream;
  }
}
