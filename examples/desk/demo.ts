import type { Health } from "@posthorn/posthorn";
import { deadline } from "@std/async";
import { tokenOf } from "./access.ts";
import { readArguments, refuse } from "./arguments.ts";
import { transportAt } from "./broker.ts";
import { check } from "./check.ts";
import { Client } from "./client.ts";
import { type Example, examples } from "./deliveries.ts";
import type { Evidence, Killed, SurveyEvidence } from "./evidence.ts";
import { reviewers } from "./open_system.ts";
import { plan, type Sending } from "./plan.ts";
import { Progress } from "./progress.ts";
import type { AuditNumbers, LabelTotals, Numbers, Offer, PullRequest, Recorded } from "./protocols.ts";
import { type Origin, replay } from "./replay.ts";
import { report } from "./report.ts";
import { exampleSecret } from "./secrets.ts";
import { ServedDesk } from "./served_desk.ts";
import { services } from "./services.ts";
import { dropSchema, inSchema, isPostgres } from "./store.ts";
import { addStats, type SystemStats } from "./stats.ts";
import { waitUntil } from "./wait_until.ts";
import { readWebhook } from "./webhook.ts";

export interface DemoOptions {
  readonly examples: readonly Example[];
  readonly rounds: number;
  readonly seed: number;
  /** The URL of the desk. */
  readonly origin: Origin;
  /**
   * Kills the process that serves the desk, and starts another: messages that it had accepted must be in its
   * store.
   */
  readonly restart?: () => Promise<void>;
  /** The URLs of the other services of the desk, if it is several. */
  readonly others?: readonly Origin[];
  readonly onProgress?: (done: number, total: number) => void;
}

/** The secrets of the desk. */
export const secrets = { webhooks: exampleSecret, tokens: "a token for each repository" };
/** The number of last deliveries before the kill that are sent again at the end. */
const repeatedAfterKill = 20;
/** The pull request of the examples. */
const pullRequest: PullRequest = {
  repository: "Codertocat/Hello-World",
  number: 2,
  author: "Codertocat",
  language: "Ruby",
};
const settleTimeoutMs = 30_000;

/** Uses a desk over HTTP in all five modes. */
export async function demo(options: DemoOptions): Promise<Evidence> {
  const client = new Client(options.origin);
  const streamed: Recorded[] = [];
  // Subscribe before anything is sent, then send.
  const listening = new AbortController();
  const stream = listen(client, listening.signal, (recorded) => streamed.push(recorded));
  const conversation = deadline(stream.open, settleTimeoutMs)
    .then(() => converse(client, streamed, options))
    .finally(() => listening.abort());
  const [evidence] = await Promise.all([conversation, stream.ended]);
  return evidence;
}

async function converse(
  client: Client,
  streamed: readonly Recorded[],
  { origin, restart, onProgress, others = [], ...options }: DemoOptions,
): Promise<Evidence> {
  const desk = [client, ...others.map((other) => new Client(other))];
  const planned = plan(options.examples, options);
  const half = Math.ceil(planned.length / 2);
  const sendings = restart === undefined ? planned : [...planned, ...repeatsOf(planned.slice(0, half))];
  const { promise: halfway, resolve: reachHalf } = Promise.withResolvers<void>();
  const [replayed, killed] = await Promise.all([
    replay(origin, sendings, {
      secret: secrets.webhooks,
      onAnswer(answered) {
        if (answered === half) reachHalf();
        onProgress?.(answered, sendings.length);
      },
    }),
    restart && halfway
      // so that it has an event id to resume from
      .then(() => waitUntil(() => streamed.length > 0, { timeoutMs: settleTimeoutMs }))
      .then(() => kill(desk, restart)),
  ]);
  const expected = newIn(sendings);
  await waitUntil(() => streamed.length >= expected.length, { timeoutMs: settleTimeoutMs });
  await rest(desk);
  if (others.length > 0) { // then the audit log may hear of a delivery later than the stream
    const heard = () =>
      auditNumbers(client).then(
        ({ deliveries }) => deliveries >= expected.length,
        () => false, // it refuses asks while its mailbox is full
      );
    await waitUntil(heard, { timeoutMs: settleTimeoutMs });
    await rest(desk);
  }

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
  return {
    store: (await client.get<Health>("/api/healthz")).store?.name,
    killed,
    sendings,
    replayed,
    repositories,
    askedWithoutToken: refused.status,
    report: await orderReport(client, keys[0]),
    // One survey that waits for all replies, and one that ends with the first.
    surveys: [
      await askAround(desk, "all in 200 ms", "timeoutMs=200"),
      await askAround(desk, "the first answer", "timeoutMs=200&max=1"),
    ],
    audit: await auditNumbers(client),
    labels: await client.ask<LabelTotals>("/actors/labels/desk/totals"),
    streamed,
    stats: await statsOf(desk),
    services: desk.length,
  };
}

function auditNumbers(client: Client): Promise<AuditNumbers> {
  return client.ask("/actors/audit/desk/numbers");
}

/** The statistics of all services together. */
async function statsOf(desk: readonly Client[]): Promise<SystemStats> {
  const all = await Promise.all(desk.map((client) => client.get<SystemStats>("/system")));
  return all.reduce(addStats);
}

function newIn(sendings: readonly Sending[]): Sending[] {
  return sendings.filter(({ kind }) => kind === "new");
}

