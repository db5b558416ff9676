import { StoreError, System } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { type SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import { abandon, goOnBeside, poison, restart, type Stage, subscribeAll } from "./phases.ts";
import { actorsOf } from "./actors.ts";
import { CommitHistory } from "./commit_history.ts";
import { TransientDeliveries } from "./transient_actors.ts";
import { Clients } from "./clients.ts";
import { type FaultPlan, faultPlanOf } from "./fault_plan.ts";
import { checkingHeaders } from "./intercepted.ts";
import { workloadsOf } from "./workloads.ts";
import { StoreCosts } from "./store_costs.ts";
import { askThroughFronts, divided } from "./fronts.ts";
import { Hanging } from "./hung.ts";
import { LaterCheck } from "./laters.ts";
import { TurnCheck } from "./limited.ts";
import { leaveAll } from "./leaving.ts";
import { eraseAtFirst, Erasures, refuseAtLast } from "./erasing.ts";
import { FailureDetectionCheck } from "./failure_detection_check.ts";
import { type Job, News, subscribersOf } from "./messages.ts";
import { Pauses } from "./pausing.ts";
import { plant, planter } from "./foreign_rows.ts";
import { checkLeftoverRows } from "./leftover_rows_check.ts";
import { ScheduleCheck } from "./schedule_check.ts";
import { isSteady, type Scene } from "./scenes.ts";
import { uncaught } from "./uncaught.ts";
import { respondents, surveyAtLast } from "./surveys.ts";
import { Listeners } from "./listening.ts";
import { Operator } from "./operator.ts";
import { RollingDeploy } from "./rolling_deploy.ts";
import { probed } from "./rule.ts";
import { rules } from "./rules.ts";
import { takenOut } from "./taken_out.ts";
import { TrialCheck } from "./trial_check.ts";
import { checkAtRest } from "./final_check.ts";

export interface SeedOptions {
  /** A rule to remove. */
  readonly without?: string | undefined;
  /**
   * Whether notifications, watches and local deliveries work; without them all messages are found by looking.
   */
  readonly hints?: boolean;
  /** Changes the faults. */
  readonly faultPlan?: (faultPlan: FaultPlan) => FaultPlan;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface SeedResult {
  readonly seed: number;
  /** The first fault found; `undefined` if there is none. */
  readonly failure: string | undefined;
  readonly hash: string;
  /** The last steps before it failed. */
  readonly steps: readonly string[];
  /** The rare branches reached, and the faults that occurred. */
  readonly marks: ReadonlySet<string>;
  readonly happened: number;
  readonly commits: number;
  readonly restMs: number;
  readonly faultPlan: FaultPlan;
}

const eventsMax = 10;
const safetyMs = 45_000;
/** The time after the last fault until the last late commit is applied. */
const lateMs = 8_500;
/** The time within which all listeners get their events, also with lost notifications. */
const hearMs = 5_000;
/** The time after the last fault within which all work must be done. */
const restMsMax = 120_000;

const dayMs = 86_400_000;
/**
 * Shorter than the difference of clocks, and longer than any retry: for runs in which all instances know each
 * other's clocks.
 */
const shortWindowMs = 1_800_000;
const usualLetters = 200;
/** Whether there are more rows than one list returns from the start. */
const fewLetters = 20;
/** At the end every window has passed by every clock: of ids, of replies, and of ended instances. */
const windowsMs = 30 * 3_600_000;
/** How often opening the store fails, in runs with that fault, and how long that may take. */
const closedShare = 0.6;
const openingMsMax = 20_000;

/** One run. */
export async function simulate(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const run = new Run(seed, options);
  using _ = uncaught((why) => run.fail(why));
  using _patches = takenOut(options);
  try {
    return await run.go();
  } catch (cause) {
    throw new Error(`seed ${seed} could not be simulated`, { cause });
  }
}

class Run {
  readonly #seed: number;
  readonly #faultPlan: FaultPlan;
  readonly #history: CommitHistory;
  readonly #clients: Clients;
  readonly #transientDeliveries: TransientDeliveries;
  readonly #listeners: Listeners;
  readonly #simulation: Simulation<System>;
  readonly #rollingDeploy: RollingDeploy;
  readonly #marks = new Set<string>();
  readonly #asks = new Set<string>();
  readonly #healed = new Set<string>();
  readonly #hanging = new Hanging();
  readonly #reminded = new ScheduleCheck();
  readonly #erasures = new Erasures();
  readonly #pauses = new Pauses((why) => this.fail(why));
  readonly #laters = new LaterCheck((why) => this.fail(why));
  readonly #costs = new StoreCosts();
  readonly #operator = new Operator(() => this.#planted);
  #planted: ReadonlySet<string> = new Set();
  /** Whether there are faults. */
  #troubled = false;
  /** When the faults ended. */
  #calmMs = Infinity;
  #subscribedMs = 0;
  #failure: string | undefined;
  #steps: readonly string[] = [];

  constructor(seed: number, { without, hints = true, faultPlan = (same) => same, onStep }: SeedOptions) {
    this.#seed = seed;
    const rule = rules.find(({ name }) => name === without);
    const drawn = faultPlanOf(seededRandom(Math.imul(seed, 0x9e3779b1)));
    this.#faultPlan = faultPlan(rule?.faultPlan?.(drawn) ?? drawn);
    if (without !== undefined && rule === undefined) throw new RangeError(`There is no rule ${without}`);
    const { processes, process, traits, limits, strict, times, store, capacity, actorsMax, scenes } =
      this.#faultPlan;
    this.#rollingDeploy = new RollingDeploy(this.#faultPlan.deploy);
    this.#history = new CommitHistory({
      asks: this.#asks,
      sent: (actor, tag) => this.#clients.unnamed(actor, tag),
      eventsMax,
      waitingMax: capacity * 10 + 200,
      clocksApartMs: process.clocksApartMs ?? 0,
      revisionOf: (instance) => this.#rollingDeploy.revisionOf(instance),
      planted: () => this.#planted,
      mayErase: (actor, tag) => this.#erasures.mayErase(actor, tag),
      onDone: (actor, job) => this.#reminded.done(this.#history, actor, job),
      fail: (why) => this.fail(why),
      onRare: (branch) => this.#marks.add(branch),
    });
    const probes = {
      reach: (branch: string, about?: unknown) => {
        this.#marks.add(branch);
        // A commit that only seems to be a repeat is applied after those committed beside it.
        if (branch === "accepted in a second commit") this.#clients.unordered.add((about as Job).tag);
      },
    };
    const onRare = (branch: string) => void this.#marks.add(branch);
    const trials = new TrialCheck((why) => this.fail(why), onRare);
    const lively = new FailureDetectionCheck({
      faultPlan: this.#faultPlan,
      lives: (process) => this.#simulation.running.some(({ host }) => host.name === process),
      calmMs: () => this.#calmMs,
      fail: (why) => this.fail(why),
      reach: onRare,
    });
    this.#transientDeliveries = new TransientDeliveries(this.#history, (why) => this.fail(why), onRare);
    this.#listeners = new Listeners(this.#history, (why) => this.fail(why), onRare);
    const turns = new TurnCheck((why) => this.fail(why), onRare);
    const world = {
      turns,
      erasures: this.#erasures,
      healed: this.#healed,
      transientDeliveries: this.#transientDeliveries,
      hanging: this.#hanging,
      now: () => this.#simulation.clock.now(),
      spoils: () => this.#troubled,
      carried: (what: string, { trace }: Readonly<Record<string, string>>, wanted: string | undefined) => {
        if (trace !== wanted) {
          this.fail(`${what} comes with the header ${trace}, and was sent with ${wanted}`);
        }
        if (trace !== undefined) this.#marks.add("a header arrives");
      },
      ran: (host: string, actor: string, tag: string, attempt: number) => {
        this.#simulation.note(`${host} ${actor} handles ${tag}, attempt ${attempt}`);
        this.#pauses.ran(host, actor, tag);
      },
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
        strict,
        times,
        presence: scenes.includes("presence"),
        onCommit: (commit, parts) => {
          const keys = commit.parts.map((
            { writes, removals },
          ) => [...writes, ...removals.map((key) => `-${key}`)]);
          const text = keys.map((keys) => keys.join(" ")).join(" | ").replaceAll("\u001f", "/");
          this.#simulation.note(`${commit.instance} commits ${commit.version} (${commit.outcome}): ${text}`);
          if (commit.outcome !== "known") this.#marks.add(`a commit is ${commit.outcome}`);
          if (commit.instance === planter) return;
          this.#history.apply(commit, parts);
          trials.apply(parts);
          this.#laters.apply(parts);
          lively.apply(commit, parts);
        },
      },
      start: (host) => {
        const program = this.#rollingDeploy.start(host.name);
        const actors = actorsOf(host, world, this.#faultPlan, program);
        const intercepting = checkingHeaders({
          fail: (why) => this.fail(why),
          mark: (branch) => this.#marks.add(branch),
        });
        const system = new System({
          ...divided(host, actors, this.#faultPlan, program),
          clock: host.clock,
          random: host.random,
          store: probed(host.store, probes, {
            rule,
            hints,
            costs: this.#costs,
            opening: () => this.#opening(host),
          }),
          limits: { actors: actorsMax, events: eventsMax, deadLetters: this.#lettersMax },
          ...this.#has("headers") && { intercept: [intercepting] },
          laterMs: dayMs,
          deduplicationWindowMs: isSteady(this.#faultPlan) ? shortWindowMs : dayMs,
          log: false,
        });
        if (this.#faultPlan.listening) this.#listen(host, system);
        system.ready().catch(() => {
          if (!scenes.includes("opening")) host.crash(); // its program ends and is restarted
        });
        return system;
      },
    });
    if (!hints) this.#faultPlan = { ...this.#faultPlan, store: { ...store, watchLost: 1 } };
    this.#clients = new Clients({
      simulation: this.#simulation,
      history: this.#history,
      asks: this.#asks,
      healed: this.#healed,
      traced: this.#has("headers"),
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
    this.#planted = await plant(simulation, this.#faultPlan.scenes);
    this.#subscribedMs = await subscribeAll(this.#stage(failed), this.#subscribers, this.#has("surveys"));
    if (this.#has("erasing")) {
      await eraseAtFirst(this.#stage(failed), this.#erasures, !this.#has("crowded"));
    }
    this.#troubled = true;
    simulation.store.faults = this.#faultPlan.store;
    simulation.faults = this.#faultPlan.process;
    this.#begin();
    await simulation.advance(safetyMs, () => {
      this.#operator.look(simulation, this.#history);
      return failed();
    });
    for (const [fault, count] of Object.entries(simulation.store.counts)) {
      if (count > 0) this.#marks.add(`fault ${fault}`);
    }
    this.#troubled = false;
    simulation.calm();
    this.#calmMs = simulation.clock.now();
    await simulation.advance(lateMs, failed);
    const stage = this.#stage(failed);
    if (this.#faultPlan.deploy?.abandoned) await abandon(stage);
    this.#rollingDeploy.finish();
    if (!failed() && this.#has("pausing")) await this.#pauses.pauseAtLast(stage);
    if (this.#has("hung")) await goOnBeside(stage);
    let canceled = false;
    void this.#clients.cancelSchedules().then(() => canceled = true);
    const history = this.#history;
    // A schedule set by a clock that was an hour ahead may be due an hour late.
    const scheduled = () => this.#has("hours") ? 0 : history.scheduled;
    const atRest = () =>
      canceled && this.#clients.open === 0 && history.waiting + history.indexed + scheduled() === 0;
    const rest = async () => {
      await simulation.advance(restMsMax, () => failed() || atRest());
      if (!failed() && !atRest()) this.#notAtRest(canceled);
    };
    const restBeganMs = simulation.clock.now();
    await rest();
    const restMs = simulation.clock.now() - restBeganMs;
    if (!failed() && this.#has("surveys")) {
      await surveyAtLast(stage);
      await rest();
    }
    if (!failed() && this.#has("leaving")) { // when no actor can subscribe any more
      canceled = false;
      void leaveAll(this.#clients).then(() => canceled = true);
      await rest();
    }
    const seen = (this.#faultPlan.shared !== undefined || this.#has("presence")) &&
      this.#faultPlan.times.latencyMsMax === undefined;
    if (!failed() && seen && this.#faultPlan.actorsMax > 5) {
      await restart(stage);
      await rest();
    }
    if (!failed() && this.#has("fronts")) {
      let asked = false;
      void askThroughFronts(stage, this.#faultPlan, this.#asks).then(() => asked = true);
      await simulation.advance(restMsMax, () => failed() || asked);
      await rest();
    }
    if (!failed() && this.#has("erasing")) await refuseAtLast(stage);
    if (!failed() && this.#has("crowded")) {
      await this.#costs.judgeLists(simulation, failed, (why) => this.fail(why));
    }
    if (!failed()) await this.#operator.judge((why) => this.fail(why), (branch) => this.#marks.add(branch));
    if (!failed()) await this.#checkAtRest(failed);
    if (!failed()) await this.#costs.judgeRefused(simulation, failed, (why) => this.fail(why));
    if (!failed()) await this.#stopAll();
    if (!failed()) await this.#checkLeftoverRows(failed);
    return {
      seed: this.#seed,
      failure: this.#failure,
      hash: simulation.hash,
      steps: this.#steps,
      marks: this.#marks,
      happened: simulation.happened,
      commits: simulation.store.log.length,
      restMs,
      faultPlan: this.#faultPlan,
    };
  }

  /** The parts of the run. */
  #begin(): void {
    const workloads = workloadsOf(this.#faultPlan, {
      simulation: this.#simulation,
      history: this.#history,
      listeners: this.#listeners,
      laterCheck: this.#laters,
      erasures: this.#erasures,
      pauses: this.#pauses,
      fail: (why) => this.fail(why),
    });
    for (const workload of workloads) this.#clients.begin(workload);
    this.#rollingDeploy.begin(this.#simulation);
    if (this.#has("erasing")) this.#erasures.begin(this.#simulation);
    if (this.#faultPlan.poison) poison({ simulation: this.#simulation });
  }

  async #checkAtRest(failed: () => boolean): Promise<void> {
    checkAtRest({
      history: this.#history,
      clients: this.#clients,
      subscribers: this.#subscribers,
      sinceMs: this.#subscribedMs,
      innocents: this.#has("poisons"),
      fail: (why) => this.fail(why),
    });
    this.#laters.checkAtRest(this.#simulation.store.snapshot(), this.#has("hours"));
    if (!this.#has("hours")) this.#reminded.checkAtRest(this.#history, (why) => this.fail(why));
    const whispers = this.#clients.sent.filter(({ job }) => job.does === "whisper");
    this.#transientDeliveries.checkAtRest(
      this.#simulation,
      whispers.map(({ actor, job }) => `${actor} ${job.tag}`),
    );
    if (failed() || !this.#faultPlan.listening) return;
    await this.#simulation.advance(hearMs, failed);
    this.#listeners.checkAtRest(this.#simulation);
  }

  /** There is no user any more, and every window has passed. */
  async #checkLeftoverRows(failed: () => boolean): Promise<void> {
    const simulation = this.#simulation;
    await simulation.advance(windowsMs, failed);
    const asked = this.#has("surveys") ? respondents : [];
    checkLeftoverRows({
      history: this.#history,
      rows: simulation.store.snapshot(),
      nowMs: simulation.clock.now(),
      subscriptions: [
        ...this.#subscribers.map((name) => ["news.posted", name, "heard"] as const),
        ...asked.map((name) => ["node.poll", name, "poll"] as const),
      ],
      planted: this.#planted,
      mayBeDue: this.#has("hours"),
      lettersMax: this.#lettersMax,
      processes: this.#faultPlan.processes,
      eventsMax,
      fail: (why) => this.fail(why),
    });
  }

  get #lettersMax(): number {
    return this.#has("crowded") ? fewLetters : usualLetters;
  }

  #has(scene: Scene): boolean {
    return this.#faultPlan.scenes.includes(scene);
  }

  #stage(failed: () => boolean): Stage {
    return {
      simulation: this.#simulation,
      history: this.#history,
      clients: this.#clients,
      rollingDeploy: this.#rollingDeploy,
      hanging: this.#hanging,
      failed,
      fail: (why) => this.fail(why),
      reach: (branch) => void this.#marks.add(branch),
    };
  }

  /** The reason why a process cannot open the store. */
  async #opening(host: SimulatedHost): Promise<void> {
    if (!this.#troubled || !this.#has("opening") || host.random.next() > closedShare) return;
    const afterMs = host.random.next() * openingMsMax;
    await new Promise<void>((resolve) => void host.clock.setTimer(afterMs, resolve));
    if (host.random.next() < closedShare) {
      this.#marks.add("a store cannot be opened");
      const temporary = afterMs < openingMsMax / 2;
      throw new StoreError("store-unavailable", "Cannot open the simulated store: it is away", { temporary });
    }
  }

  /** Subscribes a function in a process, which gets events of that process at once. */
  #listen(host: SimulatedHost, system: System): void {
    this.#listeners.listen(host, system);
    const tag = `hello-${host.name}`;
    const accepted = this.#listeners.publishes(host, tag);
    system.publish(News.posted, { tag }).then(accepted, () => {});
  }

  get #subscribers(): readonly string[] {
    return subscribersOf(this.#faultPlan.deploy !== undefined, this.#has("erasing"));
  }

  #notAtRest(canceled: boolean): void {
    const left = [...this.#history.actors].filter(([, { waiting, index }]) => waiting > 0 || index.size > 0)
      .map(([name, { waiting, index }]) =>
        `${name} has ${waiting} waiting, indexed by ${[...index].join(" ")}`
      );
    const why = left.length > 0 ? left.join("; ") : canceled ? "something is due" : "a client waits";
    this.fail(`it does not come to rest: ${why}`);
  }

  /** A regular stop takes bounded time too. */
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
