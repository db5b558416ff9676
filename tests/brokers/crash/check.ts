import type { History, Stream } from "./history.ts";
import { numbersOf } from "./runs.ts";

/** What is wrong, each as `stream number`; and how much there was. */
export interface Verdict {
  readonly sent: number;
  readonly accepted: number;
  readonly received: number;
  readonly answered: number;
  /** Accepted, or answered, and not received. */
  readonly lost: readonly string[];
  /** Received more than once. */
  readonly doubled: readonly string[];
  /** Received after one that was sent later. */
  readonly reordered: readonly string[];
  /** Received, though refused or never sent. */
  readonly untrue: readonly string[];
  /** Answered more than once, or with the answer to another. */
  readonly misanswered: readonly string[];
  /** Accepted submits whose reply does not come, or is a failure. */
  readonly unanswered: readonly string[];
}

/** Compares what was sent with what has been received. */
export function check(history: History): Verdict {
  const faults = {
    lost: [] as string[],
    doubled: [] as string[],
    reordered: [] as string[],
    untrue: [] as string[],
    misanswered: [] as string[],
    unanswered: history.unanswered,
  };
  let [sent, accepted, received, answered] = [0, 0, 0, 0];
  for (const name of new Set([...history.streams.keys(), ...history.received.keys()])) {
    const stream = history.streams.get(name);
    const seen = new Set<number>();
    let latest = 0;
    for (const number of numbersOf(history.received.get(name) ?? [])) {
      received++;
      const outcome = stream?.outcomes.get(number) ?? "never sent";
      if (outcome === "refused" || outcome === "never sent") {
        faults.untrue.push(`${name} ${number}: ${outcome}`);
      }
      if (seen.has(number)) faults.doubled.push(`${name} ${number}`);
      else if (number < latest && stream?.promised === "in order") {
        faults.reordered.push(`${name} ${number} after ${latest}`);
      }
      seen.add(number);
      latest = Math.max(latest, number);
    }
    if (stream === undefined) continue;
    sent += stream.outcomes.size;
    for (const [number, outcome] of stream.outcomes) {
      if (outcome === "accepted") accepted++;
      if (mustBeThere(stream, number) && !seen.has(number)) faults.lost.push(`${name} ${number}`);
    }
    for (const [number, answers] of stream.answers) {
      answered++;
      if (answers.length !== 1 || answers[0] !== number) {
        faults.misanswered.push(`${name} ${number}: ${answers.join(" and ")}`);
      }
    }
  }
  return { sent, accepted, received, answered, ...faults };
}

/** One line for a person. */
export function summaryOf(verdict: Verdict): string {
  const { sent, accepted, received, answered, lost, doubled, reordered, untrue, misanswered, unanswered } =
    verdict;
  return `${sent} sent, ${accepted} accepted, ${received} received, ${answered} answered: ${lost.length} lost, ` +
    `${doubled.length} doubled, ${reordered.length} reordered, ${untrue.length} untrue, ` +
    `${misanswered.length} misanswered, ${unanswered.length} unanswered`;
}

/** The first ten faults of each kind. */
export function faultsOf(verdict: Verdict): string[] {
  const { lost, doubled, reordered, untrue, misanswered, unanswered } = verdict;
  return Object.entries({ lost, doubled, reordered, untrue, misanswered, unanswered }).flatMap((
    [kind, faults],
  ) => faults.slice(0, 10).map((fault) => `${kind}: ${fault}`));
}

function mustBeThere(stream: Stream, number: number): boolean {
  return stream.promised === "at most once"
    ? stream.answers.has(number)
    : stream.outcomes.get(number) === "accepted";
}
