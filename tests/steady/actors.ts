// The work of a steady run: every mode, schedules, failures, temporary subscriptions, erased actors. Each
// step ends by itself, so that afterwards only rows with a retention time should be left.

import {
  type Actor,
  actor,
  ask,
  event,
  protocol,
  submit,
  survey,
  type System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";

/** The prefix of the keys of actors that are erased. */
export const erased = "erased-";
/** The number of permanent actors. */
const staying = 20;
const soonMs = 10_000;
const oftenMs = 3_000;
const dayMs = 86_400_000;

export const Load = protocol("load", {
  add: tell(unchecked<number>()),
  fail: tell(unchecked<string>()),
  leave: tell(),
  /** Sets schedules: one that fires, one that is replaced before it fires, one that is cancelled. */
  remind: tell(unchecked<number>()),
  tick: tell(unchecked<string>()),
  calm: tell(),
  total: ask(unchecked<number>()),
  job: submit(unchecked<number>(), unchecked<number>()),
  replied: tell(unchecked<number>()),
  listen: tell(),
  deafen: tell(),
  quote: survey(unchecked<string>(), unchecked<string>()),
  happened: event(unchecked<string>()),
});

export function loadActor(): Actor {
  return actor(Load, {
    state: () => 0,
    on: {
      add: (ctx, n) => void (ctx.state += n),
      fail: (_ctx, why) => {
        throw new TerminalError(why, { code: "steady" });
      },
      leave: (ctx) => ctx.erase(),
      remind(ctx, n) {
        const to = ctx.self.at(Load.tick);
        ctx.schedule("once", { afterMs: soonMs }, to, "once");
        ctx.schedule("anew", { afterMs: dayMs }, to, "anew");
        if (n % 2 === 0) ctx.cancel("anew");
        ctx.schedule("often", { everyMs: oftenMs }, to, "often");
        if (n % 3 === 0) ctx.cancel("often");
      },
      tick(ctx, name) {
        ctx.state++;
        if (name === "often" && ctx.state % 5 === 0) ctx.cancel("often");
      },
      calm(ctx) {
        for (const name of ["once", "anew", "often"]) ctx.cancel(name);
      },
      total: (ctx) => ctx.state,
      job(ctx, n) {
        ctx.state += n;
        return ctx.state;
      },
      replied: (ctx) => void ctx.state++,
      listen: (ctx) => ctx.subscribe(Load.happened, ctx.self.at(Load.fail)),
      deafen: (ctx) => ctx.unsubscribe(Load.happened, ctx.self.at(Load.fail)),
      quote: (_ctx, text) => text.toUpperCase(),
    },
    idleMs: 5_000,
    retry: { attempts: 2 },
  });
}

/** Runs one step; resolves when all its requests are answered. */
export async function step(system: System, name: string, n: number): Promise<void> {
  const ref = system.ref(Load, `staying-${n % staying}`);
  const gone = system.ref(Load, `${erased}${name}-${n}`);
  const id = `${name}-${n}`;
  const all: Promise<unknown>[] = [
    ref.tell(Load.add, 1, { id }),
    ref.tell(Load.add, 1),
    ref.ask(Load.total),
    ref.submit(Load.job, n, { id: `job-${id}` }).then((ticket) => ticket.reply({ timeoutMs: 20_000 })),
    ref.submit(Load.job, 1, { replyTo: system.ref(Load, "staying-0").at(Load.replied) }),
    gone.tell(Load.add, 1).then(() => gone.tell(Load.leave)),
    system.publish(Load.happened, `${id} ${"x".repeat(n % 10 === 0 ? 5_000 : 10)}`),
  ];
  if (n % 5 === 0) all.push(ref.tell(Load.fail, id));
  if (n % 7 === 0) all.push(ref.tell(Load.remind, n));
  if (n % 11 === 0) all.push(comeAndGo(system, `listener-${n % 3}`));
  if (n % 4 === 0) all.push(collect(system, id));
  await Promise.all(all);
}

/** A temporary subscription. */
async function comeAndGo(system: System, key: string): Promise<void> {
  await system.ref(Load, key).tell(Load.listen);
  await system.ref(Load, key).tell(Load.deafen);
}

async function collect(system: System, text: string): Promise<void> {
  for await (const _ of system.survey(Load.quote, text, { timeoutMs: 1_000, max: 1 }));
}

/**
 * Starts the permanent parts of each process: a local listener and a respondent, until the result is disposed
 * of.
 */
export function begin(system: System): Disposable {
  const stack = new DisposableStack();
  stack.use(system.subscribe(Load.happened, () => {}));
  stack.use(system.subscribe(Load.quote, (text) => `local ${text}`));
  return stack;
}

/** Ends repeating work. */
export async function end(system: System): Promise<void> {
  for (let n = 0; n < staying; n++) await system.ref(Load, `staying-${n}`).tell(Load.calm);
}
