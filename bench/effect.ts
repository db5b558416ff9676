import { Deferred, Effect, Queue } from "effect";
import type { Outcome, Workload } from "./contender.ts";
import { bytesOfHeap } from "./heap.ts";
import type { Done } from "./timed.ts";
import { asksInFlight, forkJoinActors } from "./workloads.ts";

/** Adds a number to a count. */
export type Add = { readonly type: "add"; readonly n: number };
/** Asks for `n` plus one. */
export type Inc = { readonly type: "inc"; readonly n: number; readonly reply: Deferred.Deferred<number> };

/** A way in which a fiber processes its queue; `Receive` is its message handler. */
export interface Form<Receive> {
  /** A fiber that receives the messages of its queue. It ends with its parent. */
  readonly spawn: (receive: Receive) => Effect.Effect<Queue.Queue<Add>>;
  /** Sums what one actor receives, and resolves when the sum reaches a total. */
  readonly adding: (until: number, done: Done) => Receive;
  /** Counts what any of its actors receives, and resolves when the count reaches a total. */
  readonly counting: (until: number, done: Done) => Receive;
  /** An actor that replies with the received number plus one. */
  readonly spawnSuccessor: () => Effect.Effect<Queue.Queue<Inc>>;
  /** Asks a number of times in sequence, each time with the previous reply. */
  readonly askInSequence: (actor: Queue.Queue<Inc>, times: number) => Effect.Effect<number>;
}

/** Times an operation from its start to its completion, inside a fiber that ends its actors. */
export function timed(begin: (done: Done) => Effect.Effect<void>): Promise<Outcome> {
  return Effect.runPromise(untilDone(begin));
}

/** The workloads whose code does not depend on how actors process their queues. */
export function workloadsOf<Receive>(
  { spawn, adding, counting, spawnSuccessor, askInSequence }: Form<Receive>,
) {
  return {
    count: (size) =>
      timed(Effect.fnUntraced(function* (done) {
        const counter = yield* spawn(adding(size, done));
        for (let index = 0; index < size; index++) Queue.offerUnsafe(counter, { type: "add", n: 1 });
      })),
    forkJoin: (size) =>
      timed(Effect.fnUntraced(function* (done) {
        const receive = counting(size, done);
        const all = yield* Effect.forEach(Array(forkJoinActors).keys(), () => spawn(receive));
        for (let index = 0; index < size; index++) {
          Queue.offerUnsafe(all[index % forkJoinActors], { type: "add", n: 1 });
        }
      })),
    create: (size) =>
      Effect.runPromise(Effect.gen(function* () {
        const beforeBytes = bytesOfHeap();
        const all: Queue.Queue<Add>[] = [];
        const outcome = yield* untilDone(Effect.fnUntraced(function* (done) {
          const receive = counting(size, done);
          for (let index = 0; index < size; index++) {
            const actor = yield* spawn(receive);
            all.push(actor);
            Queue.offerUnsafe(actor, { type: "add", n: 1 });
          }
        }));
        return { ...outcome, also: { bytesPerActor: (bytesOfHeap() - beforeBytes) / all.length } };
      })),
    askOne: (size) =>
      timed(Effect.fnUntraced(function* (done) {
        done(yield* askInSequence(yield* spawnSuccessor(), size));
      })),
    askMany: (size) =>
      timed(Effect.fnUntraced(function* (done) {
        const loop = askInSequence(yield* spawnSuccessor(), size / asksInFlight);
        const last = yield* Effect.forEach(Array(asksInFlight).keys(), () => loop, {
          concurrency: "unbounded",
        });
        done(last.reduce((sum, x) => sum + x, 0));
      })),
  } satisfies Record<string, Workload>;
}

const untilDone = Effect.fnUntraced(function* (begin: (done: Done) => Effect.Effect<void>) {
  const checked = yield* Deferred.make<number>();
  const startMs = performance.now();
  yield* begin((check) => Deferred.doneUnsafe(checked, Effect.succeed(check)));
  const check = yield* Deferred.await(checked);
  return { elapsedMs: performance.now() - startMs, check };
});
