import { protocol, tell } from "@posthorn/posthorn";
import * as z from "zod";
import type { Scenario } from "./scenario.ts";
import { Nobody, One } from "./world.ts";

export const modes: readonly Scenario[] = [
  {
    name: "a notification is handled, in the order of sending",
    async run(world) {
      const a = world.ref("a");
      await world.hear("first", a.tell(One.note, "1"));
      await world.hear("second", a.tell(One.note, "2"));
      await world.settle();
      await world.hear("notes", a.ask(One.call, "notes"));
    },
  },

  {
    name: "messages that are not awaited keep their order too, in each mode",
    async run(world) {
      const a = world.ref("a");
      const all = [
        a.tell(One.note, "1"),
        a.submit(One.job, "note 2"),
        a.tell(One.note, "3"),
        a.submit(One.job, "note 4", { replyTo: world.ref("b").at(One.answered) }),
        a.tell(One.note, "5"),
      ];
      for (const [index, sent] of all.entries()) await world.hear(`sent ${index + 1}`, sent.then(() => {}));
    },
  },

  {
    name: "a payload that does not fit is refused with its code, and leaves nothing",
    async run(world) {
      const a = world.ref("a");
      const wrong = 5 as unknown as string;
      await world.hear("tell", a.tell(One.note, wrong));
      await world.hear("ask", a.ask(One.half, "x" as unknown as number));
      await world.hear("submit", a.submit(One.halfJob, "x" as unknown as number));
      await world.hear("publish", world.system.publish(One.happened, "x".repeat(21)));
    },
  },

  {
    name: "a reply that does not fit fails its turn",
    async run(world) {
      const a = world.ref("a");
      await world.hear("fits", a.ask(One.half, 4));
      await world.hear("asked", a.ask(One.half, 3));
      const ticket = await a.submit(One.halfJob, 3);
      await world.pass(10_000);
      await world.hear("submitted", ticket.reply({ timeoutMs: 0 }));
    },
    traits: { retry: { attempts: 2, baseMs: 100 } },
  },

  {
    name: "a payload of a turn that does not fit is a dead letter",
    scripts: () => ({
      wrong: (ctx) => void ctx.ref(One, "b").tell(One.note, 5 as unknown as string),
      wrongJob: (ctx) => {
        const failTo = ctx.self.at(One.failed);
        ctx.ref(One, "b").submit(One.halfJob, "x" as unknown as number, {
          replyTo: ctx.self.at(One.answered),
          failTo,
        });
      },
      wrongEvent: (ctx) => ctx.publish(One.happened, "x".repeat(21)),
    }),
    async run(world) {
      const a = world.ref("a");
      await world.hear("tell", a.tell(One.run, "wrong"));
      await world.hear("submit", a.tell(One.run, "wrongJob"));
      await world.hear("publish", a.tell(One.run, "wrongEvent"));
      await world.pass(5_000);
    },
  },

  {
    name: "who is not hosted is named as the caller named them",
    async run(world) {
      const nobody = world.system.ref(Nobody, "x");
      const words = (promise: Promise<unknown>) => promise.catch((error) => error.message);
      const replyTo = world.ref("a").at(One.answered);
      await world.hear("tell", words(nobody.tell(Nobody.note, "1")));
      await world.hear("ask", words(nobody.ask(Nobody.call, "1")));
      await world.hear("ask by name", words(nobody.ask(Nobody.call, "1", { id: "a" })));
      await world.hear("submit", words(nobody.submit(Nobody.job, "1")));
      await world.hear("submit by name", words(nobody.submit(Nobody.job, "1", { id: "a" })));
      await world.hear("submit to an address", words(nobody.submit(Nobody.job, "1", { replyTo })));
    },
  },

  {
    name: "a ticket gives the reply, now and later, any number of times",
    scripts: (world) => ({
      slow: (_, rest) => new Promise((resolve) => void world().clock.setTimer(1_000, () => resolve(rest))),
    }),
    async run(world) {
      const a = world.ref("a");
      const ticket = await a.submit(One.job, "echo hello");
      await world.hear("collected", ticket.reply());
      await world.hear("again", ticket.reply());
      await world.hear("by its id", world.system.ticket(ticket.id).reply());
      const slow = await a.submit(One.job, "slow hello");
      await world.hear("not yet", slow.reply({ timeoutMs: 0 }));
      const waiting = world.begin(slow.reply({ timeoutMs: 5_000 }));
      await world.pass(1_000);
      await world.hear("then", waiting);
      await world.hear("of nobody", world.system.ticket("nobody").reply({ timeoutMs: 0 }));
    },
  },

  {
    name: "a request is taken back while it waits, runs, or waits for a retry, and not when it is over",
    scripts: (world) => ({
      slow: (ctx, rest) =>
        new Promise((resolve) => {
          ctx.signal.addEventListener("abort", () => world().write(`aborted: ${ctx.signal.reason.code}`));
          void world().clock.setTimer(1_000, () => resolve(rest));
        }),
      fail: () => {
        throw new Error("no");
      },
    }),
    async run(world) {
      const a = world.ref("a");
      const failTo = world.ref("b").at(One.failed);
      const runs = await a.submit(One.job, "slow 1");
      await world.settle();
      const waits = await a.submit(One.job, "note 2", { id: "mine", failTo });
      const stays = await a.submit(One.job, "echo 3");
      const waiting = world.begin(waits.reply({ timeoutMs: 5_000 }));
      await world.hear("what waits", waits.cancel());
      await world.hear("who waits for it", waiting);
      await world.hear("what runs", runs.cancel());
      await world.hear("its ticket", runs.reply({ timeoutMs: 0 }));
      await world.hear("again", world.system.ticket(runs.id, One.job).cancel());
      await world.hear(
        "sent again",
        a.submit(One.job, "note 2", { id: "mine", failTo }).then((one) => one.cancel()),
      );
      await world.pass(1_000);
      await world.hear("the next", stays.reply({ timeoutMs: 0 }));
      await world.hear("what is over", stays.cancel());
      const fails = await a.submit(One.job, "fail");
      await world.settle();
      await world.hear("what is tried again", fails.cancel());
      await world.pass(60_000, 5_000);
      await world.hear("of nobody", world.system.ticket("nobody").cancel());
      const answered = await a.submit(One.job, "echo 4", { replyTo: world.ref("b").at(One.answered) });
      await world.hear("what goes to an address", answered.cancel());
    },
  },

  {
    name: "a reply is kept for replyRetentionMs",
    async run(world) {
      const ticket = await world.ref("a").submit(One.job, "echo hello");
      await world.pass(9_000, 1_000);
      await world.hear("within", ticket.reply({ timeoutMs: 0 }));
      await world.pass(120_000, 5_000);
      await world.hear("later", ticket.reply({ timeoutMs: 0 }));
    },
    options: { replyRetentionMs: 10_000 },
  },

  {
    name: "a reply and a failure go to the addresses that the caller named",
    scripts: () => ({
      fail: () => {
        throw new Error("no");
      },
    }),
    async run(world) {
      const [a, b, c] = ["a", "b", "c"].map((key) => world.ref(key));
      const addresses = { replyTo: b.at(One.answered), failTo: c.at(One.failed) };
      const ticket = await a.submit(One.job, "echo hello", addresses);
      await world.hear("its ticket", ticket.reply());
      await world.hear("fails", a.submit(One.job, "fail", addresses).then(() => {}));
      await world.hear("fails with a ticket", a.submit(One.job, "fail").then((ticket) => ticket.reply()));
      await world.pass(1_000);
    },
    traits: { retry: { attempts: 1 } },
  },

  {
    name: "a turn sends in each mode, and the replies come back",
    scripts: () => ({
      speak(ctx) {
        const b = ctx.ref(One, "b");
        b.tell(One.note, "1");
        b.submit(One.job, "echo 2", { replyTo: ctx.self.at(One.answered) });
        b.tell(One.note, "3");
        ctx.publish(One.happened, "de 4");
      },
      ticket: (ctx) => ctx.ref(One, "b").submit(One.job, "echo later"),
    }),
    async run(world) {
      world.system.subscribe(One.happened, world.ref("c").at(One.note));
      await world.settle();
      await world.hear("speak", world.ref("a").tell(One.run, "speak"));
      await world.settle();
      const id = await world.ref("a").ask(One.call, "ticket") as string;
      await world.hear("a turn's ticket", world.system.ticket(id).reply());
    },
  },

  {
    name: "a deadline that passes before its turn",
    scripts: (world) => ({
      slow: () => new Promise<void>((resolve) => void world().clock.setTimer(2_000, resolve)),
    }),
    async run(world) {
      const a = world.ref("a");
      await world.hear("slow", a.tell(One.run, "slow"));
      const asked = world.begin(a.ask(One.call, "echo 1", { timeoutMs: 500 }));
      const failTo = world.ref("b").at(One.failed);
      await world.hear("told", a.tell(One.note, "late", { timeoutMs: 500 }));
      await world.hear("submitted", a.submit(One.job, "echo 2", { timeoutMs: 500, failTo }).then(() => {}));
      const ticket = await a.submit(One.job, "echo 3", { timeoutMs: 500 });
      await world.pass(1_000);
      await world.hear("asked", asked);
      await world.pass(2_000);
      await world.hear("its ticket", ticket.reply({ timeoutMs: 0 }));
    },
  },
  {
    name: "unknown operations and invalid keys are refused",
    async run(world) {
      const Other = protocol("one", { note: tell(z.string()), unknown: tell(z.string()) });
      const other = world.system.ref(Other, "a");
      await world.hear("a second copy of a protocol", other.tell(Other.note, "1"));
      await world.hear("an operation that it does not have", other.tell(Other.unknown, "1"));
      for (const key of ["", ".", "a\n", "\ud800"]) {
        await world.hear(
          `the key ${JSON.stringify(key)}`,
          (async () => void await world.ref(key).tell(One.note, "1"))(),
        );
      }
      await world.hear("an id", world.ref("a").tell(One.note, "1", { id: "\n" }));
    },
  },
  {
    name: "a turn that is awaited is told of its deadline, and ends as it likes",
    scripts: (world) => ({
      slow: (ctx) =>
        new Promise((resolve) => {
          ctx.signal.addEventListener("abort", () => world().write(`${ctx.key} hears that it is late`));
          world().clock.setTimer(1_000, () => resolve("done all the same"));
        }),
    }),
    async run(world) {
      const a = world.ref("a");
      const asked = world.begin(a.ask(One.call, "slow", { timeoutMs: 500 }));
      await world.pass(600);
      await world.hear("asked", asked);
      const ticket = await a.submit(One.job, "slow", { timeoutMs: 1_000 });
      await world.pass(3_000);
      await world.hear("submitted", ticket.reply({ timeoutMs: 0 }));
    },
  },
];
