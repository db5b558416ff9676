import { OutcomeUnknownError, PosthornError, StoreError, type System } from "@posthorn/posthorn";
import type { SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import type { Clients, Workload } from "./clients.ts";
import type { CommitHistory } from "./commit_history.ts";
import type { Stage } from "./phases.ts";
import { placeOf } from "./rolling_deploy.ts";

const protocol = "vacant";
const actors = ["v0", "v1", "v2"].map((key) => `${protocol}/${key}`);
/** When a process begins to host it, after the first fault. */
const hostedMs = 25_000;
/** The time in which what was left is accepted, and is counted at heartbeats. */
const countMsMax = 30_000;
/** The time in which what was begun to be erased is. */
const eraseMsMax = 60_000;
/** The time in which every process knows who hosts it. */
const refuseMsMax = 30_000;

/** Which mail is erased: that of all actors of the protocol, or of one. */
interface MailOf {
  readonly protocol: string;
  readonly key?: string;
}

/** Manages who hosts the protocol that nobody hosts for a while, and knows whose mail somebody began to erase. */
export class Erasures {
  readonly #begun = new Set<string | undefined>();
  /** The tags of asks for whose answers nobody waits any more. */
  readonly #gone = new Set<string>();
  #hosted = false;

  /** Whether a process that starts now hosts it: none at first, and later that of the first place. */
  hosts({ name }: SimulatedHost): boolean {
    return this.#hosted && placeOf(name) === 0;
  }

  /**
   * Whether a message may be erased: somebody has begun to erase the mail of its actor, or has asked and gone. Once begun,
   * that may go on at any time.
   */
  mayErase(actor: string, tag: string): boolean {
    const [of, key] = actor.split("/");
    return this.#gone.has(tag) || (of === protocol && (this.#begun.has(undefined) || this.#begun.has(key)));
  }

  /** After a while one process hosts it, and handles what waits. */
  begin(simulation: Simulation<System>): void {
    simulation.clock.setTimer(hostedMs, () => {
      this.#hosted = true;
      for (const { host } of simulation.running) if (placeOf(host.name) === 0) host.stop();
    });
  }

  /** Erases. Resolves with how many messages were, or with why none is known to be. */
  async erase(
    clients: Clients,
    of: MailOf,
    through?: { readonly host: SimulatedHost; readonly system: System },
  ): Promise<number | unknown> {
    this.#begun.add(of.key);
    const outcome = await clients.call((system) => system.eraseMail(of), through);
    return "value" in outcome ? outcome.value : "error" in outcome ? outcome.error : undefined;
  }

  /** Users who leave mail for actors that nobody hosts, and erase it: through several processes at once. */
  workload(history: CommitHistory, fail: (why: string) => void): Workload {
    const eraseTwice = async (clients: Clients) => {
      const key = clients.draw() < 0.9 ? clients.pick(["v0", "v1"]) : undefined;
      const of: MailOf = { protocol, ...(key !== undefined && { key }) };
      const before = history.erased.size;
      const outcomes = await Promise.all([this.erase(clients, of), this.erase(clients, of)]);
      const erased = outcomes.reduce<number>((sum, one) => sum + (typeof one === "number" ? one : 0), 0);
      const known = history.erased.size - before;
      if (erased > known) fail(`${erased} messages are said to be erased, and ${known} were`);
      for (const one of outcomes) if (one instanceof Error) this.#requireExpected(one, fail);
    };
    const errand = (clients: Clients, tag: string): Promise<void> => {
      const kind = clients.draw();
      const actor = clients.pick(actors);
      if (kind < 0.3) return eraseTwice(clients);
      if (kind < 0.35) return clients.add(tag, actor);
      if (kind < 0.4) return clients.askAndGo(tag, actor, () => this.#gone.add(tag));
      if (kind < 0.6) return clients.submit(tag, actor);
      const how = clients.draw() < 0.5 ? "named" : "once";
      if (kind < 0.75) return clients.send("node/e0", { tag, does: "submit", path: [actor] }, how);
      return clients.send(actor, { tag, does: "write", path: [] }, how);
    };
    return { name: "vac", count: 50, everyMs: 800, errand };
  }

  #requireExpected(error: Error, fail: (why: string) => void): void {
    if (error instanceof StoreError || error instanceof OutcomeUnknownError) return;
    const code = error instanceof PosthornError ? error.code : undefined;
    if (code === "stopping" || (code === "protocol-hosted" && this.#hosted)) return;
    fail(`who erases mail gets ${error}`);
  }
}

/** Before the first fault, what waits is counted exactly, and what is erased too. */
export async function eraseAtFirst(stage: Stage, erasures: Erasures, counts: boolean): Promise<void> {
  const { simulation, clients, history, failed, fail, reach } = stage;
  const [first] = simulation.running;
  const job = (tag: string) => ({ tag, does: "write" as const, path: [] });
  let sent = 0;
  const isSent = () => void sent++;
  void clients.burst("vacant/v0", ["vain1", "vain2", "vain3"].map(job), first).then(isSent);
  void clients.burst("vacant/v3", ["later1", "later2"].map(job), first).then(isSent);
  await simulation.advance(countMsMax, () => failed() || sent === 2);
  if (counts) {
    const found = () => first.system.stats().unhosted?.[protocol];
    const left = () => {
      const all = [...history.actors].filter(([name, { waiting }]) =>
        name.startsWith("vacant/") && waiting > 0
      );
      return { actors: all.length, waiting: all.reduce((sum, [, { waiting }]) => sum + waiting, 0) };
    };
    const isCounted = () => found()?.actors === left().actors && found()?.waiting === left().waiting;
    await simulation.advance(countMsMax, () => failed() || isCounted());
    if (!isCounted()) {
      const [counted, waiting] = [found(), left()].map((one) => JSON.stringify(one));
      return fail(`${waiting} wait for actors that nobody hosts, and are counted as ${counted}`);
    }
    reach("mail for nobody is counted");
  }
  let erased: unknown;
  void erasures.erase(clients, { protocol, key: "v0" }, simulation.running.at(-1)).then((one) =>
    erased = one ?? "nothing"
  );
  await simulation.advance(countMsMax, () => failed() || erased !== undefined);
  if (erased !== 3) fail(`3 messages wait for vacant/v0, and are erased: ${erased}`);
  const waiting = history.actors.get("vacant/v3")?.waiting;
  if (waiting !== 2) fail(`2 messages wait for vacant/v3, and when those of another are erased: ${waiting}`);
}

/** When nothing fails any more, no process erases what another one hosts, and what was left is handled. */
export async function refuseAtLast({ simulation, clients, history, failed, ...stage }: Stage): Promise<void> {
  // to erase takes long if the store is slow, and goes on when its user has given up
  await simulation.advance(eraseMsMax, () => failed() || clients.ignored === 0);
  const refused = new Set<string>();
  let open = 0;
  const askAll = () => {
    if (open > 0) return;
    for (const through of simulation.running.filter(({ host }) => !refused.has(host.name))) {
      open++;
      void clients.call((system) => system.eraseMail({ protocol }), through).then((outcome) => {
        open--;
        const { error } = outcome as { readonly error?: unknown };
        if (error instanceof PosthornError && error.code === "protocol-hosted") {
          refused.add(through.host.name);
        }
      });
    }
  };
  const isRefused = () => simulation.running.every(({ host }) => refused.has(host.name));
  await simulation.advance(refuseMsMax, () => {
    if (!isRefused()) askAll();
    return failed() || isRefused();
  });
  if (!isRefused()) return stage.fail(`the mail of ${protocol} is erased, and a process hosts it`);
  for (const tag of ["later1", "later2"]) {
    const name = `vacant/v3 ${tag}`;
    if (!history.erased.has(name) && history.effects.has(name)) {
      stage.reach("mail for nobody is handled later");
    }
  }
}
