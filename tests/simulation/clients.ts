import {
  type Cancellation,
  type DeadLetter,
  IdConflictError,
  OutcomeUnknownError,
  PosthornError,
  StoreError,
  type System,
} from "@posthorn/posthorn";
import type { SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import type { CommitHistory } from "./commit_history.ts";
import type { Listeners } from "./listening.ts";
import { type Answer, Echo, type Job, kinds, News, partsOf, StampedScroll } from "./messages.ts";
import { markFresh } from "./odd_schema.ts";

/** The outcome of a message as its client knows it. */
export interface Sent {
  readonly actor: string;
  readonly job: Job;
  /** `open`: the client got no answer. */
  outcome: "accepted" | "refused" | "open";
  why?: string | undefined;
  /** The id of its reply, if one is kept. */
  ticket?: string | undefined;
  answer?: Answer | undefined;
  /** How it ended, as whoever took it back was told. */
  cancellation?: Cancellation | undefined;
}

/** A job before it is sent. */
export type Work = Omit<Job, "from" | "seq">;

type Outcome<T> = { readonly value: T } | { readonly error: unknown } | { readonly gone: true };

const waitMs = 20_000;

export interface ClientsOptions {
  readonly simulation: Simulation<System>;
  readonly history: CommitHistory;
  readonly asks: Set<string>;
  readonly healed: Set<string>;
  /** Whether messages have a header. */
  readonly traced: boolean;
  readonly fail: (why: string) => void;
}

/** A group of users, and their actions. */
export interface Workload {
  /** The prefix of their tags. */
  readonly name: string;
  /** The number of their actions, and the mean interval. */
  readonly count: number;
  readonly everyMs: number;
  errand(clients: Clients, tag: string): Promise<void>;
}

/** Users: they tell, ask, submit and publish through any process, and retry. */
export class Clients {
  readonly sent: Sent[] = [];
  /** Tags whose order is not checked: their first attempt may not have been the effective one. */
  readonly unordered: Set<string> = new Set();
  readonly schedules: { readonly actor: string; readonly tag: string }[] = [];
  readonly #options: ClientsOptions;
  /** The unanswered requests, by process. */
  readonly #unanswered = new Map<unknown, SimulatedHost>();
  readonly #unnamed: Map<string, Job> = new Map();
  readonly #seqs: Map<string, number> = new Map();
  /** The number of actions in progress. */
  open = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Runs actions of a workload at random intervals until it is complete. */
  begin(workload: Workload, done = 0): void {
    if (done >= workload.count) return;
    this.open++;
    void workload.errand(this, `${workload.name}${done + 1}`).then(() => this.open--);
    const { simulation } = this.#options;
    simulation.clock.setTimer(this.draw() * 2 * workload.everyMs, () => this.begin(workload, done + 1));
  }

  /** Cancels all repeating schedules. */
  async cancelSchedules(): Promise<void> {
    const { history } = this.#options;
    while (this.open > 0) await this.pause(500); // one may still be in flight
    for (const { actor, tag } of this.schedules) await this.#cancelSchedule(actor, tag, `${tag}x`);
    const pending = () => this.schedules.filter(({ actor, tag }) => history.isScheduled(actor, tag));
    for (let round = 2; history.waiting > 0 || pending().length > 0; round++) {
      await this.pause(500); // what sets one may be handled behind its cancel
      for (const { actor, tag } of pending()) await this.#cancelSchedule(actor, tag, `${tag}x${round}`);
    }
  }

  async #cancelSchedule(actor: string, target: string, tag: string): Promise<void> {
    const cancel = { tag, does: "cancel" as const, target, path: [] };
    for (;;) {
      await this.send(actor, cancel, "named");
      const index = this.sent.findLastIndex(({ job }) => job.tag === tag);
      if (index >= 0 && this.sent[index].outcome === "accepted") break;
      // it is sent again, so the outcome of the first does not count
      if (index >= 0) this.sent.splice(index, 1);
      await this.pause(500);
    }
  }

  /** The number of requests that a living process never answered. */
  get ignored(): number {
    return [...this.#unanswered.values()].filter(({ alive }) => alive).length;
  }

  draw(): number {
    return this.#options.simulation.random.next();
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.draw() * from.length)];
  }

  async read(actor: string): Promise<void> {
    const { history } = this.#options;
    const { kind, key } = partsOf(actor);
    let before = 0;
    const outcome = await this.call((system) => {
      before = history.written(actor);
      return system.ref(kind, key).ask(kind.read, { timeoutMs: 4_000 });
    });
    if (!("value" in outcome)) return;
    const after = history.written(actor);
    if (outcome.value >= before && outcome.value <= after) return;
    this.#options.fail(`${actor} says ${outcome.value}, and was between ${before} and ${after}`);
  }

  async add(
    tag: string,
    actor: string,
    how: "direct" | "relayed" = "direct",
    bulk?: number,
  ): Promise<void> {
    const { kind, key } = partsOf(actor);
    const named = how === "direct" && this.draw() < 0.3;
    const job: Job = {
      tag,
      from: "ask",
      seq: 0,
      path: [],
      does: this.draw() < 0.2 ? "refuse" : "write",
      bulk,
      ...how === "direct" && this.#traced(tag),
    };
    this.#options.asks.add(tag);
    const sent = this.note(actor, job);
    const lasts = kind !== kinds.mayfly; // what was erased in the same commit cannot be found
    const options = { timeoutMs: 4_000, ...(named && { id: tag }), ...headersOf(job) };
    for (let attempt = 1;; attempt++) {
      const outcome = await this.call(async (system) => {
        const answer = await (how === "direct"
          ? system.ref(kind, key).ask(kind.add, job, options)
          : system.ref(Echo, "e1").ask(Echo.relay, { to: actor, job }, { timeoutMs: 5_000 }));
        if (lasts) {
          this.#requireCommitted(actor, job);
        }
        return answer;
      });
      if ("value" in outcome) {
        if (lasts) [sent.answer, sent.outcome] = [outcome.value, "accepted"];
        return;
      }
      if (!named || attempt === 4) return;
      await this.pause(2_000);
    }
  }

  /** Asks, and goes after a while: then nobody waits for the answer. `onGone` is called first. */
  async askAndGo(tag: string, actor: string, onGone: () => void): Promise<void> {
    const { kind, key } = partsOf(actor);
    const job: Job = { tag, from: "ask", seq: 0, path: [], does: "write" };
    this.#options.asks.add(tag);
    this.note(actor, job);
    const going = new AbortController();
    const asked = this.call((system) => {
      return system.ref(kind, key).ask(kind.add, job, { timeoutMs: 30_000, signal: going.signal });
    });
    await this.pause(this.draw() * this.pick([100, 2_000]));
    onGone();
    going.abort(new PosthornError("gone", "The client has gone"));
    await asked;
  }

  /** A transient actor sends it on, so its outcome is unknown. */
  async pass(tag: string, actor: string): Promise<void> {
    const job: Job = { tag, from: "echo", seq: 0, path: [], does: "write" };
    this.#unnamed.set(`${actor} ${tag}`, job);
    this.note(actor, job);
    await this.call((system) => system.ref(Echo, "e1").tell(Echo.pass, { to: actor, job }));
  }

  async publish(tags: readonly string[], listeners: Listeners): Promise<void> {
    await this.through(async (system, host) => {
      await Promise.all(tags.map((tag) => {
        const accepted = listeners.publishes(host, tag);
        return system.publish(News.posted, { tag }).then(accepted);
      }));
    });
  }

  /** Runs an action in a random process and ignores its outcome. */
  async through(act: (system: System, host: SimulatedHost) => void | Promise<void>): Promise<void> {
    await this.call(async (system, host) => await act(system, host));
  }

  async submit(tag: string, actor: string, bulk?: number, delayMs?: number): Promise<void> {
    const { simulation } = this.#options;
    const { kind, key } = partsOf(actor);
    const does = this.pick(["write", "write", "refuse", "fail"] as const);
    const job: Job = {
      tag,
      from: "submit",
      seq: 0,
      path: [],
      does,
      more: 2,
      bulk,
      ...this.delayed(delayMs),
      ...this.#traced(tag),
    };
    const sent = this.note(actor, job);
    const outcome = await this.again(sent, async (system) => {
      const ticket = await system.ref(kind, key).submit(kind.work, job, {
        id: tag,
        ...(delayMs !== undefined && { afterMs: delayMs }),
        ...headersOf(job),
      });
      return ticket.id;
    });
    if (outcome === undefined) return;
    sent.ticket = outcome;
    await this.pause(simulation.random.next() * 5_000);
    const reply = await this.call((system) => system.ticket(outcome).reply({ timeoutMs: 10_000 }));
    if ("value" in reply) sent.answer = reply.value as Answer;
  }

  /** Several messages at once to one actor, which must keep their order. */
  async burst(actor: string, jobs: readonly Work[], through = this.someone()): Promise<void> {
    if (through === undefined) return;
    await Promise.all(jobs.map((job) => this.send(actor, job, "once", through)));
  }

  /** Resends one of the intended dead letters, by a system that lists it or by whoever does it. */
  async resend(
    wanted: (job: Job, letter: DeadLetter) => boolean,
    by: (system: System, id: string) => void | Promise<void> = ({ deadLetters }, id) =>
      deadLetters.resend(id),
  ): Promise<void> {
    await this.call(async (system) => {
      const letter = system.deadLetters.list().find((letter) =>
        letter.operation === "job" && wanted(letter.payload as Job, letter)
      );
      if (letter === undefined) return;
      const { tag } = letter.payload as Job;
      this.#options.healed.add(tag);
      this.unordered.add(tag);
      await by(system, letter.id);
    });
  }

  async send(
    actor: string,
    parts: Work,
    how: "named" | "once",
    through?: { readonly host: SimulatedHost; readonly system: System },
  ): Promise<void> {
    const { kind, key } = partsOf(actor);
    let job: Job | undefined;
    let sent: Sent | undefined;
    const send = (system: System, host: SimulatedHost) => {
      if (job === undefined) {
        const seq = parts.delayMs === undefined ? this.#nextSeq(`${host.name} ${actor}`) : 0; // it has no order
        job = { ...parts, from: host.name, seq, ...this.delayed(parts.delayMs), ...this.#traced(parts.tag) };
        if (job.does === "spoil") markFresh(job);
        if (how === "once") this.#unnamed.set(`${actor} ${job.tag}`, job);
        sent = this.note(actor, job);
      } else this.unordered.add(job.tag);
      const { timeoutMs, delayMs } = job;
      const options = {
        ...(how === "named" && { id: job.tag }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(delayMs !== undefined && { afterMs: delayMs }),
        ...headersOf(job),
      };
      if (job.does === "stamp") return system.ref(StampedScroll, key).tell(StampedScroll.stamp, job, options);
      return system.ref(kind, key).tell(kind.job, job, options);
    };
    if (how === "named") {
      await this.again({ job: parts } as Sent, send, () => sent);
      if (sent?.outcome === "accepted") await this.#repeat(actor, job!);
      return;
    }
    const outcome = await this.call(send, through);
    if (sent !== undefined) this.settle(sent, outcome);
    if (parts.does !== "timer" || this.draw() < 0.3) return;
    await this.pause(parts.more! + (this.draw() - 0.5) * 300); // when it is about to fire
    await this.send(actor, { tag: `${parts.tag}x`, does: "cancel", target: parts.tag, path: [] }, "once");
  }

  /** Repeats an accepted message, which must have no effect. */
  async #repeat(actor: string, job: Job): Promise<void> {
    if (this.draw() > 0.4 || job.does === "stamp" || job.does === "spoil") return;
    const { kind, key } = partsOf(actor);
    const other = this.draw() < 0.3;
    const again = other ? { ...job, pad: "another" } : job;
    await this.pause(this.draw() * 6_000);
    const outcome = await this.call((system) => system.ref(kind, key).tell(kind.job, again, { id: job.tag }));
    if (other && "value" in outcome) this.#options.fail(`${job.tag} is accepted again with another payload`);
    if (!other && "error" in outcome && outcome.error instanceof IdConflictError) {
      this.#options.fail(`${job.tag} is refused as another payload, and is the same`);
    }
  }

  /** Retries with the same id until the outcome is known, as HTTP clients do. */
  async again<T>(
    given: Sent,
    act: (system: System, host: SimulatedHost) => Promise<T>,
    found: () => Sent | undefined = () => given,
  ): Promise<T | undefined> {
    let uncertain = false;
    for (let attempt = 1; attempt <= 6; attempt++) {
      const outcome = await this.call(act);
      const sent = found();
      if ("value" in outcome) {
        sent!.outcome = "accepted";
        return outcome.value;
      }
      const error = "error" in outcome ? outcome.error : undefined;
      uncertain ||= error === undefined || error instanceof OutcomeUnknownError;
      if (sent !== undefined && !uncertain) this.settle(sent, outcome);
      if (sent !== undefined && uncertain) sent.outcome = "open";
      if (error !== undefined && !(error instanceof OutcomeUnknownError) && !(error instanceof StoreError)) {
        if (!(error instanceof PosthornError)) this.#options.fail(`a client gets ${error}`);
        return undefined;
      }
      await this.pause(500 + this.draw() * 3_000);
    }
  }

  /** An answer must be about a committed effect. */
  #requireCommitted(actor: string, { tag }: Job): void {
    if ((this.#options.history.effects.get(`${actor} ${tag}`) ?? 0) > 0) return;
    this.#options.fail(`${tag} of ${actor} is answered, and not committed`);
  }

  settle(sent: Sent, outcome: Outcome<unknown>): void {
    if ("value" in outcome) sent.outcome = "accepted";
    else if ("error" in outcome) {
      const { error } = outcome;
      if (!(error instanceof PosthornError)) this.#options.fail(`a client gets ${error}`);
      sent.why = String((error as PosthornError).code);
      sent.outcome = error instanceof OutcomeUnknownError ? "open" : "refused";
      if (error instanceof OutcomeUnknownError) this.unordered.add(sent.job.tag);
    }
    this.#options.simulation.note(`${sent.job.tag} for ${sent.actor}: ${sent.outcome} ${sent.why ?? ""}`);
  }

  note(actor: string, job: Job): Sent {
    const sent: Sent = { actor, job, outcome: "open" };
    this.sent.push(sent);
    this.#options.simulation.note(`${job.tag} ${job.does} is sent to ${actor}`);
    return sent;
  }

  /** The delay of a job that is sent now. */
  delayed(delayMs: number | undefined): Pick<Job, "delayMs" | "dueMs"> {
    return delayMs === undefined ? {} : { delayMs, dueMs: this.#options.simulation.clock.now() + delayMs };
  }

  /** The header of a job, if messages have any. */
  #traced(tag: string): Pick<Job, "trace"> {
    return this.#options.traced ? { trace: `trace of ${tag}` } : {};
  }

  #nextSeq(lane: string): number {
    const seq = (this.#seqs.get(lane) ?? 0) + 1;
    this.#seqs.set(lane, seq);
    return seq;
  }

  /** The messages sent to an actor without an id. */
  unnamed(actor: string, tag: string): Job | undefined {
    return this.#unnamed.get(`${actor} ${tag}`);
  }

  /** A random running process. */
  someone(): { readonly host: SimulatedHost; readonly system: System } | undefined {
    const { running } = this.#options.simulation;
    return running.length === 0 ? undefined : this.pick(running);
  }

  /** Runs an action in a process, unless the process has ended or the action takes too long. */
  call<T>(
    act: (system: System, host: SimulatedHost) => Promise<T>,
    through = this.someone(),
  ): Promise<Outcome<T>> {
    if (through === undefined) return Promise.resolve({ gone: true });
    const { host, system } = through;
    const { clock } = this.#options.simulation;
    this.#unanswered.set(act, host);
    return new Promise((resolve) => {
      const cancel = clock.setTimer(waitMs, () => resolve({ gone: true }));
      host.clock.macrotask(() => {
        const answered = () => void this.#unanswered.delete(act);
        act(system, host).finally(answered).then((value) => ({ value }), (error) => ({ error })).then(
          (outcome) => {
            cancel();
            resolve(outcome);
          },
        );
      });
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.simulation.clock.setTimer(ms, resolve));
  }
}

/** The option of a send that gives the header of a job. */
function headersOf({ trace }: Job): { readonly headers?: Readonly<Record<string, string>> } {
  return trace === undefined ? {} : { headers: { trace } };
}
