import { type Actor, actor, type Clock, type Context, TerminalError } from "@posthorn/posthorn";
import type { SimulatedHost } from "@posthorn/posthorn/testing";
import type { Weather } from "./faults.ts";
import {
  type Answer,
  type Diary,
  type Entry,
  entryText,
  type Job,
  kinds,
  type Lost,
  News,
  overflowOf,
  partsOf,
  type Post,
  tagOf,
} from "./messages.ts";

/** What actors share that is outside of the store. */
export interface World {
  /** What was refused once and is not any more. */
  readonly healed: Set<string>;
  /** A handler began. */
  ran(host: string, actor: string, tag: string, attempt: number): void;
}

type NodeContext = Context<"node", Diary>;

/** The actors of one process. */
export function actorsOf(host: SimulatedHost, world: World, { capacity, brim }: Weather): Actor[] {
  const attempts: Record<string, number> = { glass: 3 };
  const present = Object.entries(kinds).filter(([name]) => brim > 0 || overflowOf(name) === undefined);
  return present.map(([name, kind]) => {
    const overflow = overflowOf(name);
    return actor(kind, {
      state: (): Diary => ({ log: [], out: {} }),
      on: {
        job: (ctx, job) => discard(handle(ctx, job, host, world)),
        work: (ctx, job) => handle(ctx, job, host, world),
        add: (ctx, job) => handle(ctx, job, host, world),
        read: (ctx) => ctx.state.log.length,
        got: (ctx, answer) => note(ctx, "got", answer),
        lost: (ctx, failure) => note(ctx, "lost", failure),
        heard: (ctx, post) => note(ctx, "heard", post),
        tick: (ctx, post) => note(ctx, "tick", post),
      },
      mailbox: overflow === undefined ? { capacity } : { capacity: brim, overflow },
      retry: {
        attempts: attempts[name] ?? 8,
        baseMs: 100,
        maxMs: 1_500,
        order: name === "aside" ? "aside" : "hold",
      },
      idleMs: 3_000,
    });
  });
}

function discard(done: Answer | Promise<Answer>): void | Promise<void> {
  return done instanceof Promise ? done.then(() => {}) : undefined;
}

function handle(ctx: NodeContext, job: Job, host: SimulatedHost, world: World): Answer | Promise<Answer> {
  const { tag, does, more = 0 } = job;
  world.ran(host.name, nameOf(ctx), tag, ctx.attempt);
  if (does === "poison") {
    host.crash();
    throw new Error("its process has ended");
  }
  if (does === "fail" && ctx.attempt <= more) throw new Error(`again tag<${tag}>`);
  if (does === "refuse" || (does === "once" && !world.healed.has(tag))) {
    throw new TerminalError(`no tag<${tag}>`);
  }
  if (does === "wait") return sleep(host.clock, more).then(() => finish(ctx, job));
  return finish(ctx, job);
}

function finish(ctx: NodeContext, job: Job): Answer {
  const { tag, does, path, more = 0, target = "" } = job;
  const log = write(ctx, job);
  const [next, ...rest] = path;
  if (does === "submit") {
    const sent = sendOn(ctx, job, next, [], "?");
    const { kind, key } = partsOf(next);
    const self = ctx.ref(partsOf(nameOf(ctx)).kind, ctx.key);
    const { got, lost } = partsOf(nameOf(ctx)).kind;
    ctx.ref(kind, key).submit(kind.work, sent, { replyTo: self.at(got), failTo: self.at(lost) });
  } else if (next !== undefined) {
    const { kind, key } = partsOf(next);
    ctx.ref(kind, key).tell(kind.job, sendOn(ctx, job, next, rest, ">"));
  }
  const { kind } = partsOf(nameOf(ctx));
  const self = ctx.ref(kind, ctx.key);
  if (does === "publish") ctx.publish(News.posted, { tag, pad: job.pad });
  if (does === "timer") {
    ctx.schedule(tag, { afterMs: more }, self.at(kind.job), {
      tag: `${tag}!`,
      from: "timer",
      seq: 0,
      path: [],
      does: "write",
    });
  }
  if (does === "every") ctx.schedule(tag, { everyMs: 2_000 }, self.at(kind.tick), { tag });
  if (does === "cancel") ctx.cancel(target);
  if (does === "forget") ctx.forget();
  if (does === "leave") ctx.stop();
  return { tag, at: log };
}

/** What goes on to the next actor. */
function sendOn(ctx: NodeContext, job: Job, next: string, path: readonly string[], mark: string): Job {
  const { log, out } = ctx.state;
  const seq = (out[next] ?? 0) + 1;
  ctx.state = { log, out: { ...out, [next]: seq } };
  const does = job.does === "submit" && job.target !== undefined ? job.target as Job["does"] : "write";
  return { tag: job.tag + mark, from: nameOf(ctx), seq, path, does, more: 1 };
}

function note(ctx: NodeContext, operation: string, payload: Answer | Lost | Post): void {
  write(ctx, { tag: tagOf(operation, payload, ctx.id), from: operation, seq: 0 });
}

function write(ctx: NodeContext, entry: Entry): number {
  const { log, out } = ctx.state;
  ctx.state = { log: [...log, entryText(entry)], out };
  return log.length + 1;
}

function nameOf(ctx: NodeContext): string {
  const { protocol } = ctx.self;
  return `${protocol}/${ctx.key}`;
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}
