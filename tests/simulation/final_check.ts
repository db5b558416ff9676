import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Sent } from "./clients.ts";
import { type Answer, entryOf, type Job, onlyReads, overflowOf, partsOf, tagOf } from "./messages.ts";

export interface FinalCheckOptions {
  readonly history: CommitHistory;
  readonly clients: Clients;
  readonly subscribers: readonly string[];
  /** When they subscribed. */
  readonly sinceMs: number;
  /** Whether only poison messages may be given up because processes crashed. */
  readonly innocents: boolean;
  readonly fail: (why: string) => void;
}

/** The invariants of a system at rest. */
export function checkAtRest(
  { history, clients, subscribers, sinceMs, innocents, fail }: FinalCheckOptions,
): void {
  for (const sent of clients.sent) judgeSent(history, sent, innocents, fail);
  if (clients.ignored > 0) fail(`${clients.ignored} calls were never answered`);
  judgeMails(history, fail);
  judgeEvents(history, subscribers, sinceMs, fail);
  judgeOrder(history, clients.unordered, fail);
  judgeAnswers(history, fail);
}

function judgeSent(
  history: CommitHistory,
  sent: Sent,
  innocents: boolean,
  fail: (why: string) => void,
): void {
  const { actor, job, outcome, answer } = sent;
  const name = `${actor} ${job.tag}`;
  const done = history.effects.get(name) ?? 0;
  const death = history.deaths.get(name);
  const died = death === undefined || done > 0 ? 0 : 1;
  const back = history.takenBack.has(name) ? 1 : 0;
  const erased = history.erased.has(name) ? 1 : 0;
  const ends = `${done} effects, ${died} deaths, ${back} times taken back, ${erased} times erased`;
  if (outcome === "refused" && done + died + erased > 0) {
    fail(`${name} was refused (${sent.why}) and is there`);
  }
  if (outcome === "accepted" && done + died + back + erased !== 1) fail(`${name} was accepted: ${ends}`);
  if (done + died + back + erased > 1) fail(`${name}: ${ends}`);
  const ended = done === 1 ? "done" : back === 1 ? "cancelled" : "failed";
  if (sent.cancellation !== undefined && sent.cancellation !== ended) {
    fail(`${name} is ${ended}, and who took it back was told ${sent.cancellation}`);
  }
  const mayDie = job.does === "refuse" || job.does === "once" || job.does === "poison" ||
    (actor.startsWith("glass") && !innocents) || actor.startsWith("frail");
  const overflow = overflowOf(partsOf(actor).protocol);
  const reasons = ["mailbox-full", "too-large", ...(overflow === undefined ? [] : ["dropped"])];
  if (job.does === "stamp") reasons.push("unknown-operation"); // its time is in the history
  if (job.timeoutMs !== undefined) reasons.push("deadline");
  if (job.from === "ask") reasons.push("deadline");
  else if (overflow !== undefined && sent.why === "mailbox-full") fail(`${name} was refused: ${overflow}`);
  const counted = !innocents && (death?.message.includes("its process ended") ?? false);
  if (died === 1 && !mayDie && !counted && !reasons.includes(death!.reason)) {
    fail(`${name} is a dead letter: ${death!.reason} ${death!.message}`);
  }
  if ((job.does === "refuse" || job.does === "spoil") && done > 0) {
    fail(`${name} was to fail and took effect`);
  }
  if (answer !== undefined && answer.tag !== job.tag) fail(`${name} is answered ${answer.tag}`);
  if (answer !== undefined && done === 1) {
    const found = history.actors.get(actor)!.log[answer.at - 1];
    if (entryOf(found ?? "").tag !== job.tag) fail(`${name} is answered ${answer.at}, where ${found} is`);
  }
  if (sent.ticket !== undefined) judgeReply(history, sent, done, fail);
}

