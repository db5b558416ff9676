import { type Later, type LaterOptions, TerminalError } from "@posthorn/posthorn";
import type { Scenario } from "./scenario.ts";
import { One, type OneContext, type Scripts } from "./world.ts";

/** Scripts that answer a submit later, and those that give the answer. */
function scripts(): Scripts {
  let kept: Later<unknown>;
  const later = (ctx: OneContext, options?: LaterOptions) => {
    const { later } = ctx as unknown as { later(options?: LaterOptions): Later<unknown> };
    return kept = later.call(ctx, options);
  };
  return {
    later: (ctx) => later(ctx),
    soon: (ctx) => later(ctx, { timeoutMs: 5_000, failTo: ctx.ref(One, "undo").at(One.failed) }),
    answer: (ctx, rest) => ctx.reply(kept, rest),
    fail: (ctx, message) => ctx.fail(kept, { code: "refused", message }),
    handOver: (ctx, rest) => void ctx.ref(One, "c").submit(One.job, `echo ${rest}`, { replyTo: kept }),
    refuse: () => {
      throw new TerminalError("no", { code: "no-way" });
    },
    handFailure: (ctx) => void ctx.ref(One, "c").submit(One.job, "refuse", { replyTo: kept }),
  };
}

export const laters: readonly Scenario[] = [
  {
    name: "a ticket gets the answer of another actor's turn",
    scripts,
    async run(world) {
      const ticket = await world.ref("a").submit(One.job, "later");
      await world.settle();
      await world.hear("not yet", ticket.reply({ timeoutMs: 0 }));
      await world.hear("answered", world.ref("b").tell(One.run, "answer yes"));
      await world.settle();
      await world.hear("then", ticket.reply());
      await world.hear("again", ticket.reply());
    },
  },

  {
    name: "an address gets the answer, or the failure with the id of the request",
    scripts,
    async run(world) {
      const to = world.ref("to");
      const addresses = { replyTo: to.at(One.answered), failTo: to.at(One.failed) };
      await world.ref("a").submit(One.job, "later", { ...addresses, id: "first" });
      await world.ref("b").tell(One.run, "answer yes");
      await world.settle();
      await world.ref("a").submit(One.job, "later", { ...addresses, id: "second" });
      await world.ref("b").tell(One.run, "fail not today");
      await world.settle();
      await world.hear("notes", to.ask(One.call, "notes"));
    },
  },

  {
    name: "a later is handed over whole, with what fails there",
    scripts,
    async run(world) {
      const first = await world.ref("a").submit(One.job, "later");
      await world.ref("b").tell(One.run, "handOver yes");
      await world.settle();
      await world.hear("answered", first.reply());
      const second = await world.ref("a").submit(One.job, "later");
      await world.ref("b").tell(One.run, "handFailure");
      await world.settle();
      await world.hear("failed", second.reply());
    },
  },

  {
    name: "a second answer and a late one are dead letters, and fail no turn",
    scripts,
    async run(world) {
      const ticket = await world.ref("a").submit(One.job, "later");
      for (const answer of ["yes", "no"]) await world.ref("b").tell(One.run, `answer ${answer}`);
      await world.settle();
      await world.hear("answered", ticket.reply());
      const late = await world.ref("a").submit(One.job, "soon");
      await world.pass(6_000);
      await world.hear("late", late.reply({ timeoutMs: 0 }));
      await world.ref("b").tell(One.run, "answer yes");
      await world.settle();
      await world.hear("undone", world.ref("undo").ask(One.call, "notes"));
      const reasons = world.system.deadLetters.list().map(({ protocol, reason }) =>
        `${protocol.replace("transient-", "")} ${reason}`
      );
      await world.hear("dead letters", Promise.resolve(reasons));
    },
  },

  {
    name: "a repeat of a request that is answered later gets the ticket of the first",
    scripts,
    async run(world) {
      const first = await world.ref("a").submit(One.job, "later", { id: "one" });
      await world.pass(5_000);
      const again = await world.ref("a").submit(One.job, "later", { id: "one" });
      await world.hear("the same", Promise.resolve(first.id === again.id));
    },
    options: { deduplicationWindowMs: 1_000 },
  },
];
