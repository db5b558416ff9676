import { type Actor, actor, type Clock, type Context, TerminalError } from "@posthorn/posthorn";
import type { SimulatedHost } from "@posthorn/posthorn/testing/simulation";
import { transientActorOf, type TransientDeliveries } from "./transient_actors.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { type StateVersion, stateVersionOf } from "./state_versions.ts";
import type { Erasures } from "./erasing.ts";
import type { Hanging } from "./hung.ts";
import { limits, type TurnCheck } from "./limited.ts";
import {
  type Answer,
  Echo,
  type Entry,
  entryText,
  type Job,
  kinds,
  type Lost,
  News,
  overflowOf,
  partsOf,
  type Post,
  StampedScroll,
  tagOf,
} from "./messages.ts";
import { laterActors } from "./laters.ts";
import type { Program } from "./rolling_deploy.ts";

/** The state that actors share outside of the store. */
export interface World {
  /** The jobs that were refused once and are accepted now. */
  readonly healed: Set<string>;
  readonly transientDeliveries: TransientDeliveries;
  readonly hanging: Hanging;
  readonly turns: TurnCheck;
  readonly erasures: Erasures;
  /** The true time. */
  readonly now: () => number;
  /** Whether fragile handlers throw. */
  readonly spoils: () => boolean;
  /** Called with the headers of a message, and with the one that must be among them. */
  carried(what: string, headers: Readonly<Record<string, string>>, trace: string | undefined): void;
  /** Called when a handler starts. */
  ran(host: string, actor: string, tag: string, attempt: number): void;
}

const hourMs = 3_600_000;

type NodeContext = Context<"node", unknown>;

/** Where actors of one protocol run, and their settings. */
interface Stage {
  readonly host: SimulatedHost;
  readonly world: World;
  readonly form: StateVersion;
}

/** The actors of one process. */
export function actorsOf(host: SimulatedHost, world: World, faultPlan: FaultPlan, program: Program): Actor[] {
  const { capacity, brim } = faultPlan;
  const attempts: Record<string, number> = { glass: 3 };
  const echoing = faultPlan.beside ? [transientActorOf(host, world.transientDeliveries)] : [];
  const lasting = Object.entries(kinds).filter(([name]) =>
    name === "vacant" ? world.erasures.hosts(host) : isPresent(name, faultPlan, program)
  ).map(
    ([name, kind]) => {
      const overflow = overflowOf(name);
      const stage = { host, world, form: stateVersionOf(name, program.revision) };
      const stamps = name === "scroll" && program.revision === 2;
      const protocol = stamps ? StampedScroll : kind;
      const spoil = (what: string) => {
        if (name === "frail" && world.spoils()) throw new Error(`${what} throws`);
      };
      return actor(protocol as unknown as typeof kind, {
        state() {
          spoil("state");
          return stage.form.begin();
        },
        stateVersion: stage.form.version,
        migrate(state, from) {
          spoil("migrate");
          return stage.form.migrate(state, from);
        },
        on: {
          job: (ctx, job) => discard(handle(ctx, job, stage)),
          work: (ctx, job) => handle(ctx, job, stage),
          add: (ctx, job) => handle(ctx, job, stage),
          read: (ctx) => stage.form.diary(ctx.state).log.length,
          got: (ctx, answer) => note(ctx, stage, "got", answer),
          lost: (ctx, failure) => note(ctx, stage, "lost", failure),
          heard: (ctx, post) => note(ctx, stage, "heard", post),
          tick: (ctx, post) => note(ctx, stage, "tick", post),
          poll: (ctx, job) => {
            const answer = handle(ctx, job, stage);
            return job.does === "abstain" ? undefined : answer;
          },
          ...(stamps && { stamp: (ctx: NodeContext, job: Job) => discard(handle(ctx, job, stage)) }),
        },
        mailbox: overflow === undefined ? { capacity } : { capacity: brim, overflow },
        retry: {
          attempts: attempts[name] ?? 8,
          baseMs: 100,
          maxMs: 1_500,
          order: name === "aside" ? "aside" : "hold",
        },
        ...(name === "brief" && limits),
        idleMs: 3_000,
      });
    },
  );
  return [...lasting, ...echoing, ...faultPlan.scenes.includes("laters") ? laterActors : []];
}

function isPresent(protocol: string, { brim, deploy, scenes }: FaultPlan, { hosts }: Program): boolean {
  if (protocol === "frail") return scenes.includes("spoiled");
  if (protocol === "brief") return scenes.includes("limited");
  if (protocol === "scroll") return deploy !== undefined;
  return protocol === "guest" ? hosts : brim > 0 || overflowOf(protocol) === undefined;
}

function discard(done: Answer | Promise<Answer>): void | Promise<void> {
  return done instanceof Promise ? done.then(() => {}) : undefined;
}

function handle(ctx: NodeContext, job: Job, stage: Stage): Answer | Promise<Answer> {
  const done = begin(ctx, job, stage);
  const counts = ctx.self.protocol as string === "brief" && done instanceof Promise;
  return counts ? stage.world.turns.await(stage.host, ctx.signal, done) : done;
}

function begin(ctx: NodeContext, job: Job, stage: Stage): Answer | Promise<Answer> {
  const { tag, does, more = 0 } = job;
  const { host, world } = stage;
  world.ran(host.name, nameOf(ctx), tag, ctx.attempt);
  world.carried(`${tag} of ${nameOf(ctx)}`, ctx.headers, job.trace);
  if (does === "poison") {
    host.crash();
    throw new Error("its process has ended");
  }
  if (does === "fail" && ctx.attempt <= more) throw new Error(`again tag<${tag}>`);
  if (does === "refuse" || (does === "once" && !world.healed.has(tag))) {
    throw new TerminalError(`no tag<${tag}>`);
  }
  if (does === "hang") return world.hanging.wait().then(() => finish(ctx, job, stage));
  if (does === "wait") void ctx.signal; // so that its process looks whether the message was taken back
  if (does === "stuck" && ctx.attempt <= more) {
    return world.turns.stuck(host, ctx.signal, () => finish(ctx, job, stage));
  }
  if (does === "wait") return sleep(host.clock, more).then(() => finish(ctx, job, stage));
  return finish(ctx, job, stage);
}

