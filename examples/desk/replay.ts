import { sign } from "@octokit/webhooks-methods";
import { pooledMap, retry } from "@std/async";
import { examples, exampleSecret } from "./deliveries.ts";
import { type Kind, plan, type Sending } from "./plan.ts";

/** What the desk said to one request, and how long that took. */
export interface Answer {
  readonly kind: Kind;
  readonly status: number;
  readonly durationMs: number;
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

/** Sends webhooks to a desk as GitHub does, so many at a time. */
export async function replay(
  origin: string,
  sendings: readonly Sending[],
  { secret, concurrency = 32, onAnswer }: ReplayOptions,
): Promise<Replayed> {
  const requests = await Promise.all(sendings.map((sending) => requestOf(origin, sending, secret)));
  const answers: Answer[] = [];
  const beganMs = performance.now();
  for await (
    const answer of pooledMap(concurrency, requests, async ({ kind, request }): Promise<Answer> => {
      const sentMs = performance.now();
      const status = await deliver(request);
      return { kind, status, durationMs: performance.now() - sentMs };
    })
  ) {
    answers.push(answer);
    onAnswer?.(answers.length);
  }
  return { answers, durationMs: performance.now() - beganMs };
}

/** Sends one webhook, and again when the desk says that it has no place now: the id makes that safe. */
async function deliver(request: Request): Promise<number> {
  return await retry(async () => {
    const response = await fetch(request.clone());
    await response.body?.cancel();
    if (response.status === 429) throw new Error("The desk has no place now");
    return response.status;
  }, { maxAttempts: 5, minTimeout: 1_000 });
}

async function requestOf(
  origin: string,
  { kind, id, event, body }: Sending,
  secret: string,
): Promise<{ readonly kind: Kind; readonly request: Request }> {
  const headers = new Headers({
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/example",
    "x-github-event": event,
    "x-github-delivery": id,
  });
  if (kind !== "unsigned") {
    headers.set("x-hub-signature-256", await sign(kind === "forged" ? `not ${secret}` : secret, body));
  }
  return { kind, request: new Request(`${origin}/webhooks`, { method: "POST", headers, body }) };
}

// deno run -A examples/desk/replay.ts http://127.0.0.1:8000
if (import.meta.main) {
  const [origin = "http://127.0.0.1:8000"] = Deno.args;
  const secret = Deno.env.get("WEBHOOK_SECRET") ?? exampleSecret;
  const run = Date.now().toString(36); // its own ids: what an earlier run delivered would change nothing
  const sendings = plan(examples, { rounds: 1, seed: 1 }).map((sending) => ({
    ...sending,
    id: `${run}-${sending.id}`,
  }));
  try {
    const { answers } = await replay(origin, sendings, { secret, concurrency: 4 });
    const accepted = answers.filter(({ status }) => status === 202).length;
    console.log(`${answers.length} sent, ${accepted} accepted, ${answers.length - accepted} refused.`);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    console.error(`Cannot deliver to ${origin}: ${error.errors[0].cause ?? error.errors[0]}`);
    Deno.exitCode = 1;
  }
}
