import { sign } from "@octokit/webhooks-methods";
import { pooledMap, retry } from "@std/async";
import { readArguments, refuse } from "./arguments.ts";
import { examples } from "./deliveries.ts";
import { type Kind, plan, type Sending } from "./plan.ts";
import { exampleSecret } from "./secrets.ts";

/** The answer of the desk to one request, the time of the first attempt, and the duration. */
export interface Answer {
  readonly kind: Kind;
  readonly id: string;
  readonly status: number;
  readonly sentMs: number;
  readonly durationMs: number;
  /** The number of attempts until there was an answer. */
  readonly attempts: number;
}

export interface Replayed {
  readonly answers: readonly Answer[];
  readonly durationMs: number;
}

export interface ReplayOptions {
  readonly secret: string;
  readonly concurrency?: number;
  readonly onAnswer?: (answered: number) => void;
}

/** Resolves with the current URL of the desk when it is available. */
export type Origin = () => Promise<string>;

/** Sends webhooks to a desk as GitHub does, with bounded concurrency. */
export async function replay(
  origin: Origin,
  sendings: readonly Sending[],
  { secret, concurrency = 32, onAnswer }: ReplayOptions,
): Promise<Replayed> {
  const requests = await Promise.all(sendings.map((sending) => requestOf(sending, secret)));
  const answers: Answer[] = [];
  const beganMs = performance.now();
  for await (
    const answer of pooledMap(concurrency, requests, async ({ kind, id, request }): Promise<Answer> => {
      const sentMs = performance.now();
      const { status, attempts } = await deliver(origin, request);
      return { kind, id, status, sentMs, durationMs: performance.now() - sentMs, attempts };
    })
  ) {
    answers.push(answer);
    onAnswer?.(answers.length);
  }
  return { answers, durationMs: performance.now() - beganMs };
}

/**
 * Sends one webhook, and repeats it if the desk has no room or does not answer, which is safe because the id
 * is the same.
 */
async function deliver(origin: Origin, request: RequestInit): Promise<Pick<Answer, "status" | "attempts">> {
  let attempts = 0;
  return await retry(async () => {
    attempts++;
    const response = await fetch(`${await origin()}/webhooks`, request);
    await response.body?.cancel();
    if (response.status === 429) throw new Error("The desk has no room now");
    return { status: response.status, attempts };
  }, { maxAttempts: 8, minTimeout: 100 });
}

async function requestOf(
  { kind, id, event, body }: Sending,
  secret: string,
): Promise<{ readonly kind: Kind; readonly id: string; readonly request: RequestInit }> {
  const headers = new Headers({
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/example",
    "x-github-event": event,
    "x-github-delivery": id,
  });
  if (kind !== "unsigned") {
    headers.set("x-hub-signature-256", await sign(kind === "forged" ? `not ${secret}` : secret, body));
  }
  return { kind, id, request: { method: "POST", headers, body } };
}

const usage = "deno run -A examples/desk/replay.ts [http://127.0.0.1:8000]";

if (import.meta.main) {
  const { positionals } = readArguments(usage, { allowPositionals: true });
  const [origin = "http://127.0.0.1:8000", ...others] = positionals;
  if (!/^https?:\/\//.test(origin)) refuse(`Not the address of a desk: '${origin}'`, usage);
  if (others.length > 0) refuse(`Unexpected argument '${others[0]}'`, usage);
  const secret = Deno.env.get("WEBHOOK_SECRET") ?? exampleSecret;
  const run = Date.now().toString(36); // new ids for each run, because a repeated id has no effect
  const sendings = plan(examples, { rounds: 1, seed: 1 }).map((sending) => ({
    ...sending,
    id: `${run}-${sending.id}`,
  }));
  try {
    const { answers } = await replay(() => Promise.resolve(origin), sendings, { secret, concurrency: 4 });
    const accepted = answers.filter(({ status }) => status === 202).length;
    console.log(`${answers.length} sent, ${accepted} accepted, ${answers.length - accepted} refused.`);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    console.error(`Cannot deliver to ${origin}: ${error.errors[0].cause ?? error.errors[0]}`);
    Deno.exitCode = 1;
  }
}
