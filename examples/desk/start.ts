import { sign } from "@octokit/webhooks-methods";
import type { System } from "@posthorn/posthorn";
import { tokenOf } from "./access.ts";
import { readArguments, refuse } from "./arguments.ts";
import { transportAt } from "./broker.ts";
import { Room } from "./chat.ts";
import { backOffice, desk } from "./desk.ts";
import { deliverFirst } from "./first_delivery.ts";
import { openSystem } from "./open_system.ts";
import { exampleSecret, secretsFault } from "./secrets.ts";
import { storeAt, withoutPassword } from "./store.ts";
import { isServiceName, openService, services } from "./services.ts";

const usage = `deno task start [options]

  --store STORE  keeps the actors in this SQLite file (./posthorn-desk.db), or in postgres://… (?schema=NAME)
  --memory       keeps nothing: the actors end with the process
  --empty        begins with nothing: without it, a new desk begins with a delivery, and a message of it that failed
  --broker URL   as one of three services, over the broker at amqp://…, kafka://… or nats://…
  --service NAME which one: intake (serves HTTP), repositories or audit
  --namespace N  other desks on that broker have another one (desk)
  --help         this

In the environment: HOST (127.0.0.1), PORT (8000), WEBHOOK_SECRET, TOKEN_SECRET`;

const { values: { store, memory, empty, broker, service, namespace = "desk" } } = readArguments(usage, {
  options: {
    store: { type: "string" },
    memory: { type: "boolean" },
    empty: { type: "boolean" },
    broker: { type: "string" },
    service: { type: "string" },
    namespace: { type: "string" },
  },
});
if (memory && store !== undefined) refuse("Either --store or --memory, not both", usage);
if (store === "") refuse("--store needs the name of a file, or postgres://…", usage);
if ((broker === undefined) !== (service === undefined)) refuse("--broker and --service go together", usage);
if (memory && broker !== undefined) refuse("A service on a broker keeps its actors: no --memory", usage);
const path = store ?? (service === undefined ? "./posthorn-desk.db" : `./posthorn-desk-${service}.db`);
const secrets = {
  webhooks: Deno.env.get("WEBHOOK_SECRET") ?? exampleSecret,
  tokens: Deno.env.get("TOKEN_SECRET") ?? crypto.randomUUID(),
};
const host = Deno.env.get("HOST") ?? "127.0.0.1";
const fault = secretsFault(host, secrets);
if (fault !== undefined) {
  console.error(`Cannot open the webhook desk: ${fault}`);
  Deno.exit(1);
}

const room = new Room();
const system = await open();
const hasFailed = broker === undefined && !empty && await deliverFirst(system, room);
const servesAll = service === undefined || service === "intake";
const server = Deno.serve({
  hostname: host,
  port: Number(Deno.env.get("PORT") ?? 8000),
  onListen({ hostname, port }) {
    const origin = `http://${hostname}:${port}`;
    if (servesAll) void printHints(origin);
    else {console.log(
        `The service ${service} of the webhook desk is open: ${origin}\nIts console: ${origin}/console`,
      );}
  },
}, (servesAll ? desk(system, secrets) : backOffice(system)).fetch);

const signals = ["SIGINT", "SIGTERM"] as const;
for (const signal of signals) Deno.addSignalListener(signal, stop);

/** Starts all actors of the desk, or those of one service. */
async function open(): Promise<System> {
  if (broker === undefined || service === undefined) {
    return await openSystem(memory ? { room } : { room, store: storeAt(path) });
  }
  if (!isServiceName(service)) refuse(`--service is one of ${Object.keys(services).join(", ")}`, usage);
  const transport = await transportAt(broker, namespace);
  if (transport === undefined) refuse("--broker is a URL: amqp://…, kafka://… or nats://…", usage);
  return await openService(service, { store: storeAt(path), transport });
}

/**
 * Handles the accepted messages first: the system drains and ends its event streams, then the server is
 * closed.
 */
async function stop(): Promise<void> {
  // a second Ctrl+C ends the process at once
  for (const signal of signals) Deno.removeSignalListener(signal, stop);
  const { left } = await system.stop();
  // Without a limit it would wait for a client that does not end its request, and with Deno 2.5 for an idle
  // connection.
  const late = new Promise((resolve) => setTimeout(resolve, 300, "late"));
  const closed = await Promise.race([server.shutdown(), late]);
  const kept = memory ? "" : ` What waits is in ${withoutPassword(path)}.`;
  console.log(`Stopped; ${left === 0 ? "nothing was" : `${left} messages were`} left.${kept}`);
  if (closed === "late") Deno.exit();
}

async function printHints(origin: string): Promise<void> {
  const body = JSON.stringify({
    action: "created",
    label: { name: "bug" },
    repository: { full_name: "octocat/hello-world" },
    sender: { login: "octocat" },
  });
  const repository = `${origin}/api/actors/repository/octocat%2Fhello-world`;
  const authorization = `authorization: Bearer ${await tokenOf(secrets.tokens, "octocat/hello-world")}`;
  const pullRequest = {
    repository: "octocat/hello-world",
    number: 7,
    author: "Codertocat",
    language: "Ruby",
  };
  console.log(`The webhook desk is open: ${origin}
Its console: ${origin}/console${
    hasFailed ? "\nA message could not be delivered: look there why, and send it again." : ""
  }
${
    memory
      ? "It is in memory, and lost with the process."
      : `It is kept in ${withoutPassword(path)}; --memory keeps nothing.`
  }

Deliver a signed webhook (notification: tell), and watch it arrive on the page:
  curl --json '${body}' \\
    -H 'x-github-event: label' -H "x-github-delivery: $(date +%s)" \\
    -H 'x-hub-signature-256: ${await sign(secrets.webhooks, body)}' \\
    ${origin}/webhooks
Deliver every example (329):
  deno run -A examples/desk/replay.ts ${origin}
Ask a repository for its numbers (request / synchronous response: ask):
  curl --json '' -H '${authorization}' ${repository}/numbers
Order a report (request / asynchronous response: submit), and collect it where its Location says, with the same token:
  curl -i --json '' -H '${authorization}' ${repository}/report
  curl -H '${authorization}' ${origin}/api/replies/{reply}
Follow what happens to labels (publish / subscribe):
  curl -N '${origin}/api/events/repository/recorded?subject=label.>'
Ask around who can review a pull request (publish / asynchronous response: survey):
  curl -N --json '${JSON.stringify(pullRequest)}' '${origin}/api/surveys/reviewer/review?timeoutMs=200'

End it with Ctrl+C.`);
}
