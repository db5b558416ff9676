import { type Failure, System } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { type SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import { decodeValue, fromText } from "../../../runtime/durable/rows/value_codec.ts";
import type { Entry } from "../../../runtime/ports/store.ts";
import { Patches } from "../patches.ts";
import { spaceOf } from "../rule.ts";
import { uncaught } from "../uncaught.ts";
import {
  actors,
  type Job,
  kinds,
  partsOf,
  type Service,
  services,
  type State,
  Worker,
  worker,
} from "./messages.ts";
import { serviceActor, subscribe, workerActor } from "./service_actors.ts";
import { ServiceClients } from "./service_clients.ts";
import { overtaking, ruled, type ServiceRule, serviceRules } from "./service_rules.ts";
import { checkServices, type Died } from "./services_check.ts";
import { type ServicesPlan, servicesPlanOf } from "./services_plan.ts";

export interface ServicesSeedOptions {
  /** A rule to remove. */
  readonly without?: string | undefined;
  /** Changes the faults. */
  readonly faultPlan?: (faultPlan: ServicesPlan) => ServicesPlan;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface ServicesSeedResult {
  readonly seed: number;
  /** The first fault found; `undefined` if there is none. */
  readonly failure: string | undefined;
  readonly hash: string;
  readonly steps: readonly string[];
  /** The rare branches reached, and the faults that occurred. */
  readonly marks: ReadonlySet<string>;
  readonly happened: number;
  readonly commits: number;
  readonly restMs: number;
  readonly faultPlan: ServicesPlan;
}

interface LetterHead {
  readonly reason: string;
  readonly operation: string;
  readonly key: string;
}

const safetyMs = 35_000;
/** The time after the last fault until the last late commit and the last late parcel have landed. */
const lateMs = 9_500;
/** The time after the last fault within which all work must be done. */
const restMsMax = 120_000;
/** How often it is looked whether all work is done: a look reads all rows. */
const lookEachMs = 50;
/** How long the last survey may take, and how long it would wait. */
const lastMsMax = 60_000;
const lastTimeoutMs = 600_000;
/** Why messages of these programs may be dead letters. */
const expectedLetters: readonly string[] = [
  "terminal",
  "unknown-operation",
  "invalid-payload",
  "unreadable-body",
];
/** The operations of asks and surveys (a topic gets one as a publication), which have a time, and need room. */
const lossy: readonly string[] = ["add", "count", "publish"];
/** Rows that must be gone at rest. */
const working: readonly string[] = ["mail", "index", "out", "expect", "timer", "schedule"];

/** One run of three services over a broker. */
export async function simulateServices(
  seed: number,
  options: ServicesSeedOptions = {},
): Promise<ServicesSeedResult> {
  const rule = serviceRules.find(({ name }) => name === options.without);
  if (options.without !== undefined && rule === undefined) {
    throw new RangeError(`There is no rule ${options.without}`);
  }
  const run = new ServicesRun(seed, rule, options);
  using _ = uncaught((why) => run.fail(why));
  using patches = new Patches();
  rule?.code?.(patches);
  try {
    return await run.go();
  } catch (cause) {
    throw new Error(`seed ${seed} could not be simulated`, { cause });
  }
}

class ServicesRun {
  readonly #seed: number;
  readonly #plan: ServicesPlan;
  readonly #rule: ServiceRule | undefined;
  readonly #simulations = new Map<Service, Simulation<System>>();
  /** The service without a store, and what it has handled. */
  readonly #worker: Simulation<System>;
  readonly #handled = new Set<string>();
  readonly #clients: ServiceClients;
  readonly #marks = new Set<string>();
  #failure: string | undefined;
  #steps: readonly string[] = [];
  #looksMs = -Infinity;

  constructor(
    seed: number,
    rule: ServiceRule | undefined,
    { faultPlan = (same) => same, onStep }: ServicesSeedOptions,
  ) {
    this.#seed = seed;
    this.#rule = rule;
    const drawn = servicesPlanOf(seededRandom(Math.imul(seed, 0x9e3779b1)));
    this.#plan = faultPlan(rule?.plan?.(drawn) ?? drawn);
    for (const [index, service] of services.entries()) {
      const beside = this.#simulations.get("alpha");
      const { reads, shards, eachService, processes, process, limits } = this.#plan;
      const recipients = eachService ? { recipients: [...services, "worker"] } : {};
      const simulation: Simulation<System> = new Simulation<System>({
        seed: seed + index * 1_000_003,
        service,
        processes: processes[service],
        faults: { clocksApartMs: process.clocksApartMs ?? 0 },
        ...(beside === undefined
          ? { broker: { reads, shards, ...recipients }, ...(onStep && { onStep }) }
          : { beside }),
        store: {
          limits,
          onCommit: ({ instance, version, outcome, parts }) => {
            const text = parts.map(({ writes, removals }) =>
              [...writes, ...removals.map((key) => `-${key}`)].join(" ")
            ).join(" | ").replaceAll("\u001f", "/").replaceAll("\n", "~");
            simulation.note(`${instance} commits ${version} (${outcome}): ${text}`);
          },
        },
        start: (host) => this.#start(service, host),
      });
      this.#simulations.set(service, simulation);
    }
    this.#worker = new Simulation<System>({
      seed: seed + services.length * 1_000_003,
      service: "worker",
      processes: this.#plan.workers,
      beside: this.#first,
      start: (host) => this.#startWorker(host),
    });
    this.#clients = new ServiceClients({
      simulations: this.#simulations,
      broker: this.#first.broker,
      fail: (why) => this.fail(why),
    });
  }

  fail(why: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#first.note(`WRONG: ${why}`);
    this.#steps = this.#first.lastSteps;
  }

  async go(): Promise<ServicesSeedResult> {
    const { process, store, broker, actions, everyMs } = this.#plan;
    const failed = () => this.#failure !== undefined;
    await this.#subscribeAll();
    this.#first.broker.faults = broker;
    for (const simulation of this.#simulations.values()) {
      simulation.store.faults = store;
      simulation.faults = process;
    }
    this.#worker.faults = process;
    for (const service of services) this.#clients.begin(service, actions, everyMs);
    await this.#first.advance(safetyMs, failed);
    for (const [fault, count] of Object.entries(this.#first.broker.counts)) {
      if (count > 0) this.#marks.add(`broker ${fault}`);
    }
    for (const simulation of [...this.#simulations.values(), this.#worker]) simulation.calm();
    const calmMs = this.#first.clock.now();
    await this.#first.advance(lateMs, failed);
    await this.#first.advance(restMsMax, () => failed() || this.#isAtRest());
    const unrest = this.#unrest();
    if (unrest !== undefined) this.fail(`it does not come to rest: ${unrest}`);
    const restMs = this.#first.clock.now() - calmMs;
    if (!failed()) await this.#surveyAtLast(failed);
    if (!failed()) await this.#check();
    if (!failed()) await this.#stopAll();
    return {
      seed: this.#seed,
      failure: this.#failure,
      hash: this.#first.hash,
      steps: this.#steps,
      marks: this.#marks,
      happened: this.#first.happened,
      commits: [...this.#simulations.values()].reduce((sum, { store }) => sum + store.log.length, 0),
      restMs,
      faultPlan: this.#plan,
    };
  }

  /** When nothing fails any more, a survey of all services ends by itself. */
  async #surveyAtLast(failed: () => boolean): Promise<void> {
    for (const service of services) {
      let over = false;
      let end: string | undefined;
      void this.#clients.surveyAtLast(service, lastTimeoutMs).then((why) => {
        end = why;
        over = true;
      });
      await this.#first.advance(lastMsMax, () => failed() || over);
      if (failed()) return;
      if (!over) return this.fail(`a survey of ${service} does not end by itself`);
      if (end === "all") this.#marks.add("a survey of several services ends when all are through");
      else return this.fail(`the last survey of ${service} ends with ${end}`);
    }
  }

  #start(service: Service, host: SimulatedHost): System {
    const { handlerMsMax, windowMs, outbox, capacity, actorsMax } = this.#plan;
    const kind = kinds[service];
    const others = services.filter((other) => other !== service).map((other) => kinds[other]);
    const direct = host.broker.transport([
      kind.note,
      kind.work,
      kind.settle,
      kind.add,
      kind.posted,
      kind.count,
    ]);
    const transport = this.#plan.overtakes ? overtaking(direct) : direct;
    const probes = { reach: (branch: string) => void this.#marks.add(branch) };
    const pause = () =>
      handlerMsMax === 0 ? Promise.resolve() : pauseOf(host, host.random.next() * handlerMsMax);
    const system = new System({
      name: service,
      actors: [serviceActor(service, { pause, capacity })],
      clock: host.clock,
      random: host.random,
      store: ruled(host.store, this.#rule, probes),
      transport: this.#rule?.transport?.(transport, host) ?? transport,
      remote: [...others, Worker],
      deduplicationWindowMs: windowMs,
      limits: { outbox, actors: actorsMax },
      log: false,
    });
    system.ready().catch(() => host.crash()); // its program ends and is restarted
    return system;
  }

  #startWorker(host: SimulatedHost): System {
    const pause = () => pauseOf(host, host.random.next() * this.#plan.handlerMsMax);
    const transport = host.broker.transport([Worker]);
    return new System({
      name: "worker",
      actors: [workerActor(pause, (entry) => void this.#handled.add(entry))],
      clock: host.clock,
      random: host.random,
      transport: this.#rule?.transport?.(transport, host) ?? transport,
      log: false,
    });
  }

  /** Subscriptions are made before there are faults. */
  async #subscribeAll(): Promise<void> {
    let left = services.length;
    await this.#first.advance(2_000);
    for (const [service, { running }] of this.#simulations) {
      const [{ host, system }] = running;
      host.clock.macrotask(() =>
        void subscribe(service, system, () => pauseOf(host, 100)).then(() => left--)
      );
    }
    await this.#first.advance(20_000, () => left === 0);
    if (left > 0) this.fail("subscriptions are not made");
    await this.#first.advance(2_000);
  }

  #isAtRest(): boolean {
    const nowMs = this.#first.clock.now();
    if (nowMs < this.#looksMs) return false;
    this.#looksMs = nowMs + lookEachMs;
    return this.#unrest() === undefined;
  }

  /** What is not done yet; `undefined` if all is. */
  #unrest(): string | undefined {
    if (this.#clients.open > 0) return `${this.#clients.open} users wait`;
    for (const [service, { store }] of this.#simulations) {
      const row = store.snapshot().find(({ key }) => working.includes(spaceOf(key)));
      if (row !== undefined) return `${service} has the row ${row.key.replaceAll("\u001f", "/")}`;
    }
    const [queue] = Object.entries(this.#first.broker.waiting);
    return queue && `${queue[1]} messages wait in ${queue[0]}`;
  }

  async #check(): Promise<void> {
    const states = new Map<string, State>();
    const tickets = this.#clients.jobs.filter(({ ticket }) => ticket !== undefined);
    const { cancels } = this.#clients;
    for (const { to, outcome } of cancels) {
      this.#marks.add(`a request ${to === worker ? "to the service without a store " : ""}is ${outcome}`);
    }
    let open = actors.length + tickets.length + cancels.length;
    for (const name of actors) {
      const { service, key } = partsOf(name);
      this.#in(service, async (system) => {
        states.set(name, await system.ref(kinds[service], key).ask(kinds[service].read) as State);
        open--;
      });
    }
    for (const { service, ticket, to, job } of tickets) {
      this.#in(service, async (system) => {
        const reply = await system.ticket(ticket!).reply({ timeoutMs: 5_000 }) as {
          tag: string;
          from: string;
        };
        if (reply.tag !== job.tag || reply.from !== to) {
          this.fail(`${job.tag} for ${to} is answered by ${reply.from}`);
        }
        open--;
      });
    }
    for (const { service, ticket, to, entry, outcome } of cancels) {
      this.#in(service, async (system) => {
        const again = await system.ticket(ticket!).cancel();
        const code = await system.ticket(ticket!).reply({ timeoutMs: 0 }).then(
          () => "done",
          ({ code }) => code,
        );
        const gaveUp = to === worker && outcome === "failed"; // only requests to that one have a deadline
        // A process whose clock is ahead may have given it up while another one sent it.
        if (gaveUp && again === "done" && code === "done") return void open--;
        const late = gaveUp && code === "deadline";
        if (again !== outcome || (code !== (outcome === "withdrawn" ? "cancelled" : outcome) && !late)) {
          this.fail(`${entry} was told to be ${outcome}, and is ${again} and ${code}`);
        }
        open--;
      });
    }
    await this.#first.advance(20_000, () => open === 0 || this.#failure !== undefined);
    if (open > 0) this.fail(`${open} questions are not answered at rest`);
    if (this.#failure !== undefined) return;
    checkServices({
      states,
      handled: this.#handled,
      died: this.#checkLetters(),
      clients: this.#clients,
      namesStrangers: this.#first.broker.traits.namesStrangers,
      fail: (why) => this.fail(why),
    });
  }

  /**
   * Only what strangers sent, and what is meant to fail, is a dead letter, and what found a full mailbox beside its
   * sender. Returns the latter.
   */
  #checkLetters(): readonly Died[] {
    const died: Died[] = [];
    for (const [service, { store }] of this.#simulations) {
      for (const row of store.snapshot().filter(({ key }) => spaceOf(key) === "dead")) {
        const { head: { reason, operation, key }, text } = decodeValue<LetterHead>(row.value);
        this.#marks.add(`letter ${reason}`);
        const late = ["deadline", "mailbox-full"].includes(reason) && lossy.includes(operation);
        if (late || expectedLetters.includes(reason)) continue;
        if (reason === "late-reply" && operation === "answer" && this.#isWithdrawn(text)) continue;
        if (["already-answered", "deadline", "late-reply"].includes(reason) && this.#isForWorker(text)) {
          continue;
        }
        if (reason === "mailbox-full") {
          const { from = `${service}/`, n, tag } = fromText(text) as Job; // a failure does not say who failed
          const dead = { to: `${service}/${key}`, from, n, tag, operation };
          // The topic beside the subscriber has sent it, whoever has published it.
          if (operation === "heard" || from.startsWith(`${service}/`)) died.push(dead);
          if (died.at(-1) === dead) continue;
        }
        this.fail(`${service} has a dead letter ${reason}: ${textOf(row)}`);
      }
    }
    return died;
  }

  /** Whether a letter is a request to the service without a store, or its reply: it may run twice, or too late. */
  #isForWorker(text: string): boolean {
    const { id, tag = id } = fromText(text) as Partial<Job & Failure>;
    return this.#clients.cancels.some(({ to, entry }) => to === worker && entry.endsWith(`-back${tag}#1`));
  }

  /** Whether an answer comes to a request that its user has withdrawn. */
  #isWithdrawn(text: string): boolean {
    const { tag } = fromText(text) as Job;
    return this.#clients.cancels.some(({ entry, outcome }) =>
      outcome === "withdrawn" && entry.endsWith(`-back${tag}#1`)
    );
  }

  #in(service: Service, act: (system: System) => Promise<void>): void {
    const [{ host, system }] = this.#simulations.get(service)!.running;
    host.clock.macrotask(() => void act(system).catch((error) => this.fail(`at rest: ${error}`)));
  }

  async #stopAll(): Promise<void> {
    let stopping = 0;
    for (const { running } of [...this.#simulations.values(), this.#worker]) {
      for (const { system } of running) {
        stopping++;
        void system.stop({ drainMs: 1_000 }).then(() => stopping--);
      }
    }
    await this.#first.advance(60_000, () => stopping === 0);
    if (stopping > 0) this.fail(`${stopping} systems do not stop`);
  }

  get #first(): Simulation<System> {
    return this.#simulations.get("alpha")!;
  }
}

function textOf({ key, value }: Entry): string {
  return `${key.replaceAll("\u001f", "/")} ${JSON.stringify(decodeValue(value))}`;
}

function pauseOf({ clock }: SimulatedHost, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}
