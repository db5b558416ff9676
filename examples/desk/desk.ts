import { ingress, type System } from "@posthorn/posthorn";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { bodyLimit } from "hono/body-limit";
import { isSigned } from "./access.ts";
import { livePage } from "./live_page.tsx";
import { problem, problemOf } from "./problem.ts";
import { Audit, Labels, Repository, Reviewer } from "./protocols.ts";
import { readStats } from "./stats.ts";
import { readWebhook, type Webhook } from "./webhook.ts";

/** What only GitHub and the desk know, and what only the desk knows. */
export interface Secrets {
  readonly webhooks: string;
  readonly tokens: string;
}

const webhookBytesMax = 25_000_000; // GitHub sends no more

/** The webhook desk over HTTP: GitHub's way in, the actors' own routes under `/api`, and a live page. */
export function desk(system: System, secrets: Secrets): Hono {
  const app = new Hono();
  app.onError((error) => problemOf(error));

  app.post("/webhooks", bodyLimit({ maxSize: webhookBytesMax }), async (context) => {
    const body = await context.req.text();
    const signature = context.req.header("x-hub-signature-256") ?? "";
    if (!await isSigned(secrets.webhooks, body, signature)) {
      return problem(401, "wrong-signature", "X-Hub-Signature-256 does not sign this body");
    }
    const event = context.req.header("x-github-event");
    const id = context.req.header("x-github-delivery");
    if (event === undefined || id === undefined) {
      return problem(400, "no-delivery", "X-GitHub-Event and X-GitHub-Delivery must say what this is");
    }
    let webhook: Webhook;
    try {
      webhook = readWebhook(event, body);
    } catch {
      return problem(400, "no-webhook", "The body is no webhook's");
    }
    // GitHub delivers again what it thinks was lost: the same id changes nothing.
    await system.ref(Repository, webhook.key).tell(Repository.record, webhook.delivery, { id });
    return context.json({ id }, 202);
  });

  // What a repository says about itself needs the token of that repository.
  app.use(
    "/api/actors/repository/:key/*",
    bearerAuth({
      verifyToken: (token, context) =>
        isSigned(secrets.tokens, context.req.param("key") ?? "", `sha256=${token}`),
    }),
  );
  app.route(
    "/api",
    ingress(system, {
      expose: [
        Repository.numbers,
        Repository.report,
        Repository.recorded,
        Audit.numbers,
        Labels.totals,
        Reviewer.review,
      ],
    }),
  );

  app.get("/stats", async (context) => context.json(await readStats(system)));
  app.get("/", async (context) => {
    const [{ latest }, stats] = await Promise.all([
      system.ref(Audit, "desk").ask(Audit.numbers),
      readStats(system),
    ]);
    return context.html(livePage(latest, stats));
  });
  return app;
}
