import {
  type Cancellation,
  OutcomeUnknownError,
  PosthornError,
  StoreError,
  type SurveyEnd,
  type System,
} from "@posthorn/posthorn";
import type { SimulatedBroker, SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import { actors, type Job, kinds, partsOf, type Service, services, Worker, worker } from "./messages.ts";
import { hashOf } from "./service_actors.ts";

/** A message that a user has sent. */
export interface SentJob {
  readonly to: string;
  readonly job: Job;
  readonly service: Service;
  /** Whether it was accepted. */
  accepted: boolean;
  /** The id of its reply, if it is a submit. */
  ticket?: string | undefined;
}

/** A request that its user takes back. */
export interface SentCancel {
  readonly to: string;
  readonly entry: string;
  readonly service: Service;
  ticket: string | undefined;
  /** How it ended, as its user was told. */
  outcome: Cancellation | undefined;
}

/** An ask or survey, which has at most one effect at each actor. */
export interface SentAsk {
  readonly tag: string;
  readonly to: string | undefined;
  answeredBy: string[];
  /** Why a survey ended. */
  end?: SurveyEnd | undefined;
}

/** A message of a program that is not written with this package. */
export interface StrangeJob {
  readonly to: string;
  readonly entry: string;
  readonly named: boolean;
}

/** An event that a user has published. */
export interface SentEvent {
  readonly entry: string;
  accepted: boolean;
}

/** A process, and its system. */
interface Through {
  readonly host: SimulatedHost;
  readonly system: System;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown } | { readonly gone: true };

const waitMs = 20_000;
const attemptsMax = 200;
/** How long a request to the service without a store may take, which may lose it with its process. */
const workerMs = 15_000;

export interface ServiceClientsOptions {
  readonly simulations: ReadonlyMap<Service, Simulation<System>>;
  readonly broker: SimulatedBroker;
  readonly fail: (why: string) => void;
}

/** The users of services. Each waits until what it sent to an actor was accepted before it sends it more. */
export class ServiceClients {
  readonly jobs: SentJob[] = [];
  readonly asks: SentAsk[] = [];
  readonly events: SentEvent[] = [];
  readonly strange: StrangeJob[] = [];
  readonly cancels: SentCancel[] = [];
  /** What was sent again, maybe through another process: its first attempt may not have been the effective one. */
  readonly unordered = new Set<string>();
  readonly #options: ServiceClientsOptions;
  readonly #counts = new Map<string, number>();
  /** The users that wait for an acceptance. */
  readonly #busy = new Set<string>();
  #tags = 0;
  /** The number of actions in progress. */
  open = 0;
  stopped = false;

  constructor(options: ServiceClientsOptions) {
    this.#options = options;
  }

  /** Acts for the users of a service, at random intervals. */
  begin(service: Service, count: number, everyMs: number): void {
    if (count === 0) return;
    this.open++;
    void this.#act(service).then(() => this.open--);
    this.#clock.setTimer(this.#draw() * 2 * everyMs, () => this.begin(service, count - 1, everyMs));
  }

  async #act(service: Service): Promise<void> {
    const tag = `${service[0]}${++this.#tags}`;
    const kind = this.#draw();
    if (kind < 0.08) return await this.#ask(service, tag);
    if (kind < 0.14) return void await this.#survey(service, tag);
    if (kind < 0.22) return await this.#publish(service, tag);
    if (kind < 0.3) return this.#stranger(tag);
    if (kind < 0.34) return await this.#delay(service, tag);
    if (kind < 0.5) return await this.#burst(service, tag);
    if (kind > 0.88) return await this.#cancel(service, tag);
    const through = this.#someone(service);
    const to = this.#pick(actors);
    const lane = `${through?.host.name} ${to}`;
    if (through === undefined || this.#busy.has(lane)) return;
    this.#busy.add(lane);
    await this.#send(service, this.#jobOf(tag, through.host.name, to), kind < 0.75, through);
    this.#busy.delete(lane);
  }

  #jobOf(tag: string, from: string, to: string): SentJob {
    const lane = `${from} ${to}`;
    const n = (this.#counts.get(lane) ?? 0) + 1;
    this.#counts.set(lane, n);
    const job = { tag, from, n, hops: Math.floor(this.#draw() * 4) };
    const [service] = from.split("-");
    const sent: SentJob = { to, job, service: service as Service, accepted: false };
    this.jobs.push(sent);
    return sent;
  }

  /** A message that is due later: it has no order with others, so its user sends no other. */
  async #delay(service: Service, tag: string): Promise<void> {
    const sent = this.#jobOf(tag, `${service}-later-${tag}`, this.#pick(actors));
    const afterMs = 1 + Math.floor(this.#draw() * 10_000);
    await this.#send(service, sent, this.#draw() < 0.5, this.#someone(service), { afterMs });
  }

  /** Several messages at once, in the order in which they are sent. */
  async #burst(service: Service, tag: string): Promise<void> {
    const user = `${service}-burst-${tag}`;
    const to = this.#pick(actors);
    const through = this.#someone(service);
    const jobs = Array.from({ length: 6 }, (_, index) => this.#jobOf(`${tag}_${index}`, user, to));
    await Promise.all(jobs.map((sent) => this.#send(service, sent, true, through)));
  }

  /** Sends a message with the same id until it is accepted. */
  async #send(
    service: Service,
    sent: SentJob,
    tells: boolean,
    through: Through | undefined,
    delay: { readonly afterMs?: number } = {},
  ): Promise<void> {
    const { to, job } = sent;
    const { service: other, key } = partsOf(to);
    const send = async (system: System): Promise<string | undefined> => {
      if (tells) return void await this.#tell(system, sent, delay);
      const ticket = await system.ref(kinds[other], key).submit(kinds[other].work, job, {
        id: job.tag,
        ...delay,
      });
      return ticket.id;
    };
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const outcome = await this.#call(service, send, attempt === 1 ? through : undefined);
      if ("value" in outcome) {
        sent.accepted = true;
        sent.ticket = outcome.value;
        this.#note(`${job.tag} of ${job.from} for ${to} is accepted`);
        return;
      }
      if ("error" in outcome) this.#judge(outcome.error, `${job.tag} for ${to}`);
      this.unordered.add(`${job.from}#${job.n}`);
      await this.#pause(300 + this.#draw() * 2_000);
    }
  }

  #tell(system: System, { to, job }: SentJob, delay: { readonly afterMs?: number }): Promise<void> {
    const { service, key } = partsOf(to);
    return system.ref(kinds[service], key).tell(kinds[service].note, job, { id: job.tag, ...delay });
  }

  /** Submits, and takes it back after a while, through any process. */
  async #cancel(service: Service, tag: string): Promise<void> {
    const picked = this.#pick(actors);
    const to = hashOf(`${tag} back`) % 4 === 0 ? worker : picked;
    const { service: other, key } = partsOf(to);
    const job = { tag, from: `${service}-back${tag}`, n: 1, hops: 0 };
    const sent: SentCancel = { to, entry: `${job.from}#1`, service, ticket: undefined, outcome: undefined };
    this.cancels.push(sent);
    const submit = async (system: System) => {
      const ticket = to === worker
        ? await system.ref(Worker, key).submit(Worker.work, job, { id: tag, timeoutMs: workerMs })
        : await system.ref(kinds[other], key).submit(kinds[other].work, job, { id: tag });
      return ticket.id;
    };
    sent.ticket = await this.#until(service, submit, `${tag} for ${to}`);
    await this.#pause(this.#draw() * this.#pick([0, 300, 3_000]));
    const told = await Promise.all(Array.from({ length: this.#pick([1, 2]) }, () => this.#decision(sent)));
    const [outcome] = told;
    sent.outcome = outcome;
    this.#note(`${tag} of ${job.from} for ${to} is told to be ${outcome}`);
    if (told.some((other) => other !== outcome)) {
      this.#options.fail(`${tag} has two outcomes: ${told.join()}`);
    }
  }

  /** How a request ended that is taken back: asks until that is decided. */
  #decision({ service, ticket, to }: SentCancel): Promise<Cancellation | undefined> {
    const cancel = (system: System) => system.ticket(ticket!).cancel({ timeoutMs: 4_000 });
    return this.#until(service, cancel, `taking back what was sent to ${to}`);
  }

  /** Does something again and again until it succeeds. */
  async #until<T>(
    service: Service,
    act: (system: System) => Promise<T>,
    what: string,
  ): Promise<T | undefined> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const outcome = await this.#call(service, act);
      if ("value" in outcome) return outcome.value;
      if ("error" in outcome) this.#judge(outcome.error, what);
      await this.#pause(300 + this.#draw() * 2_000);
    }
    this.#options.fail(`${what} never succeeds`);
  }

  async #ask(service: Service, tag: string): Promise<void> {
    const to = this.#pick(actors);
    const { service: other, key } = partsOf(to);
    const sent: SentAsk = { tag, to, answeredBy: [] };
    this.asks.push(sent);
    const outcome = await this.#call(
      service,
      (system) => system.ref(kinds[other], key).ask(kinds[other].add, tag, { timeoutMs: 5_000 }),
    );
    if ("value" in outcome) sent.answeredBy = [to];
    else if ("error" in outcome) this.#judge(outcome.error, `the ask ${tag} of ${to}`);
  }

  /** One survey, when nothing fails any more. Returns why it ended. */
  async surveyAtLast(service: Service, timeoutMs: number): Promise<SurveyEnd | undefined> {
    return (await this.#survey(service, `${service[0]}${++this.#tags}`, timeoutMs)).end;
  }

  async #survey(service: Service, tag: string, timeoutMs = 4_000): Promise<SentAsk> {
    const sent: SentAsk = { tag, to: undefined, answeredBy: [] };
    this.asks.push(sent);
    const other = this.#pick(services);
    await this.#call(service, async (system) => {
      const replies = system.survey(kinds[other].count, tag, { timeoutMs, services: services.length });
      for await (const { from, tag: of } of replies) {
        if (of !== tag) this.#options.fail(`the survey ${tag} is answered ${of}`);
        if (sent.answeredBy.includes(from)) this.#options.fail(`${from} answers the survey ${tag} twice`);
        sent.answeredBy.push(from);
      }
      sent.end = replies.end;
    });
    return sent;
  }

  async #publish(service: Service, tag: string): Promise<void> {
    const post = { from: `${service}-user${tag}`, n: 1 };
    const sent: SentEvent = { entry: `${post.from}#1`, accepted: false };
    this.events.push(sent);
    const outcome = await this.#call(service, (system) => system.publish(kinds[service].posted, post));
    if ("value" in outcome) sent.accepted = true;
  }

  /** A program of another kind sends a message, which may be none. */
  #stranger(tag: string): void {
    const to = this.#pick(actors);
    const { service: protocol, key } = partsOf(to);
    const kind = this.#draw();
    const bad = kind < 0.3;
    const named = kind < 0.7;
    const text = kind < 0.1
      ? "{"
      : JSON.stringify(kind < 0.2 ? { tag } : { tag, from: `stranger${tag}`, n: 1, hops: 0 });
    const operation = { name: kind >= 0.2 && bad ? "nothing" : "note", mode: "tell" } as const;
    const refusal = this.#options.broker.send({ kind: "inbox", protocol, key, operation }, {
      ...(named && { id: tag }),
      body: new TextEncoder().encode(text),
      headers: this.#draw() < 0.3 ? { "posthorn-sender": `alpha/alpha/k1` } : {},
    });
    if (refusal === undefined && !bad) this.strange.push({ to, entry: `stranger${tag}#1`, named });
  }

  #judge(error: unknown, what: string): void {
    if (
      error instanceof PosthornError || error instanceof StoreError || error instanceof OutcomeUnknownError
    ) return;
    this.#options.fail(`${what} ends with ${error instanceof Error ? error.stack : error}`);
  }

  #someone(service: Service): Through | undefined {
    const { running } = this.#options.simulations.get(service)!;
    return running.length === 0 ? undefined : this.#pick(running);
  }

  /** Runs an action in a process of the service, unless the process has ended or the action takes too long. */
  #call<T>(
    service: Service,
    act: (system: System) => Promise<T>,
    through = this.#someone(service),
  ): Promise<Outcome<T>> {
    if (through === undefined) return Promise.resolve({ gone: true });
    const { host, system } = through;
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(waitMs, () => resolve({ gone: true }));
      host.clock.macrotask(() => {
        act(system).then((value) => ({ value }), (error) => ({ error })).then((outcome) => {
          cancel();
          resolve(outcome);
        });
      });
    });
  }

  get #clock() {
    return this.#first.clock;
  }

  get #first(): Simulation<System> {
    return this.#options.simulations.get("alpha")!;
  }

  #note(step: string): void {
    this.#first.note(step);
  }

  #draw(): number {
    return this.#first.random.next();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#draw() * from.length)];
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer(ms, resolve));
  }
}