function finish(ctx: NodeContext, job: Job, stage: Stage): Answer {
  const { tag, does, path, more = 0, target = "", bulk = 0 } = job;
  const log = write(ctx, stage, job, does === "swell" ? "x".repeat(bulk) : undefined);
  const [next, ...rest] = path;
  if (does === "submit") {
    const sent = sendOn(ctx, stage, job, next, [], "?");
    const { kind, key } = partsOf(next);
    const self = ctx.ref(partsOf(nameOf(ctx)).kind, ctx.key);
    const { got, lost } = partsOf(nameOf(ctx)).kind;
    ctx.ref(kind, key).submit(kind.work, sent, { replyTo: self.at(got), failTo: self.at(lost) });
  } else if (next !== undefined) {
    const { kind, key } = partsOf(next);
    const sent = sendOn(ctx, stage, job, next, rest, ">");
    if (does === "delay") {
      const dueMs = stage.world.now() + more;
      ctx.ref(kind, key).tell(kind.job, { ...sent, seq: 0, delayMs: more, dueMs }, { afterMs: more });
    } else if (does === "stamp") ctx.ref(StampedScroll, key).tell(StampedScroll.stamp, sent);
    else ctx.ref(kind, key).tell(kind.job, sent);
  }
  const { kind } = partsOf(nameOf(ctx));
  const self = ctx.ref(kind, ctx.key);
  if (does === "publish") ctx.publish(News.posted, { tag, pad: job.pad, ...traceOf(job) });
  if (does === "timer") {
    ctx.schedule(tag, { afterMs: more }, self.at(kind.job), {
      tag: `${tag}!`,
      from: "timer",
      seq: 0,
      path: [],
      does: "write",
    });
  }
  if (does === "remind") remind(ctx, job);
  if (does === "listen") ctx.subscribe(News.posted, self.at(kind.heard));
  if (does === "deafen") ctx.unsubscribe(News.posted, self.at(kind.heard));
  if (does === "every") ctx.schedule(tag, { everyMs: 2_000 }, self.at(kind.tick), { tag });
  if (does === "cron") ctx.schedule(target, { cron: "*/2 * * * * *" }, self.at(kind.tick), { tag: target });
  if (does === "whisper") ctx.ref(Echo, "e0").tell(Echo.hear, `${nameOf(ctx)} ${tag}`);
  if (does === "cancel") ctx.cancel(target);
  if (does === "erase") ctx.erase();
  if (does === "leave") ctx.passivate();
  const answers = job.from === "poll" || ((job.from === "submit" || job.from === "ask") && bulk > 0);
  return { tag, at: log, ...traceOf(job), ...(answers && { by: nameOf(ctx), pad: "x".repeat(bulk) }) };
}

/** Sets a schedule, cancels it and sets it again, in one turn. */
function remind(ctx: NodeContext, { tag, target = "", to = nameOf(ctx), more = 0, bulk = 0 }: Job): void {
  const { kind, key } = partsOf(to);
  const address = ctx.ref(kind, key).at(kind.job);
  const job = { from: "timer", seq: 0, path: [], does: "write" as const };
  ctx.schedule(target, { afterMs: hourMs }, address, { ...job, tag: `${tag}~` });
  ctx.cancel(target);
  ctx.schedule(target, { afterMs: more }, address, { ...job, tag: `${tag}!`, pad: "x".repeat(bulk) });
}

/** The job that is sent on to the next actor. */
function sendOn(
  ctx: NodeContext,
  { form }: Stage,
  job: Job,
  next: string,
  path: readonly string[],
  mark: string,
): Job {
  const diary = form.diary(ctx.state);
  const seq = (diary.out[next] ?? 0) + 1;
  ctx.state = form.keep({ ...diary, out: { ...diary.out, [next]: seq } }, ctx.state);
  const does = job.does === "submit" && job.target !== undefined
    ? job.target as Job["does"]
    : job.does === "stamp"
    ? "stamp"
    : "write";
  return { tag: job.tag + mark, from: nameOf(ctx), seq, path, does, more: 1, ...traceOf(job) };
}

function note(ctx: NodeContext, stage: Stage, operation: string, payload: Answer | Lost | Post): void {
  const tag = tagOf(operation, payload, ctx.id);
  if (operation === "got" || operation === "heard") {
    stage.world.carried(`${tag} of ${nameOf(ctx)}`, ctx.headers, (payload as Answer | Post).trace);
  }
  write(ctx, stage, { tag, from: operation, seq: 0 });
}

function write(ctx: NodeContext, { form }: Stage, entry: Entry, ballast?: string): number {
  const { log, ...diary } = form.diary(ctx.state);
  const swollen = ballast === undefined ? diary : { ...diary, ballast };
  ctx.state = form.keep({ ...swollen, log: [...log, entryText(entry)] }, ctx.state);
  return log.length + 1;
}

function nameOf(ctx: NodeContext): string {
  const { protocol } = ctx.self;
  return `${protocol}/${ctx.key}`;
}

/** The header that goes on with what a job sends; rows of jobs without one stay as they are. */
function traceOf({ trace }: Job): Pick<Job, "trace"> {
  return trace === undefined ? {} : { trace };
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}
