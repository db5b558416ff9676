import { System } from "@posthorn/posthorn";
import { seededRandom, type SimulatedHost, Simulation } from "@posthorn/posthorn/testing";
import { actorsOf } from "./actors.ts";
import { Books } from "./books.ts";
import { besides, Echoes } from "./beside.ts";
import { brimming } from "./brimming.ts";
import { Clients, type Work } from "./clients.ts";
import { deploying, scrolls } from "./deploying.ts";
import { errands } from "./errands.ts";
import { type Weather, weatherOf } from "./faults.ts";
import { type Job, kinds, News, partsOf, subscribersOf } from "./messages.ts";
import { Listeners, listening } from "./listening.ts";
import { Rollout } from "./rollout.ts";
import { probed } from "./rule.ts";
import { rules } from "./rules.ts";
import { Trials } from "./trials.ts";
import { judge } from "./verdict.ts";

export interface SeedOptions {
  /** A rule that is taken out. */
  readonly without?: string | undefined;
  /** Whether bells, watches and hand-overs work; without them everything is found by looking. */
  readonly hints?: boolean;
  /** Changes what goes wrong. */
  readonly weather?: (weather: Weather) => Weather;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface SeedResult {
  readonly seed: number;
  /** What was wrong first; nothing where all was right. */
  readonly failure: string | undefined;
  readonly hash: string;
  /** The last steps before it failed. */
  readonly steps: readonly string[];
  /** Which rare branches were reached, and which faults happened. */
  readonly marks: ReadonlySet<string>;
  readonly happened: number;
  readonly commits: number;
  readonly restMs: number;
  readonly weather: Weather;
}

const eventsMax = 10;
const safetyMs = 45_000;
/** So long after the last fault the last of the commits lands that were to land late. */
const lateMs = 8_500;
/** So long nobody has the new revision: longer than an unknown operation waits. */
const abandonedMs = 360_000;
/** So soon all that listen have heard, whatever watches did not tell. */
const hearMs = 5_000;
/** So soon after a crash all goes on where no other is to be waited for: a start, a second of work, and some more. */
const onceMore = 4_000;
const lastWishes: readonly Work[] = [
  { tag: "last1", does: "wait", more: 1_500, path: [] },
  { tag: "last2", does: "write", path: [] },
  { tag: "last3", does: "stamp", path: [] },
];
/** All must be at rest so long after the last fault. */
const restMsMax = 120_000;

/** One run. */
export async function simulate(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const run = new Run(seed, options);
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    run.fail(`nobody handles ${event.reason instanceof Error ? event.reason.stack : event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  try {
    return await run.go();
  } catch (cause) {
    throw new Error(`seed ${seed} could not be simulated`, { cause });
  } finally {
    globalThis.removeEventListener("unhandledrejection", onRejection);
  }
}

class Run {
  readonly #seed: number;
  readonly #weather: Weather;
  readonly #books: Books;
  readonly #clients: Clients;
  readonly #echoes: Echoes;
  readonly #listeners: Listeners;
  readonly #simulation: Simulation<System>;
  readonly #rollout: Rollout;
  readonly #marks = new Set<string>();
  readonly #asks = new Set<string>();
  readonly #healed = new Set<string>();
  #subscribedMs = 0;
  #failure: string | undefined;
  #steps: readonly string[] = [];

  constructor(seed: number, { without, hints = true, weather = (same) => same, onStep }: SeedOptions) {
    this.#seed = seed;
    const rule = rules.find(({ name }) => name === without);
    const drawn = weatherOf(seededRandom(Math.imul(seed, 0x9e3779b1)));
    this.#weather = weather(rule?.weather?.(drawn) ?? drawn);
    if (without !== undefined && rule === undefined) throw new RangeError(`There is no rule ${without}`);
    const { processes, process, traits, limits, store, capacity, actorsMax } = this.#weather;
    this.#rollout = new Rollout(this.#weather.deploy);
    this.#books = new Books({
      asks: this.#asks,
      eventsMax,
      waitingMax: capacity * 10 + 200,
      revisionOf: (instance) => this.#rollout.revisionOf(instance),
      fail: (why) => this.fail(why),
      onRare: (branch) => this.#marks.add(branch),
    });
    const probes = {
      reach: (branch: string, about?: unknown) => {
        this.#marks.add(branch);
        // What seems to be a repeat and is none comes behind those that were committed beside it.
        if (branch === "accepted in a second commit") this.#clients.unordered.add((about as Job).tag);
      },
      without: (name: string) => name === without || (!hints && name === "hand-over"),
    };
    const onRare = (branch: string) => void this.#marks.add(branch);
    const trials = new Trials((why) => this.fail(why), onRare);
    this.#echoes = new Echoes(this.#books, (why) => this.fail(why), onRare);
    this.#listeners = new Listeners(this.#books, (why) => this.fail(why), onRare);
    const world = {
      healed: this.#healed,
      echoes: this.#echoes,
      ran: (host: string, actor: string, tag: string, attempt: number) =>
        this.#simulation.note(`${host} ${actor} handles ${tag}, attempt ${attempt}`),
    };
    this.#simulation = new Simulation<System>({
      seed,
      ...(onStep && { onStep }),
      processes,
      faults: { clocksApartMs: process.clocksApartMs ?? 0 },
      store: {
        faults: {},
        traits,
        limits,
        onCommit: (commit, parts) => {
          const keys = commit.parts.map((
            { writes, removals },
          ) => [...writes, ...removals.map((key) => `-${key}`)]);
          const text = keys.map((keys) => keys.join(" ")).join(" | ").replaceAll("\u001f", "/");
          this.#simulation.note(`${commit.instance} commits ${commit.version} (${commit.outcome}): ${text}`);
          if (commit.outcome !== "known") this.#marks.add(`a commit is ${commit.outcome}`);
          this.#books.apply(commit, parts);
          trials.apply(parts);
        },
      },
      start: (host) => {
        const system = new System({
          actors: actorsOf(host, world, this.#weather, this.#rollout.start(host.name)),
          clock: host.clock,
          random: host.random,
          store: probed(host.store, probes, rule, hints),
          limits: { actors: actorsMax, events: eventsMax, deadLetters: 200 },
          log: false,
        });
        if (this.#weather.listening) this.#listen(host, system);
        system.ready().catch(() => host.crash()); // its program ends, and is started again
        return system;
      },
    });
    if (!hints) this.#weather = { ...this.#weather, store: { ...store, watchLost: 1 } };
    this.#clients = new Clients({
      simulation: this.#simulation,
      books: this.#books,
      asks: this.#asks,
      healed: this.#healed,
      fail: (why) => this.fail(why),
    });
  }

  fail(why: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#simulation.note(`WRONG: ${why}`);
    this.#steps = this.#simulation.lastSteps;
  }

  async go(): Promise<SeedResult> {
    const simulation = this.#simulation;
    const failed = () => this.#failure !== undefined;
    await this.#subscribe();
    simulation.store.faults = this.#weather.store;
    simulation.faults = this.#weather.process;
    this.#begin();
    await simulation.advance(safetyMs, failed);
    for (const [fault, count] of Object.entries(simulation.store.counts)) {
      if (count > 0) this.#marks.add(`fault ${fault}`);
    }
    simulation.calm();
    await simulation.advance(lateMs, failed);
    if (this.#weather.deploy?.abandoned) await this.#abandon(failed);
    this.#rollout.finish();
    let canceled = false;
    void this.#clients.cancelSchedules().then(() => canceled = true);
    const { books } = this;
    const atRest = () =>
      canceled && this.#clients.open === 0 && books.waiting + books.indexed + books.scheduled === 0;
    const rest = async () => {
      await simulation.advance(restMsMax, () => failed() || atRest());
      if (!failed() && !atRest()) this.#notAtRest(canceled);
    };
    const restBeganMs = simulation.clock.now();
    await rest();
    const restMs = simulation.clock.now() - restBeganMs;
    if (!failed() && this.#weather.shared !== undefined && this.#weather.actorsMax > 5) {
      await this.#restart(failed);
      await rest();
    }
    if (!failed()) await this.#judge(failed);
    if (!failed()) await this.#stopAll();
    return {
      seed: this.#seed,
      failure: this.#failure,
      hash: simulation.hash,
      steps: this.#steps,
      marks: this.#marks,
      happened: simulation.happened,
      commits: simulation.store.log.length,
      restMs,
      weather: this.#weather,
    };
  }

  /** All that takes part. */
  #begin(): void {
    const { limits, brim, deploy, beside, poison } = this.#weather;
    const crowds = [errands(limits.bytes === undefined ? 90_000 : 8_000)];
    if (brim > 0) crowds.push(brimming);
    if (deploy !== undefined) crowds.push(deploying);
    if (beside) crowds.push(besides);
    if (this.#weather.listening) crowds.push(listening(this.#listeners));
    for (const crowd of crowds) this.#clients.begin(crowd);
    this.#rollout.begin(this.#simulation);
    if (poison) this.#poison();
  }

  async #judge(failed: () => boolean): Promise<void> {
    judge({
      books: this.books,
      clients: this.#clients,
      subscribers: this.#subscribers,
      sinceMs: this.#subscribedMs,
      fail: (why) => this.fail(why),
    });
    const whispers = this.#clients.sent.filter(({ job }) => job.does === "whisper");
    this.#echoes.judge(this.#simulation, whispers.map(({ actor, job }) => `${actor} ${job.tag}`));
    if (failed() || !this.#weather.listening) return;
    await this.#simulation.advance(hearMs, failed);
    this.#listeners.judge(this.#simulation);
  }

  /** A function listens in a process, and hears what is published there at once. */
  #listen(host: SimulatedHost, system: System): void {
    this.#listeners.listen(host, system);
    const tag = `hello-${host.name}`;
    const accepted = this.#listeners.publishes(host, tag);
    system.publish(News.posted, { tag }).then(accepted, () => {});
  }

  get #subscribers(): readonly string[] {
    return subscribersOf(this.#weather.deploy !== undefined);
  }

  get books(): Books {
    return this.#books;
  }

  /** All actors subscribe before anything goes wrong. */
  async #subscribe(): Promise<void> {
    await this.#simulation.advance(500);
    const { system } = this.#simulation.running[0];
    this.#subscribedMs = this.#simulation.clock.now();
    for (const name of this.#subscribers) {
      const { kind, key } = partsOf(name);
      system.subscribe(News.posted, system.ref(kind, key).at(kind.heard));
    }
    await this.#simulation.advance(2_500);
  }

  /** Nobody has the new revision for a while: what only it can do waits, or is given up. */
  async #abandon(failed: () => boolean): Promise<void> {
    const simulation = this.#simulation;
    const newer = simulation.running.find(({ host }) => this.#rollout.revisionOf(host.name) === 2);
    if (newer !== undefined) { // it takes in what only it can do, and crashes before that has its turn
      void this.#clients.burst("scroll/s3", lastWishes, newer).then(() => newer.host.crash());
    }
    await simulation.advance(1_000, failed);
    this.#rollout.abandon();
    await simulation.advance(5_000, failed);
    const commits = simulation.store.log.length;
    for (const scroll of scrolls) {
      void this.#clients.send(scroll, { tag: `late-${scroll.slice(-1)}`, does: "write", path: [] }, "named");
    }
    const isBusy = () => simulation.store.log.length - commits > abandonedMs / 60;
    await simulation.advance(abandonedMs, () => failed() || isBusy());
    if (isBusy()) return this.fail("what is left alone is not left alone");
    for (const { actor, operation, tag, waits } of this.books.mails.values()) {
      if (!waits) continue;
      if (this.books.actors.get(actor)!.form === 2) {
        this.#marks.add("mail waits for the revision that wrote the state");
      } else if (operation === "stamp") this.fail(`${tag} of ${actor} is not given up`);
    }
  }

  /** Nobody else is there: who comes after a crash goes on at once with what waits. */
  async #restart(failed: () => boolean): Promise<void> {
    const simulation = this.#simulation;
    if (simulation.running.length === 0) { // it has just stopped for another revision
      await simulation.advance(30_000, () => failed() || simulation.running.length > 0);
    }
    const [only] = simulation.running;
    const actor = "node/n9";
    await simulation.advance(1_000, failed);
    void this.#clients.burst(actor, lastWishes.filter(({ does }) => does !== "stamp"), only);
    await simulation.advance(500, failed);
    only.host.crash();
    await simulation.advance(onceMore, failed);
    const waiting = this.books.actors.get(actor)?.waiting ?? 0;
    if (waiting > 0) this.fail(`${waiting} wait for ${actor} after its process was started again`);
    else if (this.books.written(actor) > 0) this.#marks.add("what waited goes on in the next process");
  }

  /** A message that ends whatever process handles it, until it is given up. */
  #poison(): void {
    const running = this.#simulation.running[0];
    if (running === undefined) return;
    const job: Job = { tag: "poison", from: "poison", seq: 0, path: [], does: "poison" };
    running.host.clock.macrotask(() => {
      running.system.ref(kinds.glass, "g0").tell(kinds.glass.job, job).catch(() => {});
    });
  }

  #notAtRest(canceled: boolean): void {
    const left = [...this.books.actors].filter(([, { waiting, index }]) => waiting > 0 || index.size > 0)
      .map(([name, { waiting, index }]) =>
        `${name} has ${waiting} waiting, indexed by ${[...index].join(" ")}`
      );
    const why = left.length > 0 ? left.join("; ") : canceled ? "something is due" : "a client waits";
    this.fail(`it does not come to rest: ${why}`);
  }

  /** A clean end takes bounded time too. */
  async #stopAll(): Promise<void> {
    let stopping = 0;
    for (const { system } of this.#simulation.running) {
      stopping++;
      void system.stop({ drainMs: 1_000 }).then(() => stopping--);
    }
    await this.#simulation.advance(60_000, () => stopping === 0);
    if (stopping > 0) this.fail(`${stopping} systems do not stop`);
  }
}

export type { SimulatedHost };
