import { RetryableError, TerminalError } from "@posthorn/posthorn";
import type { Scenario } from "./scenario.ts";
import { One, type Scripts, type World } from "./world.ts";

/** Throws this many times, then records a note. */
function failing(world: () => World): Scripts {
  return {
    fail(ctx, rest) {
      const [times, text] = rest.split(" ");
      ctx.state = [...ctx.state, "never"];
      world().write(`${ctx.key} tries ${text}, attempt ${ctx.attempt}`);
      if (ctx.attempt <= Number(times)) throw new Error("no");
      ctx.state = [...ctx.state, text];
    },
    terminal: () => {
      throw new TerminalError("no", { code: "sold-out" });
    },
    later: (ctx) => {
      world().write(`${ctx.key} tries later, attempt ${ctx.attempt} after ${world().passedMs} ms`);
      if (ctx.attempt < 3) throw new RetryableError("later", { afterMs: 300 });
    },
    slow: () => new Promise<void>((resolve) => void world().clock.setTimer(1_000, resolve)),
    async reject() {
      await Promise.resolve();
      throw new Error("no");
    },
  };
}

export const failures: readonly Scenario[] = [
  ...(["hold", "aside"] as const).map((order): Scenario => ({
    name: `a message that fails is tried again, and ${order === "hold" ? "holds its place" : "steps aside"}`,
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      await world.hear("fails twice", a.tell(One.run, "fail 2 first"));
      await world.hear("behind it", a.tell(One.note, "second"));
      await world.pass(5_000);
      await world.hear("fails for good", a.tell(One.run, "fail 9 third"));
      await world.hear("behind it", a.tell(One.note, "fourth"));
      await world.pass(5_000);
    },
    traits: { retry: { attempts: 3, baseMs: 100, order }, onFailure: "resume" },
  })),

  {
    name: "an ask that fails rejects at once, with the message of the handler if it is meant for callers",
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      for (const script of ["fail 9 x", "terminal", "later", "reject", "nothing"]) {
        await world.hear(script, a.ask(One.call, script));
      }
      const words = (promise: Promise<unknown>) => promise.catch((error) => error.message);
      await world.hear("its words", words(a.ask(One.call, "terminal")));
      await world.pass(2_000);
    },
  },

  {
    name: "a submit is told when its message is a dead letter",
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      for (const script of ["fail 1 x", "fail 9 y", "terminal", "later", "reject"]) {
        const ticket = await a.submit(One.job, script);
        await world.pass(2_000);
        await world.hear(script, ticket.reply({ timeoutMs: 0 }));
      }
      await world.hear(
        "terminal",
        a.submit(One.job, "terminal", { failTo: world.ref("b").at(One.failed) }).then(() => {}),
      );
      await world.settle();
    },
    traits: { retry: { attempts: 3, baseMs: 100 } },
  },

  ...(["resume", "restart", "stop", "escalate"] as const).map((onFailure): Scenario => ({
    name: `what becomes of an actor that fails: ${onFailure}`,
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      await world.hear("before", a.tell(One.note, "before"));
      await world.settle();
      const sent = [a.tell(One.run, "fail 9 x"), a.tell(One.note, "behind")];
      for (const one of sent) await world.hear("sent", one);
      await world.pass(2_000);
      await world.hear("afterwards", a.tell(One.note, "afterwards"));
      await world.settle();
      await world.hear("notes", a.ask(One.call, "notes"));
    },
    traits: { retry: { attempts: 2, baseMs: 100 }, onFailure },
  })),

  {
    name: "more restarts than the limit allows stop an actor",
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      for (let count = 1; count <= 3; count++) await world.hear("asked", a.ask(One.call, "fail 9 x"));
      await world.hear("afterwards", a.ask(One.call, "echo 1"));
    },
    traits: { limit: { restarts: 1, windowMs: 60_000 } },
  },

  ...(["reject", "drop-oldest", "drop-newest"] as const).map((overflow): Scenario => ({
    name: `a mailbox that is full: ${overflow}`,
    scripts: failing,
    async run(world) {
      const a = world.ref("a");
      await world.hear("slow", a.tell(One.run, "slow"));
      await world.settle();
      const failTo = world.ref("b").at(One.failed);
      for (const text of ["1", "2", "3", "4"]) {
        const replyTo = world.ref("b").at(One.answered);
        await world.hear(
          `sent ${text}`,
          a.submit(One.job, `note ${text}`, { replyTo, failTo }).then(() => {}),
        );
        await world.pass(20, 20);
      }
      await world.hear("told", a.tell(One.note, "5"));
      await world.pass(20, 20);
      const ticket = world.begin(a.submit(One.job, "note 6"));
      await world.hear("with a ticket", ticket.then(() => {}));
      await world.pass(2_000);
      await world.hear("its reply", ticket.then((ticket) => ticket.reply({ timeoutMs: 0 })));
      await world.hear("asked", a.ask(One.call, "echo 7"));
    },
    traits: { mailbox: { capacity: 3, overflow } },
  })),

  {
    name: "messages of turns have ten times the room; one more is a dead letter that its sender is told of",
    scripts: (world) => ({
      ...failing(world),
      flood(ctx) {
        for (let index = 1; index <= 12; index++) {
          const replyTo = ctx.self.at(One.answered);
          ctx.ref(One, "b").submit(One.job, `echo ${index}`, { replyTo, failTo: ctx.self.at(One.failed) });
        }
      },
    }),
    async run(world) {
      await world.hear("slow", world.ref("b").tell(One.run, "slow"));
      await world.settle();
      await world.hear("flood", world.ref("a").tell(One.run, "flood"));
      await world.pass(2_000);
    },
    traits: { mailbox: { capacity: 1 } },
  },

  {
    name: "a dead letter is resent once",
    scripts: (world) => {
      let broken = true;
      return {
        ...failing(world),
        mend: () => void (broken = false),
        fragile(ctx, rest) {
          if (broken) throw new Error("no");
          world().write(`${ctx.key} does ${rest}, attempt ${ctx.attempt}`);
          return rest;
        },
      };
    },
    async run(world) {
      const a = world.ref("a");
      await world.hear("told", a.tell(One.run, "fragile told", { id: "t" }));
      const ticket = await a.submit(One.job, "fragile submitted", { id: "s" });
      await world.pass(1_000);
      await world.hear("its reply", ticket.reply({ timeoutMs: 0 }));
      await world.hear("mend", a.tell(One.run, "mend"));
      await world.settle();
      for (const id of ["t", "s", "t"]) {
        await world.hear(`again ${id}`, (async () => await world.system.deadLetters.resend(id))());
        await world.settle();
      }
      await world.hear("its reply", ticket.reply({ timeoutMs: 0 }));
    },
    traits: { retry: { attempts: 1 } },
  },
];
