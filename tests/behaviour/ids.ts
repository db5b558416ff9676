import type { Scenario } from "./scenario.ts";
import { One } from "./world.ts";
import { asIngress } from "../as_ingress.ts";

export const ids: readonly Scenario[] = [
  {
    name: "a repeated id is answered as the first was, in each mode",
    async run(world) {
      const a = world.ref("a");
      await world.hear("told", a.tell(One.note, "1", { id: "t" }));
      await world.hear("told again", a.tell(One.note, "1", { id: "t" }));
      await world.hear("told otherwise", a.tell(One.note, "2", { id: "t" }));
      await world.hear("another operation", a.tell(One.run, "note 3", { id: "t" }));
      await world.hear("another caller", a.tell(One.note, "4", asIngress({ id: "t", caller: "x" })));
      await world.hear("another actor", world.ref("b").tell(One.note, "5", { id: "t" }));
      await world.hear("not compared", a.tell(One.note, "6", asIngress({ id: "t", deduplicate: false })));
      await world.settle();
      await world.hear("asked", a.ask(One.call, "note 7", { id: "q" }));
      await world.hear("asked again", a.ask(One.call, "note 7", { id: "q" }));
      await world.hear("asked otherwise", a.ask(One.call, "note 8", { id: "q" }));
      const [first, second] = [
        await a.submit(One.job, "echo 9", { id: "s" }),
        await a.submit(One.job, "echo 9", { id: "s" }),
      ];
      world.write(first.id === second.id ? "one ticket" : "two tickets");
      await world.hear("submitted", first.reply());
      await world.hear("submitted again", second.reply());
      await world.hear("submitted otherwise", a.submit(One.job, "echo 10", { id: "s" }));
      const replyTo = world.ref("b").at(One.answered);
      for (let count = 0; count < 2; count++) {
        await world.hear("to an address", a.submit(One.job, "echo 11", { id: "r", replyTo }).then(() => {}));
      }
      await world.system.subscribe(One.happened, world.ref("c").at(One.note)).ready;
      for (let count = 0; count < 2; count++) {
        await world.hear("published", world.system.publish(One.happened, "de 12", { id: "p" }));
      }
    },
  },

  {
    name: "an ask whose caller waits no longer",
    scripts: (world) => ({
      slow: () => new Promise<void>((resolve) => void world().clock.setTimer(1_000, resolve)),
    }),
    async run(world) {
      const a = world.ref("a");
      await world.hear("slow", a.tell(One.run, "slow"));
      const leaving = new AbortController();
      const asked = world.begin(a.ask(One.call, "note 1", { signal: leaving.signal }));
      await world.settle();
      leaving.abort(new RangeError("gone"));
      await world.hear("asked", asked);
      await world.pass(2_000);
      await world.hear("notes", a.ask(One.call, "notes"));
    },
  },

  {
    name: "an id is new again when its window has passed",
    async run(world) {
      const a = world.ref("a");
      await world.hear("told", a.tell(One.note, "1", { id: "t" }));
      await world.pass(9_000, 1_000);
      await world.hear("within", a.tell(One.note, "1", { id: "t" }));
      await world.pass(2_000, 1_000);
      await world.hear("after", a.tell(One.note, "1", { id: "t" }));
    },
    options: { deduplicationWindowMs: 10_000 },
  },

  {
    name: "a turn names what it sends, and a repeat of it is one message",
    scripts: () => ({
      twice(ctx) {
        ctx.ref(One, "b").tell(One.note, "1", { id: "x" });
        ctx.ref(One, "b").tell(One.note, "1", { id: "x" });
      },
    }),
    async run(world) {
      await world.hear("in one turn", world.ref("a").tell(One.run, "twice"));
      await world.settle();
      await world.hear("in another turn", world.ref("a").tell(One.run, "twice"));
    },
  },
];
