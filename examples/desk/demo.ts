import { sqlite, type System } from "@posthorn/posthorn";
import { deadline } from "@std/async";
import { tokenOf } from "./access.ts";
import { check } from "./check.ts";
import { Client } from "./client.ts";
import { countedBy } from "./counts.ts";
import { type Example, examples, exampleSecret } from "./deliveries.ts";
import type { Evidence, SurveyEvidence } from "./evidence.ts";
import { openSystem, reviewers } from "./open_system.ts";
import { plan, type Sending } from "./plan.ts";
import { Progress } from "./progress.ts";
import type { AuditNumbers, LabelTotals, Numbers, Offer, PullRequest, Recorded } from "./protocols.ts";
import { replay, type Replayed } from "./replay.ts";
import { report } from "./report.ts";
import { ServedDesk } from "./served_desk.ts";
import { waitUntil } from "./wait_until.ts";
import { readWebhook } from "./webhook.ts";

export interface DemoOptions {
  readonly examples: readonly Example[];
  readonly rounds: number;
  readonly seed: number;
  /** The actors, ready to be spoken to. */
  readonly open?: () => Promise<System>;
  /** Whether the system is stopped in the middle and opened again: what it had accepted must be in its store. */
  readonly restarts?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

const secrets = { webhooks: exampleSecret, tokens: "a token for each repository" };
/** How many of the last deliveries come again after a restart. */
const repeatedAfterRestart = 20;
/** The pull request of the examples. */
const pullRequest: PullRequest = {
  repository: "Codertocat/Hello-World",
  number: 2,
  author: "Codertocat",
  language: "Ruby",
};
const settleTimeoutMs = 30_000;

/** Serves a desk, speaks to it over HTTP in all five modes, and closes everything. */
export async function demo(options: DemoOptions): Promise<Evidence> {
  await using served = await ServedDesk.open(options.open ?? openSystem, secrets);
  return await converse(served, options);
}

async function converse(served: ServedDesk, options: DemoOptions): Promise<Evidence> {
  const client = new Client(served.origin);
  const parts = options.restarts ? inTwo(plan(options.examples, options)) : [plan(options.examples, options)];
  const sendings = parts.flat();
  const streamed: Recorded[] = [];
  const replays: Replayed[] = [];
  let restarted: Evidence["restarted"];
  // Subscribe before anything happens, then let it happen.
  const listening = new AbortController();
  const stream = listen(client, listening.signal, (recorded) => streamed.push(recorded));
  await deadline(stream.open, settleTimeoutMs);
  for (const [index, part] of parts.entries()) {
    if (index > 0) {
      await waitUntil(() => streamed.length > 0, { timeoutMs: settleTimeoutMs }); // the stream knows where to go on
      restarted = { waiting: await served.restart() };
    }
    const before = replays.reduce((sum, { answers }) => sum + answers.length, 0);
    replays.push(
      await replay(served.origin, part, {
        secret: secrets.webhooks,
        onAnswer: (answered) => options.onProgress?.(before + answered, sendings.length),
      }),
    );
  }
  const { system } = served;
  await rest(system);
  const expected = newIn(sendings);
  await waitUntil(() => streamed.length >= expected.length, { timeoutMs: settleTimeoutMs });

  const keys = [...new Set(expected.map(({ event, body }) => readWebhook(event, body).key))];
  const repositories = new Map<string, Numbers>();
  for (const key of keys) {
    repositories.set(
      key,
      await client.ask<Numbers>(`${pathOf(key)}/numbers`, await tokenOf(secrets.tokens, key)),
    );
  }
  const refused = await client.post(`${pathOf(keys[0])}/numbers`, {
    token: await tokenOf(secrets.tokens, "other"),
  });
  await refused.body?.cancel();
  const evidence = {
    report: await orderReport(client, keys[0]),
    // One question that waits for all, and one for which a single answer is enough.
    surveys: [
      await askAround(client, system, "all in 200 ms", "timeoutMs=200"),
      await askAround(client, system, "the first answer", "timeoutMs=200&max=1"),
    ],
    audit: await client.ask<AuditNumbers>("/actors/audit/desk/numbers"),
    labels: await client.ask<LabelTotals>("/actors/labels/desk/totals"),
  };
  listening.abort();
  await stream.ended;
  return {
    ...evidence,
    store: system.health.store?.name,
    restarted,
    sendings,
    replayed: {
      answers: replays.flatMap(({ answers }) => answers),
      durationMs: replays.reduce((sum, { durationMs }) => sum + durationMs, 0),
    },
    repositories,
    askedWithoutToken: refused.status,
    streamed,
    stats: served.stats,
    deadLetters: countedBy(system.deadLetters.list(), ({ reason }) => reason),
  };
}

function newIn(sendings: readonly Sending[]): Sending[] {
  return sendings.filter(({ kind }) => kind === "new");
}

/** The first half, and the second; which begins with some of the first that come again. */
function inTwo(sendings: readonly Sending[]): Sending[][] {
  const half = Math.ceil(sendings.length / 2);
  const first = sendings.slice(0, half);
  const again = newIn(first).slice(-repeatedAfterRestart).map((sending): Sending => ({
    ...sending,
    kind: "repeated",
  }));
  return [first, [...again, ...sendings.slice(half)]];
}

interface Listening {
  /** Resolves when the stream is open: what is published from then on is heard. */
  readonly open: Promise<void>;
  readonly ended: Promise<void>;
}

function listen(client: Client, signal: AbortSignal, hear: (recorded: Recorded) => void): Listening {
  const { promise: open, resolve, reject } = Promise.withResolvers<void>();
  const ended = (async () => {
    try {
      for await (const recorded of client.events<Recorded>("/events/repository/recorded", signal, resolve)) {
        hear(recorded);
      }
    } catch (error) {
      if (!signal.aborted) reject(error);
    }
  })();
  return { open, ended };
}

/** Orders a report, and collects it where the ticket says. */
async function orderReport(client: Client, key: string): Promise<Evidence["report"]> {
  const token = await tokenOf(secrets.tokens, key);
  const ordered = await client.post(`${pathOf(key)}/report`, { token });
  await ordered.body?.cancel();
  const collected = await client.collect(ordered.headers.get("location") ?? "", token);
  return { ordered: ordered.status, collected: collected.status, text: await collected.json() };
}

/** Asks all reviewers, and waits until those who were too late have answered too. */
async function askAround(
  client: Client,
  system: System,
  question: string,
  limits: string,
): Promise<SurveyEvidence> {
  const willing = Object.entries(reviewers)
    .filter(([login, { languages }]) =>
      login !== pullRequest.author && languages.includes(pullRequest.language)
    )
    .map(([login]) => login);
  const offers: Offer[] = [];
  let end = "";
  for await (const line of client.survey<SurveyLine>(`/surveys/reviewer/review?${limits}`, pullRequest)) {
    if ("done" in line) end = line.done;
    else offers.push(line.reply);
  }
  await rest(system);
  return { question, offers, end, willing };
}

type SurveyLine = { readonly reply: Offer } | { readonly done: string };

/** Waits until nobody has anything left to do. */
async function rest(system: System): Promise<void> {
  const resting = () => {
    const { waiting, running } = system.stats();
    return waiting + running === 0;
  };
  await waitUntil(resting, { timeoutMs: settleTimeoutMs });
}

/** Does something in a temporary folder, and removes it. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-desk-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function pathOf(key: string): string {
  return `/actors/repository/${encodeURIComponent(key)}`;
}

// deno task demo: on a SQLite file in a temporary folder; deno task demo --memory: without a store
if (import.meta.main) {
  const progress = new Progress("Delivering");
  const run = (open: () => Promise<System>, restarts: boolean) =>
    demo({
      examples,
      rounds: 5,
      seed: 1,
      open,
      restarts,
      onProgress: (done, total) => progress.show(done, total),
    });
  const evidence = Deno.args.includes("--memory")
    ? await run(openSystem, false)
    : await inFolder((folder) => {
      const store = sqlite(`${folder}/desk.db`);
      return run(() => openSystem({ store }), true);
    });
  const faults = check(evidence);
  console.log(`\n${report(evidence)}\n`);
  console.log(faults.length === 0 ? "Nothing was lost, nothing came twice." : faults.join("\n"));
  if (faults.length > 0) Deno.exitCode = 1;
}
