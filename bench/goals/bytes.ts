import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
import type { Outcome } from "../contender.ts";
import { formatCount, formatFigure, tableOf } from "../format.ts";
import { bytesOfHeap } from "../heap.ts";
import type { Section } from "../section.ts";
import {
  alternate,
  failureLines,
  finish,
  formatSpread,
  type GoalOptions,
  ownProcess,
  spread,
} from "./process.ts";

const bytesPerMessageMax = 24;

/** The number of actors, and of messages waiting in the mailbox of each. */
interface Crowd {
  readonly actors: number;
  readonly waiting: number;
}

const full: readonly Crowd[] = [
  { actors: 1_000_000, waiting: 0 },
  { actors: 1_050_000, waiting: 0 },
  { actors: 1, waiting: 1_000_000 },
  { actors: 10_000, waiting: 100 },
  { actors: 100_000, waiting: 10 },
];
const smoke: readonly Crowd[] = [
  { actors: 100, waiting: 0 },
  { actors: 1, waiting: 1_000 },
];

/** Measures the memory of an idle actor and of a waiting message. */
export async function bytesSection(options: GoalOptions): Promise<Section> {
  const crowds = options.size === "full" ? full : smoke;
  const { series, failures } = await alternate(
    crowds.map(({ actors, waiting }) => ({
      id: idOf({ actors, waiting }),
      run: ownProcess(import.meta.url, [actors, waiting], actors * Math.max(waiting, 1)),
    })),
    { ...options, runs: 1 }, // the result is the same each time
  );
  const bytesOf = (crowd: Crowd) => spread(series[idOf(crowd)], ({ also }) => also!.bytes);
  const rows = crowds.map((crowd) => [
    crowd.waiting === 0
      ? `${formatCount(crowd.actors)} idle actors`
      : `${formatCount(crowd.waiting)} messages that wait, for each of ${formatCount(crowd.actors)}`,
    crowd.waiting === 0 ? "an actor" : "a message",
    formatSpread(bytesOf(crowd)),
  ]);
  const deep = crowds.find(({ actors, waiting }) => actors === 1 && waiting > 0)!;
  const bytes = bytesOf(deep)?.median;
  return {
    title: "Bytes: actors and messages that wait",
    markdown:
      `What lives on the heap after a collection, divided by the number of actors or messages. An actor includes its key and its
place in the index, which doubles when it is full: at the most that is, here, just behind ${
        formatCount(2 ** 20)
      } actors. A message's payload is a small number, which
takes nothing by itself. What a mailbox takes besides is shared by its messages: it grows by chunks.

${tableOf(["", "each", "bytes"], rows, 2)}${failureLines(failures)}`,
    goals: [{
      name: `At most ${bytesPerMessageMax} bytes of heap for a message that waits`,
      met: bytes !== undefined && bytes <= bytesPerMessageMax,
      figure: bytes === undefined ? "no result" : `${formatFigure(bytes)} bytes`,
    }],
  };
}

function idOf({ actors, waiting }: Crowd): string {
  return `${actors} actors, ${waiting} waiting`;
}

/** The check is the number of messages handled in the end. */
async function bytesEach({ actors, waiting }: Crowd): Promise<Outcome> {
  const Counter = protocol("counter", { add: tell(unchecked<number>()) });
  const { promise, resolve } = Promise.withResolvers<void>();
  const expected = actors * Math.max(waiting, 1);
  let count = 0;
  const counter = actor(Counter, {
    state: () => 0,
    on: {
      add: (ctx, n) => {
        ctx.state = ctx.state + n;
        if (++count === expected + (waiting === 0 ? 0 : actors)) resolve();
      },
    },
    mailbox: { capacity: 10_000_000 },
  });
  const system = new System({ actors: [counter], limits: { actors: 2_000_000 } });
  const beforeBytes = bytesOfHeap();
  const startMs = performance.now();
  for (let index = 0; index < actors; index++) system.ref(Counter, `a${index}`).tell(Counter.add, 1);
  let bytes = 0;
  if (waiting > 0) {
    while (count < actors) await new Promise((resolve) => setTimeout(resolve, 1));
    const idleBytes = bytesOfHeap();
    for (let index = 0; index < actors; index++) {
      const ref = system.ref(Counter, `a${index}`);
      for (let sent = 0; sent < waiting; sent++) ref.tell(Counter.add, 1);
    }
    bytes = (bytesOfHeap() - idleBytes) / expected; // no message is handled before this function awaits
  }
  await promise;
  if (waiting === 0) bytes = (bytesOfHeap() - beforeBytes) / actors;
  const elapsedMs = performance.now() - startMs;
  await system.stop();
  return { elapsedMs, check: waiting === 0 ? count : count - actors, also: { bytes } };
}

if (import.meta.main) {
  const [actors, waiting] = Deno.args.map(Number);
  finish(await bytesEach({ actors, waiting }));
}
