import type { Scenario } from "./scenario.ts";
import { One } from "./world.ts";

export const events: readonly Scenario[] = [
  {
    name: "an event reaches its subscribers, by subject, until their subscriptions end",
    async run(world) {
      const { system } = world;
      const [a, b] = [world.ref("a"), world.ref("b")];
      const first = system.subscribe(One.happened, a.at(One.note));
      await world.hear("ready", first.ready);
      await world.hear("ready", system.subscribe(One.happened, b.at(One.note), { subject: "de" }).ready);
      await world.hear("published", system.publish(One.happened, "de 1"));
      await world.hear("published", system.publish(One.happened, "fr 2"));
      await world.settle();
      first[Symbol.dispose]();
      await world.settle();
      await world.hear("published", system.publish(One.happened, "de 3"));
      await world.settle();
      system.subscribe(One.happened, b.at(One.note), { subject: "fr" });
      await world.settle();
      await world.hear("published", system.publish(One.happened, "de 4"));
      await world.hear("published", system.publish(One.happened, "fr 5"));
    },
  },

  {
    name: "a function is called with events, one at a time, and if it throws, the event is a dead letter",
    async run(world) {
      const { system } = world;
      const live = system.subscribe(One.happened, (text, { subject }) => {
        if (text === "de 2") throw new Error("no");
        world.write(`hears ${text} of ${subject}`);
      });
      await world.hear("ready", live.ready);
      for (const text of ["de 1", "de 2", "fr 3"]) {
        await world.hear("published", system.publish(One.happened, text));
      }
      await world.settle();
      live[Symbol.dispose]();
      await world.hear("published", system.publish(One.happened, "de 4"));
      await world.settle();
    },
  },

  {
    name: "an actor subscribes and unsubscribes in its turns",
    scripts: () => ({
      follow: (ctx, subject) =>
        ctx.subscribe(One.happened, ctx.self.at(One.note), subject ? { subject } : {}),
      leave: (ctx) => ctx.unsubscribe(One.happened, ctx.self.at(One.note)),
      swap(ctx) {
        ctx.unsubscribe(One.happened, ctx.self.at(One.note));
        ctx.subscribe(One.happened, ctx.self.at(One.note), { subject: "fr" });
      },
    }),
    async run(world) {
      const { system } = world;
      for (const script of ["follow de", "swap", "leave", "follow"]) {
        await world.hear(script, world.ref("a").tell(One.run, script));
        await world.settle();
        await world.hear("published", system.publish(One.happened, "de 1"));
        await world.hear("published", system.publish(One.happened, "fr 2"));
        await world.settle();
      }
    },
  },

  {
    name: "subscriptions can be listed and ended with the event alone",
    async run(world) {
      const { system } = world;
      const list = async () => {
        const lines: string[] = [];
        for await (const { to, subject } of system.subscriptions(One.happened)) {
          lines.push(`${to.protocol}/${to.key} ${to.operation} ${subject ?? "all"}`);
        }
        return lines.sort();
      };
      await world.hear("none", list());
      using _ = system.subscribe(One.happened, () => {});
      await system.subscribe(One.happened, world.ref("a").at(One.note)).ready;
      await system.subscribe(One.happened, world.ref("b").at(One.note), { subject: "de.*" }).ready;
      await world.hear("two", list());
      await world.hear("ended", system.unsubscribe(One.happened, world.ref("a").at(One.note)));
      await world.hear("not there", system.unsubscribe(One.happened, world.ref("a").at(One.note)));
      await world.hear("one", list());
    },
  },

  {
    name: "a survey is answered by addresses and functions, and some abstain",
    scripts: () => ({
      quote: (ctx, rest) => rest === "abstain" && ctx.key === "b" ? undefined : `${ctx.key} says ${rest}`,
    }),
    async run(world) {
      const { system } = world;
      await system.subscribe(One.quote, world.ref("a").at(One.quote)).ready;
      await system.subscribe(One.quote, world.ref("b").at(One.quote)).ready;
      using _ = system.subscribe(One.quote, (text) => `a function says ${text.slice(6)}`);
      const ask = async (text: string, max?: number) => {
        const replies: string[] = [];
        for await (const reply of system.survey(One.quote, text, { timeoutMs: 500, max })) {
          replies.push(reply);
        }
        return replies.sort();
      };
      const all = world.begin(ask("quote 1"));
      await world.pass(600);
      await world.hear("all", all);
      await world.hear("enough", ask("quote 2", 3));
      const some = world.begin(ask("quote abstain"));
      await world.pass(600);
      await world.hear("some", some);
    },
  },

  {
    name: "the message of a respondent that fails is a dead letter, and the replies of the others arrive",
    scripts: () => ({
      quote(ctx) {
        if (ctx.key === "b") throw new Error("no");
        return ctx.key;
      },
    }),
    async run(world) {
      const { system } = world;
      await system.subscribe(One.quote, world.ref("a").at(One.quote)).ready;
      await system.subscribe(One.quote, world.ref("b").at(One.quote)).ready;
      const heard: string[] = [];
      const asked = (async () => {
        for await (const reply of system.survey(One.quote, "quote", { timeoutMs: 500 })) heard.push(reply);
        return heard;
      })();
      await world.pass(1_000);
      await world.hear("heard", asked);
    },
  },
  {
    name: "an invalid subject is refused outside, and a dead letter in a turn",
    scripts: () => ({ publish: (ctx) => ctx.publish(One.happened, "no subject") }),
    async run(world) {
      await world.hear("published", world.system.publish(One.happened, "no subject"));
      await world.hear("in a turn", world.ref("a").tell(One.run, "publish"));
      await world.hear(
        "no pattern",
        (async () =>
          void await world.system.subscribe(One.happened, world.ref("a").at(One.note), { subject: "a..b" })
            .ready)(),
      );
    },
  },
  {
    name: "an actor that subscribes to two events, and to one twice, gets each once, in order",
    async run(world) {
      const { system } = world;
      await system.subscribe(One.happened, world.ref("a").at(One.note)).ready;
      await system.subscribe(One.happened, world.ref("a").at(One.note)).ready;
      await system.subscribe(One.happened, world.ref("a").at(One.run)).ready;
      for (const text of ["note 1", "note 2"]) {
        await world.hear("published", system.publish(One.happened, text));
      }
      await world.settle();
      await world.hear("notes", world.ref("a").ask(One.call, "notes"));
    },
  },
];
