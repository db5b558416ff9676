import type { Scenario } from "./scenario.ts";
import { One } from "./world.ts";

export const signals: readonly Scenario[] = [
  {
    name: "an actor that is passivated or restarted continues from its last commit",
    scripts: () => ({ passivate: (ctx) => ctx.passivate() }),
    async run(world) {
      const a = world.ref("a");
      for (const signal of ["passivate", "restart"] as const) {
        await world.hear("told", a.tell(One.note, signal));
        await world.settle();
        await world.system.signal(a, signal);
        await world.settle();
        await world.hear("notes", a.ask(One.call, "notes"));
      }
      await world.hear("passivate", a.tell(One.run, "passivate"));
      await world.settle();
      await world.hear("notes", a.ask(One.call, "notes"));
      await world.pass(120_000, 10_000);
      await world.hear("notes after idling", a.ask(One.call, "notes"));
    },
  },

  {
    name: "an erased actor begins again, without its subscriptions",
    scripts: () => ({
      follow: (ctx) => ctx.subscribe(One.happened, ctx.self.at(One.note)),
      erase: (ctx) => ctx.erase(),
    }),
    async run(world) {
      const a = world.ref("a");
      for (const how of ["a signal", "its turn"]) {
        await world.hear("follow", a.tell(One.run, "follow"));
        await world.settle();
        await world.hear("published", world.system.publish(One.happened, "de 1"));
        await world.settle();
        if (how === "a signal") await world.system.signal(a, "erase");
        else await world.hear("erase", a.tell(One.run, "erase"));
        await world.settle();
        await world.hear("published", world.system.publish(One.happened, "de 2"));
        await world.settle();
        await world.hear(`notes after ${how}`, a.ask(One.call, "notes"));
      }
    },
  },

  ...(["passivate", "restart", "erase"] as const).map((signal): Scenario => ({
    name: `a signal takes effect before waiting messages: ${signal}`,
    scripts: (world) => ({
      slow: () => new Promise<void>((resolve) => void world().clock.setTimer(1_000, resolve)),
    }),
    async run(world) {
      const a = world.ref("a");
      await world.hear("told", a.tell(One.note, "1"));
      await world.hear("told", a.tell(One.run, "slow"));
      await world.settle();
      await world.hear("told", a.tell(One.note, "2"));
      await world.hear("signalled", Promise.resolve(world.system.signal(a, signal)));
      await world.pass(2_000);
      await world.hear("notes", a.ask(One.call, "notes"));
    },
  })),

  {
    name: "messages behind a turn that passivates or erases its actor are handled",
    scripts: () => ({ passivate: (ctx) => ctx.passivate(), erase: (ctx) => ctx.erase() }),
    async run(world) {
      const a = world.ref("a");
      const sent = ["note 1", "passivate", "note 2", "erase", "note 3"].map((script) =>
        a.tell(One.run, script)
      );
      for (const one of sent) await world.hear("sent", one);
      await world.settle();
      await world.hear("notes", a.ask(One.call, "notes"));
    },
  },
];
