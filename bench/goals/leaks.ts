import { actor, type Context, event, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import type { Outcome } from "../contender.ts";
import { formatCount, tableOf } from "../format.ts";
import type { Section } from "../section.ts";
import { alternate, failureLines, finish, type GoalOptions, ownProcess } from "./process.ts";

const Keeper = protocol("keeper", { go: tell(), add: tell(unchecked<number>()), out: event() });
type KeeperContext = Context<"keeper", number>;

/** The ways in which a handler can use its turn after the turn is over. */
const attempts: Readonly<Record<string, (ctx: KeeperContext) => unknown>> = {
  "to assign the state": (ctx) => ctx.state = -1,
  "to send to itself": (ctx) => ctx.self.tell(Keeper.add, -1),
  "to send to another actor": (ctx) => ctx.ref(Keeper, "other").tell(Keeper.add, -1),
  "to publish": (ctx) => ctx.publish(Keeper.out),
  "to schedule": (ctx) => ctx.schedule("tick", { afterMs: 1 }, ctx.self.at(Keeper.add), -1),
  "to passivate its actor": (ctx) => ctx.passivate(),
  "to erase its actor": (ctx) => ctx.erase(),
};

/** Checks whether code that outlives its turn can still have effects, also in optimized code. */
export async function leaksSection(options: GoalOptions): Promise<Section> {
  const turns = options.size === "full" ? 50_000 : 500;
  const names = Object.keys(attempts);
  const cases = names.map((name) => ({ id: name, run: ownProcess(import.meta.url, [name, turns], turns) }));
  const { series, failures } = await alternate(cases, { ...options, runs: 1 });
  const thrown = (name: string) => series[name].at(0)?.check ?? NaN;
  const rows = names.map((name) => [name, formatCount(turns), formatCount(thrown(name))]);
  return {
    title: "What a turn leaves behind",
    markdown:
      `A handler keeps its \`ctx\`; the next message's handler, of the same actor, tries something with the one kept, and so on.

${tableOf(["it tried", "times", "threw `turn-over`"], rows)}${failureLines(failures)}`,
    goals: [{
      name: "A leaked `ctx` still throws",
      met: names.every((name) => thrown(name) === turns),
      figure: `${formatCount(names.reduce((sum, name) => sum + thrown(name), 0))} of ${
        formatCount(names.length * turns)
      } attempts`,
    }],
  };
}

/** The check is the number of attempts that threw; `NaN` if one had an effect. */
async function tryLeaks(attempt: (ctx: KeeperContext) => unknown, turns: number): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let leaked: KeeperContext | undefined;
  let tried = 0;
  let threw = 0;
  let effects = 0;
  const keeper = actor(Keeper, {
    state: () => 0,
    on: {
      add: () => void effects++,
      go(ctx) {
        if (ctx.state < 0) effects++;
        ctx.state = ctx.state + 1;
        const before = leaked;
        leaked = ctx;
        if (before === undefined) return;
        try {
          attempt(before);
        } catch (error) {
          if ((error as { code?: string }).code === "turn-over") threw++;
        }
        if (++tried === turns) resolve();
      },
    },
    mailbox: { capacity: 2_000_000 },
  });
  const system = new System({ actors: [keeper] });
  const ref = system.ref(Keeper, "main");
  const startMs = performance.now();
  for (let index = 0; index <= turns; index++) await ref.tell(Keeper.go);
  await promise;
  const elapsedMs = performance.now() - startMs;
  await system.stop();
  return { elapsedMs, check: effects === 0 ? threw : NaN };
}

if (import.meta.main) {
  const [name, turns] = Deno.args;
  finish(await tryLeaks(attempts[name], Number(turns)));
}
