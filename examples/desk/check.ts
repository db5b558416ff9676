import { countedBy, type Counts } from "./counts.ts";
import type { Evidence } from "./evidence.ts";
import { reviewers } from "./open_system.ts";
import type { Kind } from "./plan.ts";
import type { Recorded } from "./protocols.ts";
import type { Answer } from "./replay.ts";
import { readWebhook } from "./webhook.ts";

const statusExpected: Readonly<Record<Kind, number>> = {
  new: 202,
  repeated: 202,
  forged: 401,
  unsigned: 401,
};

/** The faults of a run: everything that was lost, duplicated or wrongly accepted. Empty if there is none. */
export function check(evidence: Evidence): string[] {
  const { sendings, replayed, repositories, audit, labels, streamed, stats } = evidence;
  const faults: string[] = [];
  const require = (what: string, actual: unknown, expected: unknown) => {
    if (actual !== expected) faults.push(`${what}: ${actual} instead of ${expected}`);
  };
  const requireCounts = (what: string, actual: Counts, expected: Counts) => {
    for (const name of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
      require(`${what} ${name}`, actual[name] ?? 0, expected[name] ?? 0);
    }
  };

  require("answers", replayed.answers.length, sendings.length);
  for (const { kind, status } of replayed.answers) {
    require(`a ${kind} delivery`, status, statusExpected[kind]);
  }

  const sent = sendings.filter(({ kind }) => kind === "new");
  const webhooks = sent.map(({ event, body }) => readWebhook(event, body));
  const byRepository = countedBy(webhooks, ({ key }) => key);
  requireCounts(
    "recorded by",
    Object.fromEntries(Array.from(repositories, ([key, { deliveries }]) => [key, deliveries])),
    byRepository,
  );
  require("deliveries in the audit log", audit.deliveries, sent.length);
  requireCounts("in the audit log for", audit.byRepository, byRepository);
  requireCounts("streamed", countedBy(streamed, ({ id }) => id), countedBy(sent, ({ id }) => id));
  for (const id of overtaken(streamed, replayed.answers)) {
    faults.push(`${id} was recorded late: after a delivery that was sent only when it had been accepted`);
  }

  const labelsWhere = (fits: (event: string, action: string | undefined) => boolean) =>
    countedBy(
      webhooks.filter(({ delivery }) => fits(delivery.event, delivery.action)),
      ({ delivery }) => delivery.label ?? "",
    );
  requireCounts("set", labels.set, labelsWhere((_event, action) => action === "labeled"));
  requireCounts("removed", labels.removed, labelsWhere((_event, action) => action === "unlabeled"));
  requireCounts("edited", labels.edited, labelsWhere((event) => event === "label"));

  require("an ask without the token", evidence.askedWithoutToken, 401);
  require("ordering a report", evidence.report.ordered, 202);
  require("collecting a report", evidence.report.collected, 200);

  // Late replies are counted, and there is no dead letter.
  const missed = evidence.surveys.reduce(
    (sum, { willing, offers }) => sum + willing.length - offers.length,
    0,
  );
  // Over a broker a survey may come to a reviewer after its deadline.
  const late = evidence.services === 1 ? 0 : stats.deadLetters.deadline ?? 0;
  requireCounts("dead letters", stats.deadLetters, late === 0 ? {} : { deadline: late });
  require("dead letters in all", stats.dead, late);
  if (late > reviewersAsked(evidence)) faults.push(`${late} dead letters of surveys`);
  // Over a broker, whoever replies drops a reply for which nobody waits any more.
  if (evidence.services === 1) require("replies that came late", stats.lateReplies, missed);
  require("messages that still wait", stats.waiting + stats.running, 0);
  require("messages handled or dead", stats.done + stats.dead, stats.accepted);
  return faults;
}

function reviewersAsked({ surveys }: Evidence): number {
  return surveys.length * Object.keys(reviewers).length;
}

/**
 * The deliveries that were handled after one of the same repository that was sent only after they had been
 * accepted.
 */
function overtaken(streamed: readonly Recorded[], answers: readonly Answer[]): string[] {
  const answerOf = new Map(answers.filter(({ kind }) => kind === "new").map((answer) => [answer.id, answer]));
  const latestSentMs = new Map<string, number>();
  return streamed.filter(({ id, repository }) => {
    const answer = answerOf.get(id);
    if (answer === undefined) return false; // it was not sent, which the count of deliveries shows
    const beforeMs = latestSentMs.get(repository) ?? -Infinity;
    latestSentMs.set(repository, Math.max(answer.sentMs, beforeMs));
    return answer.sentMs + answer.durationMs < beforeMs;
  }).map(({ id }) => id);
}