/** Every message in a mailbox, from outside or from a turn, is done, dead or erased exactly once. */
function judgeMails(
  { mails, effects, deaths, takenBack, erased }: CommitHistory,
  fail: (why: string) => void,
): void {
  const names = new Set<string>();
  for (const { actor, tag } of mails.values()) {
    if (partsOf(actor).kind !== undefined && !onlyReads(tag)) names.add(`${actor} ${tag}`);
  }
  for (const name of names) {
    const done = effects.get(name) ?? 0;
    if (takenBack.has(name)) continue; // what was sent of it is judged
    if (erased.has(name) && done === 0) continue;
    if (done !== 1 && !(done === 0 && deaths.has(name))) fail(`${name} came, and has ${done} effects`);
  }
}

/** The kept reply states the outcome of the submit. */
function judgeReply(
  history: CommitHistory,
  { job, actor, ticket = "" }: Sent,
  done: number,
  fail: (why: string) => void,
): void {
  const reply = [...history.replies].find(([key]) => key.endsWith(`\u001f${encodeURIComponent(ticket)}`))
    ?.[1];
  const want = done === 1 ? "done" : "failed";
  if (reply?.status !== want) fail(`the reply of ${job.tag} is ${reply?.status ?? "not there"}, not ${want}`);
  if (reply?.status !== "done") return;
  const { tag, at } = JSON.parse(reply.text) as Answer;
  const found = history.actors.get(actor)!.log[at - 1];
  if (tag !== job.tag || entryOf(found).tag !== tag) fail(`the reply of ${job.tag} is ${reply.text}`);
}

/** Every published event was delivered to each subscriber once. */
function judgeEvents(
  history: CommitHistory,
  subscribers: readonly string[],
  sinceMs: number,
  fail: (why: string) => void,
): void {
  for (const { actor, operation, tag: id, payload, atMs } of history.mails.values()) {
    if (atMs < sinceMs || actor !== "~topic/news.posted" || operation !== "publish") continue;
    if (history.deaths.get(`${actor} ${id}`)?.reason === "too-large") continue; // for its log and one subscriber
    const { tag } = (payload as { payload: { tag: string } }).payload;
    for (const subscriber of subscribers) {
      const name = `${subscriber} heard:${tag}`;
      const over = history.deaths.has(name) || history.erased.has(name) ? 1 : 0;
      if ((history.effects.get(name) ?? 0) + over !== 1) {
        fail(`${subscriber} hears ${tag} ${history.effects.get(name) ?? 0} times`);
      }
    }
  }
}

function judgeOrder(
  history: CommitHistory,
  unordered: ReadonlySet<string>,
  fail: (why: string) => void,
): void {
  for (const [name, { done }] of history.actors) {
    const latest = new Map<string, { seq: number; tag: string }>();
    for (const { tag, from, seq } of done) {
      if (!(seq > 0) || from.startsWith("mayfly/") || unordered.has(tag) || stepsAside(history, name, tag)) {
        continue;
      }
      const before = latest.get(from);
      if (before !== undefined && before.seq >= seq) {
        fail(`${name} handles ${tag} (${seq} of ${from}) after ${before.tag} (${before.seq})`);
      }
      latest.set(from, { seq, tag });
    }
  }
}

/** A failed message that is set aside loses its position. */
function stepsAside(history: CommitHistory, name: string, tag: string): boolean {
  if (!name.startsWith("aside/")) return false;
  for (const mail of history.mails.values()) {
    if (mail.tag === tag && mail.actor === name) return (mail.payload as Job).does === "fail";
  }
  return false;
}

/** Every submit of a turn was answered once, with a reply or a failure. */
function judgeAnswers(history: CommitHistory, fail: (why: string) => void): void {
  for (const { actor, payload, operation } of [...history.mails.values()]) {
    if (operation !== "work") continue;
    const { tag, from } = payload as Job;
    if (!from.includes("/")) continue; // a client's
    if (history.erased.has(`${actor} ${tag}`)) continue; // who waits is told in the commit that erases it
    const name = `${from} ${tagOf("got", { tag, at: 0 }, "")}`;
    const count = history.effects.get(name) ?? 0;
    if (count !== 1 && !history.deaths.has(name)) {
      fail(`${from} is answered ${count} times for ${tag} of ${actor}`);
    }
  }
}
