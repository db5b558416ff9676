import type { Evidence, SurveyEvidence } from "./evidence.ts";
import { reviewers } from "./open_system.ts";
import type { Kind } from "./plan.ts";
import { type Numbers, subjectOf } from "./protocols.ts";
import { table } from "./table.ts";

/** Formats the observations of a run: a table for each mode, then the totals. */
export function report(evidence: Evidence): string {
  return [
    stored(evidence),
    ...killed(evidence),
    section("notification (tell): POST /webhooks, as GitHub sends them", told(evidence)),
    section(
      "request / synchronous response (ask): POST /api/actors/repository/{key}/numbers, with the repository's own token",
      asked(evidence),
    ),
    section(
      "request / asynchronous response (submit): POST /api/actors/repository/{key}/report, collected at its Location",
      submitted(evidence),
    ),
    section(
      "publish / subscribe: the repositories publish, the others subscribe by subject",
      published(evidence),
    ),
    section(
      "publish / asynchronous response (survey): POST /api/surveys/reviewer/review, lines of JSON as they come",
      surveyed(evidence),
    ),
    section(
      `totals: every message is handled or a dead letter${evidence.killed ? ", since the kill" : ""}`,
      handled(evidence),
      equations(evidence),
    ),
    speed(evidence),
  ].join("\n\n");
}

function stored({ store, services }: Evidence): string {
  if (store === undefined) return "store: none, all in memory";
  const where = services === 1 ? store : `${store}, one for each of ${services} services over a broker`;
  return `store: ${where}; a delivery is answered when it is committed`;
}

function killed({ killed, replayed, services }: Evidence): string[] {
  if (killed === undefined) return [];
  const again = replayed.answers.filter(({ attempts }) => attempts > 1).length;
  return [section(
    services === 1
      ? "kill: the process that serves got SIGKILL amid requests, and another was started on its store"
      : "kill: the process of each service got SIGKILL amid requests, and another was started on its store",
    table(
      ["down for", "messages that waited in the store", "deliveries that had no answer and were sent again"],
      [[`${Math.round(killed.downMs)} ms`, killed.waiting, again]],
    ),
  )];
}

function told({ replayed, repositories }: Evidence): string {
  const recorded: Readonly<Record<Kind, string>> = {
    new: number(recordedIn(repositories)),
    repeated: "as the first",
    forged: "no trace",
    unsigned: "no trace",
  };
  return table(
    ["delivery", "sent", "answer", "recorded"],
    (Object.keys(recorded) as Kind[]).map((kind) => {
      const answers = replayed.answers.filter((answer) => answer.kind === kind);
      const statuses = new Set(answers.map(({ status }) => status));
      return [kind, answers.length, [...statuses].join(", "), recorded[kind]];
    }),
  );
}

function asked({ repositories }: Evidence): string {
  const byDeliveries = [...repositories].sort(([, one], [, other]) => other.deliveries - one.deliveries);
  return table(
    ["repository", "deliveries", "event types", "latest"],
    byDeliveries.map(([key, { deliveries, byEvent, latest: [latest] }]) => {
      return [key, deliveries, Object.keys(byEvent).length, latest === undefined ? "" : subjectOf(latest)];
    }),
  );
}

function submitted({ report: { ordered, collected, text } }: Evidence): string {
  return table(
    ["step", "answer", "what came"],
    [["order", String(ordered), "a ticket"], ["collect", String(collected), text.split("\n")[2] ?? ""]],
  );
}

function published({ audit, labels, streamed }: Evidence): string {
  return table(
    ["subscriber", "subject", "heard"],
    [
      ["audit log", "every", audit.deliveries],
      ["label counter, set", "*.labeled", sum(labels.set)],
      ["label counter, removed", "*.unlabeled", sum(labels.removed)],
      ["label counter, edited", "label.>", sum(labels.edited)],
      ["event stream (HTTP)", "every", streamed.length],
    ],
  );
}

function surveyed({ surveys }: Evidence): string {
  return table(
    ["reviewer", ...surveys.map(({ question }) => question)],
    [
      ...Object.keys(reviewers).map((login) => [login, ...surveys.map((survey) => partOf(login, survey))]),
      ["ended by", ...surveys.map(({ end }) => end)],
    ],
  );
}

function partOf(login: string, { offers, willing }: SurveyEvidence): string {
  if (offers.some(({ reviewer }) => reviewer === login)) return "answered";
  return willing.includes(login) ? "too late" : "abstained";
}

function handled({ stats }: Evidence): string {
  const busy = Object.entries(stats.protocols).filter(([, { done }]) => done > 0);
  return table(
    ["protocol", "actors", "handled"],
    busy.map(([name, { actors, done }]) => [name, actors, done]),
  );
}

function equations({ sendings, repositories, audit, streamed, stats }: Evidence): string {
  const sent = sendings.filter(({ kind }) => kind === "new").length;
  const dead = Object.entries(stats.deadLetters).map(([reason, count]) => `${count} ${reason}`).join(", ");
  return [
    `  ${number(sent)} new deliveries = ${number(recordedIn(repositories))} recorded by repositories` +
    ` = ${number(audit.deliveries)} in the audit log = ${number(streamed.length)} on the event stream`,
    `  ${number(stats.accepted)} messages = ${number(stats.done)} handled + ${number(stats.dead)} dead (${
      dead || "none"
    })`,
  ].join("\n");
}

function speed({ replayed: { answers, durationMs } }: Evidence): string {
  const durations = answers.map((answer) => answer.durationMs).sort((one, other) => one - other);
  const quantile = (part: number) => durations[Math.floor(part * (durations.length - 1))].toFixed(1);
  return `${number(answers.length)} requests in ${(durationMs / 1_000).toFixed(2)} s: ` +
    `${number(Math.round(1_000 * answers.length / durationMs))} a second, ` +
    `p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`;
}

function section(heading: string, ...parts: string[]): string {
  return [heading, ...parts].join("\n\n");
}

function recordedIn(repositories: ReadonlyMap<string, Numbers>): number {
  return Array.from(repositories.values(), ({ deliveries }) => deliveries).reduce(
    (one, other) => one + other,
    0,
  );
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((one, other) => one + other, 0);
}

function number(value: number): string {
  return value.toLocaleString("en");
}
