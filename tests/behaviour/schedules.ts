import type { Scenario } from "./scenario.ts";
import { One, type OneContext, type Scripts, type World } from "./world.ts";

/** Records the time of each message. */
function ticking(world: () => World): Scripts {
  return {
    tick: (ctx, rest) => world().write(`${ctx.key} ticks ${rest} after ${world().passedMs} ms`),
    cancel: (ctx, name) => ctx.cancel(name),
  };
}

const tick = (ctx: OneContext) => ctx.self.at(One.run);

export const schedules: readonly Scenario[] = [
  {
    name: "a schedule comes after its time, at its time, and again and again",
    scripts: (world) => ({
      ...ticking(world),
      after: (ctx) => ctx.schedule("after", { afterMs: 1_000 }, tick(ctx), "tick after"),
      at: (ctx) => ctx.schedule("at", { at: new Date(ctx.now + 1_500) }, tick(ctx), "tick at"),
      past: (ctx) => ctx.schedule("past", { at: new Date(ctx.now - 1_500) }, tick(ctx), "tick past"),
      every: (ctx) => ctx.schedule("every", { everyMs: 800 }, tick(ctx), "tick every"),
    }),
    async run(world) {
      for (const script of ["after", "at", "past", "every"]) {
        await world.hear(script, world.ref("a").tell(One.run, script));
      }
      await world.pass(2_500);
      await world.hear("cancel", world.ref("a").tell(One.run, "cancel every"));
      await world.pass(2_000);
    },
  },

  {
    name: "the last word on a schedule counts",
    scripts: (world) => ({
      ...ticking(world),
      set: (ctx, rest) => ctx.schedule("x", { afterMs: 500 }, tick(ctx), `tick ${rest}`),
      cancelAndSet(ctx) {
        ctx.cancel("x");
        ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick set behind a cancel");
      },
      setAndCancel(ctx) {
        ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick never");
        ctx.cancel("x");
      },
      setCancelSet(ctx) {
        ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick never");
        ctx.cancel("x");
        ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick set in the end");
      },
    }),
    async run(world) {
      const a = world.ref("a");
      const say = async (...scripts: string[]) => {
        const sent = scripts.map((script) => a.tell(One.run, script)); // in one batch
        for (const [index, one] of sent.entries()) await world.hear(scripts[index], one);
        await world.pass(1_000);
      };
      await say("set once", "set twice");
      await say("set never", "cancel x");
      await say("cancel x", "set behind a cancel");
      await say("cancelAndSet");
      await say("setAndCancel");
      await say("setCancelSet");
    },
  },

  {
    name: "a schedule to the address of another actor sends its message there",
    scripts: (world) => ({
      ...ticking(world),
      other: (ctx) => ctx.schedule("x", { afterMs: 500 }, ctx.ref(One, "b").at(One.run), "tick other"),
      wrong: (ctx) =>
        ctx.schedule("y", { afterMs: 500 }, ctx.ref(One, "b").at(One.note), 5 as unknown as string),
    }),
    async run(world) {
      await world.hear("other", world.ref("a").tell(One.run, "other"));
      await world.hear("wrong", world.ref("a").tell(One.run, "wrong"));
      await world.pass(1_000);
    },
  },

  {
    name: "schedules survive the passivation of their actor, and not its erasure",
    scripts: (world) => ({
      ...ticking(world),
      after: (ctx) => ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick after"),
      erase(ctx) {
        ctx.schedule("x", { afterMs: 500 }, tick(ctx), "tick never");
        ctx.erase();
      },
    }),
    async run(world) {
      const a = world.ref("a");
      await world.hear("after", a.tell(One.run, "after"));
      await world.settle();
      world.system.signal(a, "passivate");
      await world.pass(1_000);
      await world.hear("after", a.tell(One.run, "after"));
      await world.settle();
      world.system.signal(a, "erase");
      await world.pass(1_000);
      await world.hear("erase", a.tell(One.run, "erase"));
      await world.pass(1_000);
    },
  },

  {
    name: "an invalid schedule is refused in its turn",
    scripts: (world) => ({
      ...ticking(world),
      wrong: (ctx) => ctx.schedule("x", { afterMs: NaN }, tick(ctx), "tick"),
      never: (ctx) => ctx.schedule("x", { everyMs: 0 }, tick(ctx), "tick"),
      many(ctx) {
        for (let index = 0; index <= 1_000; index++) {
          ctx.schedule(`x${index}`, { afterMs: 500 }, tick(ctx), "tick");
        }
      },
    }),
    async run(world) {
      for (const script of ["wrong", "never", "many"]) {
        await world.hear(script, world.ref("a").ask(One.call, script));
      }
      await world.pass(1_000);
    },
  },

  {
    name:
      "a schedule that is set again goes on if it repeats and is the same, or if it is set only if absent",
    scripts: (world) => ({
      ...ticking(world),
      every: (ctx, rest) => ctx.schedule("every", { everyMs: 900 }, tick(ctx), `tick ${rest}`),
      slower: (ctx, rest) => ctx.schedule("every", { everyMs: 2_000 }, tick(ctx), `tick ${rest}`),
      once: (ctx, rest) =>
        ctx.schedule("once", { afterMs: 1_000, ifAbsent: true }, tick(ctx), `tick ${rest}`),
      cron: (ctx) => ctx.schedule("cron", { cron: "*/2 * * * * *" }, tick(ctx), "tick cron"),
      nothing: (ctx) => ctx.schedule("cron", { cron: "61 * * * *" }, tick(ctx), "tick never"),
    }),
    async run(world) {
      const a = world.ref("a");
      for (const script of ["every same", "once first", "cron", "nothing"]) {
        await world.hear(script, a.ask(One.call, script));
      }
      await world.pass(700);
      for (const script of ["every same", "once second", "cron"]) {
        await world.hear(script, a.ask(One.call, script));
      }
      await world.pass(1_500);
      for (const script of ["every other", "once third"]) await world.hear(script, a.ask(One.call, script));
      await world.pass(1_700);
      await world.hear("slower", a.ask(One.call, "slower other"));
      await world.pass(2_500);
      for (const name of ["every", "cron"]) {
        await world.hear(`cancel ${name}`, a.tell(One.run, `cancel ${name}`));
      }
      await world.pass(3_000);
    },
  },

  {
    name: "schedules are set, listed and cancelled from outside",
    scripts: (world) => ticking(world),
    async run(world) {
      const { system } = world;
      const a = world.ref("a");
      const list = async () => {
        const found: string[] = [];
        for await (const { actor: { key }, name, when } of system.schedules({ protocol: a.protocol })) {
          found.push(`${key} ${name} ${Object.keys(when)}`);
        }
        return found.toSorted().join(", ");
      };
      await world.hear("set", system.schedule("every", { everyMs: 1_000 }, a.at(One.run), "tick outside"));
      await world.hear(
        "set",
        system.schedule("once", { afterMs: 500 }, world.ref("b").at(One.run), "tick once"),
      );
      await world.hear("wrong", system.schedule("cron", { cron: "nonsense" }, a.at(One.run), "tick"));
      await world.hear("wrong", system.schedule("x", { afterMs: 5 }, a.at(One.note), 5 as unknown as string));
      await world.hear("list", list());
      await world.pass(1_500);
      await world.hear("list", list());
      await world.hear("cancel", system.cancelSchedule(a, "every"));
      await world.hear("cancel", system.cancelSchedule(a, "every"));
      await world.hear("cancel", system.cancelSchedule(world.ref("b"), "once"));
      await world.pass(2_000);
    },
  },

  {
    name: "delayed messages come when they are due, from outside and from turns",
    scripts: (world) => ({
      ...ticking(world),
      later: (ctx, afterMs) =>
        ctx.ref(One, "b").tell(One.run, `tick ${afterMs}`, { afterMs: Number(afterMs) }),
      wrong: (ctx) => ctx.self.tell(One.run, "tick never", { afterMs: NaN }),
    }),
    async run(world) {
      const a = world.ref("a");
      const atMs = world.system.clock.now() + 700;
      await world.hear("tell", a.tell(One.run, "tick 900", { afterMs: 900 }));
      await world.hear("tell", a.tell(One.run, "tick at 700", { at: new Date(atMs) }));
      await world.hear("tell", a.tell(One.run, "tick now"));
      await world.hear("later", a.ask(One.call, "later 500"));
      await world.hear("wrong", a.ask(One.call, "wrong"));
      await world.hear("wrong", a.tell(One.run, "tick never", { afterMs: -1 }));
      await world.hear("wrong", a.tell(One.note, 5 as unknown as string, { afterMs: 5 }));
      await world.hear("same id", a.tell(One.run, "tick once", { afterMs: 800, id: "x" }));
      await world.hear("same id", a.tell(One.run, "tick once", { afterMs: 800, id: "x" }));
      await world.pass(2_000);
    },
  },
];
