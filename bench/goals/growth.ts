import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import { Cell, Core } from "../bare.ts";
import type { Outcome } from "../contender.ts";
import { tableOf } from "../format.ts";
import type { Section } from "../section.ts";
import { ratiosOf } from "../statistics.ts";
import { Gate, paced } from "./pacing.ts";
import {
  alternate,
  failureLines,
  figuresOf,
  finish,
  formatSpread,
  type GoalOptions,
  type Measured,
  ownProcess,
  spread,
} from "./process.ts";

const forms = ["posthorn", "bare"] as const;
type Form = typeof forms[number];

/** Measures the cost of a message with growing numbers of actors and growing mailboxes. */
export async function growthSection(options: GoalOptions): Promise<Section> {
  const full = options.size === "full";
  const actors = full ? [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] : [1, 10];
  const waiting = full ? [1_000, 10_000, 100_000, 1_000_000] : [100, 200];
  const messages = full ? 2_000_000 : 2_000;
  const spreading = await measureAll("actors", actors, messages, options);
  const draining = await measureAll("waiting", waiting, messages, options);
  return {
    title: "Growth: many actors, long mailboxes",
    markdown: `The same ${
      messages.toLocaleString("en-US")
    } messages, to so many actors in turn; all of them are there before. Nanoseconds a message.

${curve("actors", actors, spreading)}

As many messages to one actor, so many at a time: they all wait before the first is handled, and only the
draining is timed. Nanoseconds a message.

${curve("messages waiting", waiting, draining)}${
      failureLines([...spreading.failures, ...draining.failures])
    }`,
    goals: [],
  };

  /** Nanoseconds per message of both forms, and their ratio. */
  function curve(what: string, counts: readonly number[], measured: Measured): string {
    const nanoseconds = ({ elapsedMs }: Outcome) => elapsedMs * 1e6 / messages;
    const rows = counts.map((count) => {
      const [mine, floor] = forms.map((form) => measured.series[idOf(form, count)]);
      const ratio = ratiosOf(figuresOf(floor, nanoseconds), figuresOf(mine, nanoseconds));
      return [
        count.toLocaleString("en-US"),
        formatSpread(spread(mine, nanoseconds)),
        formatSpread(spread(floor, nanoseconds)),
        formatSpread(ratio, "×"),
      ];
    });
    return tableOf([what, "Posthorn", "bare core", "as fast as the bare core"], rows);
  }
}

function measureAll(what: string, counts: readonly number[], messages: number, options: GoalOptions) {
  const cases = counts.flatMap((count) =>
    forms.map((form) => ({
      id: idOf(form, count),
      run: ownProcess(import.meta.url, [what, form, count, messages], messages),
    }))
  );
  return alternate(cases, options);
}

function idOf(form: Form, count: number): string {
  return `${form} ${count}`;
}

/** Creates actors of a form; returns a function that sends a message to each of them in turn. */
function senderOf(form: Form, count: number, gate: Gate): (index: number) => void {
  if (form === "bare") {
    const core = new Core();
    const cells = Array.from({ length: count }, () => new Cell(core, () => gate.pass()));
    return (index) => cells[index % count].tell({ type: "add", n: 1 });
  }
  const Counter = protocol("counter", { add: tell(unchecked<number>()) });
  const counter = actor(Counter, {
    state: () => null,
    on: { add: () => gate.pass() },
    mailbox: { capacity: 1_000_000 },
  });
  const system = new System({ actors: [counter] });
  const refs = Array.from({ length: count }, (_, index) => system.ref(Counter, String(index)));
  return (index) => void refs[index % count].tell(Counter.add, 1);
}

async function spreadOut(form: Form, count: number, messages: number): Promise<Outcome> {
  const gate = new Gate();
  const send = senderOf(form, count, gate);
  await paced(Math.max(count, messages / 5), gate, send); // creates all actors, and warms up
  return await paced(messages, gate, send);
}

async function drain(form: Form, count: number, messages: number): Promise<Outcome> {
  const gate = new Gate();
  const send = senderOf(form, 1, gate);
  const round = async () => {
    const until = gate.handled + count;
    for (let index = 0; index < count; index++) send(index);
    const startMs = performance.now();
    await gate.reached(until);
    return performance.now() - startMs;
  };
  for (let warmed = 0; warmed < messages / 5; warmed += count) await round();
  const before = gate.handled;
  let elapsedMs = 0;
  while (gate.handled - before < messages) elapsedMs += await round();
  return { elapsedMs, check: gate.handled - before };
}

if (import.meta.main) {
  const [what, form, count, messages] = Deno.args;
  const measureOne = what === "actors" ? spreadOut : drain;
  finish(await measureOne(form as Form, Number(count), Number(messages)));
}