/** Sends the last deliveries again, as GitHub redelivers those that it considers lost. */
function repeatsOf(sendings: readonly Sending[]): Sending[] {
  return newIn(sendings).slice(-repeatedAfterKill).map((sending) => ({ ...sending, kind: "repeated" }));
}

/** Kills the serving process while requests are in progress, and starts it again. */
async function kill(desk: readonly Client[], restart: () => Promise<void>): Promise<Killed> {
  const killedMs = performance.now();
  await restart();
  const downMs = performance.now() - killedMs;
  const { waiting } = await statsOf(desk);
  return { waiting, downMs };
}

interface Listening {
  /** Resolves when the stream is open: events published from then on are received. */
  readonly open: Promise<void>;
  readonly ended: Promise<void>;
}

function listen(client: Client, signal: AbortSignal, hear: (recorded: Recorded) => void): Listening {
  const { promise: open, resolve } = Promise.withResolvers<void>();
  const ended = (async () => {
    try {
      for await (const recorded of client.events<Recorded>("/events/repository/recorded", signal, resolve)) {
        hear(recorded);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  })();
  return { open, ended };
}

/** Submits a request for a report, and collects the reply at its location. */
async function orderReport(client: Client, key: string): Promise<Evidence["report"]> {
  const token = await tokenOf(secrets.tokens, key);
  const ordered = await client.post(`${pathOf(key)}/report`, { token });
  await ordered.body?.cancel();
  const collected = await client.collect(ordered.headers.get("location") ?? "", token);
  return { ordered: ordered.status, collected: collected.status, text: await collected.json() };
}

/** Surveys all reviewers, and waits until late ones have replied too. */
async function askAround(desk: readonly Client[], question: string, limits: string): Promise<SurveyEvidence> {
  const willing = Object.entries(reviewers)
    .filter(([login, { languages }]) =>
      login !== pullRequest.author && languages.includes(pullRequest.language)
    )
    .map(([login]) => login);
  const offers: Offer[] = [];
  let end = "";
  for await (const line of desk[0].survey<SurveyLine>(`/surveys/reviewer/review?${limits}`, pullRequest)) {
    if ("done" in line) end = line.done;
    else offers.push(line.reply);
  }
  await rest(desk);
  return { question, offers, end, willing };
}

type SurveyLine = { readonly reply: Offer } | { readonly done: string };

/** Waits until no actor has work left, and nothing waits for the broker. */
async function rest(desk: readonly Client[]): Promise<void> {
  const resting = async () => {
    const { waiting, running, outbox = {} } = await statsOf(desk);
    return waiting + running === 0 && Object.values(outbox).every((lane) => lane.waiting === 0);
  };
  await waitUntil(resting, { timeoutMs: settleTimeoutMs });
}

function pathOf(key: string): string {
  return `/actors/repository/${encodeURIComponent(key)}`;
}

const usage = `deno task demo [options]

  --memory       without a store: nothing is killed, for nothing would be left
  --store URL    in this PostgreSQL, postgres://…, in schemas of its own, which it removes at the end
  --broker URL   as three services over the broker at amqp://…, kafka://… or nats://…
  --help         this`;

if (import.meta.main) {
  const { values: { memory, broker, store } } = readArguments(usage, {
    options: { memory: { type: "boolean" }, broker: { type: "string" }, store: { type: "string" } },
  });
  if (memory && store !== undefined) refuse("Either --memory or --store, not both", usage);
  if (store !== undefined && !isPostgres(store)) refuse("--store is a URL: postgres://…", usage);
  if (memory && broker !== undefined) refuse("Either --memory or --broker, not both", usage);
  if (broker !== undefined && transportAt(broker, "demo") === undefined) {
    refuse("--broker is a URL: amqp://…, kafka://… or nats://…", usage);
  }
  await using stack = new AsyncDisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void stack.disposeAsync().finally(() => Deno.exit(130)));
  }
  const folder = await Deno.makeTempDir({ prefix: "posthorn-desk-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  // Each run begins with empty stores, so it must not meet what another has left in the broker.
  const run = `demo_${crypto.randomUUID().slice(0, 8)}`;
  const namespace = run.replace("_", "-");
  const [served, ...others] = (broker === undefined ? [undefined] : Object.keys(services)).map((service) => {
    const name = service ?? "desk";
    const place = store === undefined ? `${folder}/${name}.db` : inSchema(store, `${run}_${name}`);
    if (store !== undefined) stack.defer(() => dropSchema(place));
    const options = memory ? ["--memory"] : ["--store", place];
    if (broker !== undefined && service !== undefined) {
      options.push("--broker", broker, "--service", service, "--namespace", namespace);
    }
    return stack.use(new ServedDesk(options, secrets));
  });
  const progress = new Progress("Delivering");
  const evidence = await demo({
    examples,
    rounds: 4,
    seed: 1,
    origin: served.origin,
    others: others.map(({ origin }) => origin),
    onProgress: (done, total) => progress.show(done, total),
    ...(!memory && { restart: () => killAll([served, ...others]) }),
  });
  const faults = check(evidence);
  console.log(`\n${report(evidence)}\n`);
  console.log(
    faults.length === 0 ? "Nothing was lost, nothing came twice, all in order." : faults.join("\n"),
  );
  if (faults.length > 0) Deno.exitCode = 1;
}

/** Kills every process of the desk, and starts it again. */
async function killAll(desk: readonly ServedDesk[]): Promise<void> {
  await Promise.all(desk.map((served) => served.restart()));
}
