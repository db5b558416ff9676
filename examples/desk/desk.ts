import type { System } from "@posthorn/posthorn";
import { console as posthornConsole } from "@posthorn/posthorn/console";
import { ingress } from "@posthorn/posthorn/http";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { NONCE, secureHeaders, type SecureHeadersVariables } from "hono/secure-headers";
import { isSigned } from "./access.ts";
import { livePage } from "./live_page.tsx";
import { problem, problemOf } from "./problem.ts";
import { Audit, Labels, Repository, Reviewer } from "./protocols.ts";
import { readBody } from "./read_body.ts";
import type { Secrets } from "./secrets.ts";
import { readStats, systemStats } from "./stats.ts";
import { readWebhook, type Webhook } from "./webhook.ts";

const webhookBytesMax = 25_000_000; // GitHub's maximum

/**
 * The content security policy of the page: only its own script and style run, it connects only to the desk,
 * and it cannot be framed.
 */
const contentSecurityPolicy = {
  defaultSrc: ["'none'"],
  scriptSrc: [NONCE],
  styleSrc: [NONCE],
  connectSrc: ["'self'"],
  imgSrc: ["data:"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/**
 * The webhook desk over HTTP: the endpoint for GitHub, the ingress under `/api`, a page with the latest deliveries, and the
 * console of the system under `/console`, for this machine alone.
 */
export function desk(system: System, secrets: Secrets): Hono<{ Variables: SecureHeadersVariables }> {
  const app = new Hono<{ Variables: SecureHeadersVariables }>();
  app.onError((error) => problemOf(error));
  app.route("/console", posthornConsole(system, { actions: true })); // before the policy of the other pages
  app.use(secureHeaders({ contentSecurityPolicy, xFrameOptions: "DENY" }));

  app.post("/webhooks", async (context) => {
    const body = await readBody(context.req.raw, webhookBytesMax);
    if (body === 413) return problem(413, "too-large", `The body is larger than ${webhookBytesMax} bytes`);
    if (body === 400) return problem(400, "incomplete-body", "The body broke off");
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
    // GitHub redelivers what it considers lost: a repeated id has no effect.
    await system.ref(Repository, webhook.key).tell(Repository.record, webhook.delivery, { id });
    return context.json({ id }, 202);
  });

  // Requests to a repository need the token of that repository.
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

  app.get("/system", (context) => context.json(systemStats(system)));
  app.get("/stats", async (context) => context.json(await readStats(system)));
  app.get("/", async (context) => {
    const [{ latest }, stats] = await Promise.all([
      system.ref(Audit, "desk").ask(Audit.numbers),
      readStats(system),
    ]);
    return context.html(livePage(latest, stats, context.get("secureHeadersNonce") ?? ""));
  });
  return app;
}

/** What a service of the desk serves over HTTP that is not the intake: its health, its statistics, and its console. */
export function backOffice(system: System): Hono {
  const app = new Hono();
  app.route("/console", posthornConsole(system, { actions: true }));
  app.route("/api", ingress(system, { expose: [] }));
  app.get("/system", (context) => context.json(systemStats(system)));
  return app;
}
