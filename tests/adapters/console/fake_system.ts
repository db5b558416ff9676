// A system for the tests of the console whose answers are given: hostile texts, a million rows, failures.

import { VirtualClock } from "@posthorn/posthorn/testing";
import type { ConsoleSystem } from "@posthorn/posthorn/console";

type Observation = ConsoleSystem["observe"];
type Control = ConsoleSystem["control"];

const nothing = { items: [] };

/** Answers that there is nothing, except where an answer is given. */
export function fakeObservation(given: Partial<Observation> = {}): Observation {
  return {
    instances: () => Promise.resolve({ items: [{ instance: "one", hosts: [], own: true }] }),
    protocols: () => Promise.resolve(nothing),
    actors: () => Promise.resolve(nothing),
    actor: () => Promise.resolve(undefined),
    failing: () => Promise.resolve(nothing),
    schedules: () => Promise.resolve(nothing),
    topics: () => Promise.resolve(nothing),
    deadLetters: () => Promise.resolve(nothing),
    deadLetterGroups: () => Promise.resolve({ groups: [], more: false }),
    replies: () => Promise.resolve(nothing),
    unhosted: () => Promise.resolve(nothing),
    outbox: () => Promise.resolve(undefined),
    tenures: () => Promise.resolve(nothing),
    ...given,
  };
}

/** Writes down what it is told to do, except where something else is given. */
export function fakeControl(calls: unknown[][], given: Partial<Control> = {}): Control {
  const bulk = { done: 2, failed: 1, more: false };
  const did = <Result>(name: string, result: Result) => (...args: unknown[]) => {
    calls.push([name, ...args]);
    return Promise.resolve(result);
  };
  return {
    resend: did("resend", undefined),
    resendAll: did("resendAll", bulk),
    discard: did("discard", true),
    discardAll: did("discardAll", bulk),
    cancelSchedule: did("cancelSchedule", true),
    cancelRequest: did("cancelRequest", "cancelled"),
    passivate: did("passivate", undefined),
    erase: did("erase", undefined),
    pause: did("pause", undefined),
    resume: did("resume", undefined),
    ...given,
  };
}

/** A system that runs, and of which nothing is known except what is given. */
export function fakeSystem(given: Partial<ConsoleSystem> = {}): ConsoleSystem & { listeners: number } {
  const system = {
    observe: fakeObservation(),
    control: fakeControl([]),
    listeners: 0,
    inspect(): Disposable {
      system.listeners++;
      return { [Symbol.dispose]: () => void system.listeners-- };
    },
    stats: () => ({
      accepted: 0,
      done: 0,
      dead: 0,
      cancelled: 0,
      waiting: 0,
      delayed: 0,
      running: 0,
      lateReplies: 0,
      protocols: {},
    }),
    deadLetters: { size: 0 },
    health: { status: "running" as const },
    clock: new VirtualClock(),
    closed: new Promise<unknown>(() => {}),
    ...given,
  };
  return system;
}
