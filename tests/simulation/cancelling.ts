import { NotFoundError, OutcomeUnknownError, PosthornError, StoreError } from "@posthorn/posthorn";
import type { Cancellation } from "@posthorn/posthorn";
import type { Clients, Workload } from "./clients.ts";
import type { CommitHistory } from "./commit_history.ts";
import { type Deed, type Job, partsOf } from "./messages.ts";

const actors = ["node/b0", "node/b1", "aside/b0", "aside/b1"];
const deeds: readonly Deed[] = ["write", "write", "wait", "wait", "fail", "fail", "refuse", "leave"];

/** Users who submit, and take back what they submitted: through any process, several at once, and again. */
export function cancelling(history: CommitHistory, fail: (why: string) => void): Workload {
  return { name: "back", count: 40, everyMs: 700, errand };

  async function errand(clients: Clients, tag: string): Promise<void> {
    const actor = clients.pick(actors);
    const { kind, key } = partsOf(actor);
    const does = clients.pick(deeds);
    const more = does === "fail" ? 1 + Math.floor(clients.draw() * 6) : Math.floor(clients.draw() * 4_000);
    const delayMs = clients.pick([undefined, undefined, undefined, 200, 4_000, 20_000]);
    const job: Job = { tag, from: "submit", seq: 0, path: [], does, more, ...clients.delayed(delayMs) };
    const sent = clients.note(actor, job);
    const submit = (noted = sent) =>
      clients.again(noted, async (system) => {
        const { id } = await system.ref(kind, key).submit(kind.work, job, {
          id: tag,
          ...(delayMs && { afterMs: delayMs }),
        });
        return id;
      });
    const id = await submit();
    if (id === undefined) return;
    sent.ticket = id;
    await clients.pause(clients.draw() * clients.pick([0, 200, 2_000, 8_000]));
    const callers = Array.from({ length: clients.pick([1, 1, 2, 3]) }, () => decision(clients, id));
    const told = new Set((await Promise.all(callers)).filter((one) => one !== undefined));
    if (told.size > 0 && clients.draw() < 0.3) {
      const again = await submit({ ...sent }); // it was accepted before, whatever this one is told
      if (again !== undefined && again !== id) fail(`${tag} is submitted again, and has another reply`);
    }
    await clients.pause(clients.draw() * 5_000);
    const last = await decision(clients, id);
    if (last !== undefined) told.add(last);
    if (told.size > 1) fail(`${tag} has two outcomes: ${[...told].join(", ")}`);
    const [outcome] = told;
    if (outcome !== undefined) sent.cancellation = outcome;
    if (outcome === "cancelled" && !history.takenBack.has(`${actor} ${tag}`)) {
      fail(`${tag} is told to be cancelled, and no commit did that`);
    }
  }

  /** What a request is told to be taken back as; `undefined` if the user gives up. */
  async function decision(clients: Clients, id: string): Promise<Cancellation | undefined> {
    for (let attempt = 1; attempt <= 6; attempt++) {
      const outcome = await clients.call((system) => system.ticket(id).cancel({ timeoutMs: 2_000 }));
      if ("value" in outcome) return outcome.value;
      if ("error" in outcome) {
        const { error } = outcome;
        if (error instanceof NotFoundError && error.code === "expired-reply") return undefined; // by another clock
        const passes = error instanceof StoreError || error instanceof OutcomeUnknownError;
        if (!passes && (!(error instanceof PosthornError) || error instanceof NotFoundError)) {
          fail(`who takes back the request of ${id} gets ${error}`);
        }
        if (!passes && error instanceof PosthornError && error.code !== "stopping") {
          fail(`the request of ${id} cannot be taken back: ${error}`);
        }
      }
      await clients.pause(500 + clients.draw() * 2_000);
    }
    return undefined;
  }
}
