import { type ActorLogic, createActor, type Snapshot } from "xstate";
import type { Workload } from "./contender.ts";
import { askOneAfterAnother, askTogether, timed, timedCreation } from "./timed.ts";
import { forkJoinActors } from "./workloads.ts";

/** Adds a number to a count. */
export type Add = { readonly type: "add"; readonly n: number };
/** Starts an actor. */
export type Go = { readonly type: "go" };
/** Is passed from actor to actor, `left` more times. */
export type Hop = { readonly type: "hop"; readonly left: number };
/** Names the receiver of replies. */
export type Ping = { readonly type: "ping" | "pong"; readonly from: Target<Ping> };
/** Asks for `n` plus one. */
export type Inc = { readonly type: "inc"; readonly n: number; readonly reply: (n: number) => void };
/** The message of a publisher to its subscribers. */
export type News = { readonly type: "news"; readonly n: number };

/** A receiver of messages. */
export interface Target<Message> {
  send(message: Message): void;
}

/** One of the forms in which the library allows writing an actor. */
export interface Form<Counted extends Snapshot<unknown>, Asked extends Snapshot<unknown>> {
  /** Sums the numbers that it receives. */
  readonly counting: ActorLogic<Counted, Add>;
  /** The sum. */
  readonly countOf: (snapshot: Counted) => number;
  /** Replies with the received number plus one. */
  readonly succeeding: ActorLogic<Asked, Inc>;
}

/** The workloads whose code does not depend on the form of the actors. */
export function workloadsOf<Counted extends Snapshot<unknown>, Asked extends Snapshot<unknown>>(
  { counting, countOf, succeeding }: Form<Counted, Asked>,
) {
  type Counter = Target<Add> & { getSnapshot(): Counted };
  const total = (counters: readonly Counter[]) =>
    counters.reduce((sum, counter) => sum + countOf(counter.getSnapshot()), 0);
  return {
    count: (size) =>
      timed((done) => {
        const counter = createActor(counting).start();
        for (let index = 0; index < size; index++) counter.send({ type: "add", n: 1 });
        done(countOf(counter.getSnapshot()));
      }),
    forkJoin: (size) =>
      timed((done) => {
        const counters = Array.from({ length: forkJoinActors }, () => createActor(counting).start());
        for (let index = 0; index < size; index++) {
          counters[index % forkJoinActors].send({ type: "add", n: 1 });
        }
        done(total(counters));
      }),
    create: (size) =>
      timedCreation((done, counters: Counter[]) => {
        for (let index = 0; index < size; index++) {
          const counter = createActor(counting).start();
          counters.push(counter);
          counter.send({ type: "add", n: 1 });
        }
        done(total(counters));
      }),
    askOne: (size) =>
      timed(async (done) => {
        const actor = createActor(succeeding).start();
        done(await askOneAfterAnother((n) => ask(actor, n), size));
      }),
    askMany: (size) =>
      timed(async (done) => {
        const actor = createActor(succeeding).start();
        done(await askTogether((n) => ask(actor, n), size));
      }),
  } satisfies Record<string, Workload>;
}

/** The library has no ask, so the event carries the function that settles the caller's promise. */
function ask(actor: Target<Inc>, n: number): Promise<number> {
  return new Promise((reply) => actor.send({ type: "inc", n, reply }));
}
