import type { System } from "@posthorn/posthorn";
import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Workload } from "./clients.ts";
import { type Answer, type Deed, type Job, kinds, partsOf } from "./messages.ts";
import type { Stage } from "./phases.ts";

/** The respondents. */
export const respondents: readonly string[] = ["node/n0", "node/n1", "node/s0"];

/** How long the last survey may take, and how long it would wait. */
const lastMsMax = 60_000;
const lastTimeoutMs = 600_000;

function jobOf(tag: string, does: Deed, more = 0): Job {
  return { tag, from: "poll", seq: 0, path: [], does, more };
}

/**
 * Users who survey all respondents. Replies are committed, and come once from each; if all are through, no committed one is
 * missing.
 */
export function surveys(history: CommitHistory, fail: (why: string) => void): Workload {
  return { name: "s", count: 9, everyMs: 4_000, errand };

  async function errand(clients: Clients, tag: string): Promise<void> {
    const kind = clients.draw();
    const does = kind < 0.15 ? "refuse" : kind < 0.3 ? "abstain" : kind < 0.5 ? "wait" : "write";
    const job = jobOf(tag, does, clients.draw() * 2_000);
    await clients.call(async (system) => {
      const heard = new Set<string>();
      const options = { timeoutMs: 1_000 + clients.draw() * 8_000, max: clients.pick([1, 10]) };
      const replies = system.survey(kinds.node.poll, job, options);
      for await (const answer of replies) {
        const { by = "", tag: of } = answer as Answer;
        if (of !== tag) fail(`a survey of ${tag} is answered ${of}`);
        if (heard.has(by)) fail(`${by} answers the survey ${tag} twice`);
        heard.add(by);
        if ((history.effects.get(`${by} ${tag}`) ?? 0) === 0) {
          fail(`${by} answers ${tag}, and has not committed it`);
        }
      }
      if (replies.end !== "all" || does === "abstain") return;
      const missed = respondents.filter((by) => history.effects.has(`${by} ${tag}`) && !heard.has(by));
      if (missed.length > 0) fail(`the survey ${tag} ended without the answer of ${missed}`);
    });
  }
}

/** When nothing fails any more, a survey ends by itself, whether its respondents reply or not. */
export async function surveyAtLast({ simulation, failed, fail, reach }: Stage): Promise<void> {
  const ends: (string | undefined)[] = [];
  for (const does of ["write", "abstain", "refuse"] as const) {
    const one = simulation.running.find(({ system }) => isOpen(system));
    if (one === undefined) return; // it has just been stopped for another revision, or has not opened its store yet
    const job = jobOf(`last survey: ${does}`, does);
    const before = ends.length;
    const replies = one.system.survey(kinds.node.poll, job, { timeoutMs: lastTimeoutMs });
    const over = () => void ends.push(replies.end);
    void Array.fromAsync(replies).then(over, over);
    await simulation.advance(lastMsMax, () => failed() || ends.length > before);
    if (failed() || !simulation.running.some(({ system }) => system === one.system)) return;
    if (ends.length === before) return fail(`a survey whose respondents ${does} does not end by itself`);
    if (ends[before] === "all") reach("a survey ends when all are through");
    else return fail(`a survey whose respondents ${does} ends with ${ends[before]}`);
  }
}

/** Whether its store is open: one that cannot be opened is tried for so long that a survey may be refused. */
function isOpen({ health: { store } }: System): boolean {
  return store !== undefined && store.status !== "unavailable" && store.status !== "opening";
}

/** Subscribes the respondents. */
export function subscribeRespondents(system: System): void {
  for (const name of respondents) {
    const { kind, key } = partsOf(name);
    system.subscribe(kind.poll, system.ref(kind, key).at(kind.poll));
  }
}
