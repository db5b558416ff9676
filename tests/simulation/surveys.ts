import type { System } from "@posthorn/posthorn";
import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Workload } from "./clients.ts";
import { type Answer, type Job, kinds, partsOf } from "./messages.ts";

/** The respondents. */
export const respondents: readonly string[] = ["node/n0", "node/n1", "node/s0"];

/** Users who survey all respondents. Replies are committed, and come once from each. */
export function surveys(history: CommitHistory, fail: (why: string) => void): Workload {
  return { name: "s", count: 9, everyMs: 4_000, errand };

  async function errand(clients: Clients, tag: string): Promise<void> {
    const does = clients.draw() < 0.2 ? "refuse" : clients.draw() < 0.3 ? "wait" : "write";
    const job: Job = { tag, from: "poll", seq: 0, path: [], does, more: clients.draw() * 2_000 };
    await clients.call(async (system) => {
      const heard = new Set<string>();
      const options = { timeoutMs: 1_000 + clients.draw() * 3_000, max: clients.pick([1, 10]) };
      for await (const answer of system.survey(kinds.node.poll, job, options)) {
        const { by = "", tag: of } = answer as Answer;
        if (of !== tag) fail(`a survey of ${tag} is answered ${of}`);
        if (heard.has(by)) fail(`${by} answers the survey ${tag} twice`);
        heard.add(by);
        if ((history.effects.get(`${by} ${tag}`) ?? 0) === 0) {
          fail(`${by} answers ${tag}, and has not committed it`);
        }
      }
    });
  }
}

/** Subscribes the respondents. */
export function subscribeRespondents(system: System): void {
  for (const name of respondents) {
    const { kind, key } = partsOf(name);
    system.subscribe(kind.poll, system.ref(kind, key).at(kind.poll));
  }
}
