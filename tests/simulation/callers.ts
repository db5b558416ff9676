import { OutcomeUnknownError, StoreError } from "@posthorn/posthorn";
import type { Clients, Workload } from "./clients.ts";
import { type Job, partsOf } from "./messages.ts";

const actors = ["node/c0", "node/c1"];
const names = ["ada", "bob"];
const count = 8;

/**
 * Callers of an ingress: two that use the same ids, each of which sends messages in sequence through any
 * process, with `after` set to the position of the previous one.
 */
export const callers: Workload = { name: "c", count: 2, everyMs: 1_000, errand };

async function errand(clients: Clients, tag: string): Promise<void> {
  const caller = names[Number(tag.slice(1)) - 1];
  const actor = clients.pick(actors);
  let after: string | undefined;
  for (let seq = 1; seq <= count; seq++) {
    const job: Job = { tag: `${tag}.${seq}`, from: caller, seq, path: [], does: "write" };
    const place = await send(clients, actor, job, { id: `${seq}`, caller, after });
    if (place === undefined) return; // its position is unknown, so no message can follow it
    after = place;
    await clients.pause(clients.draw() * 3_000);
  }
}

/**
 * Sends until it is accepted. Resolves with its position; with `undefined` if it was refused, or the outcome
 * is unknown.
 */
async function send(
  clients: Clients,
  actor: string,
  job: Job,
  { after, ...named }: { id: string; caller: string; after: string | undefined },
): Promise<string | undefined> {
  const sent = clients.note(actor, job);
  const { kind, key } = partsOf(actor);
  let open = false;
  for (let attempt = 1; attempt <= 8; attempt++) {
    let place: string | undefined;
    const onAccepted = (at: string) => void (place = at);
    const options = { ...named, ...(after !== undefined && { after }), onAccepted };
    const outcome = await clients.call((system) => system.ref(kind, key).tell(kind.job, job, options));
    if ("value" in outcome) {
      sent.outcome = "accepted";
      return place;
    }
    open ||= "gone" in outcome || outcome.error instanceof OutcomeUnknownError;
    if (!open) clients.settle(sent, outcome);
    if ("error" in outcome && !isPassing(outcome.error)) return undefined;
    sent.outcome = open ? "open" : sent.outcome;
    await clients.pause(500 + clients.draw() * 3_000);
  }
  return undefined;
}

function isPassing(error: unknown): boolean {
  return error instanceof OutcomeUnknownError || error instanceof StoreError;
}
