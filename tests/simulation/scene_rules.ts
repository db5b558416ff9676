import type { AtomicPart, Put } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { repeated, type Rule, spaceOf, writes } from "./rule.ts";
import { type Scene, withScene } from "./scenes.ts";

const within = (...scenes: readonly Scene[]) => (faultPlan: FaultPlan): FaultPlan =>
  scenes.reduce(withScene, faultPlan);

const isReplaced = ({ key, oldBytes }: Put): boolean => spaceOf(key) === "timer" && oldBytes !== undefined;

/** The removal of a key that the same part writes comes last, as if the part had both. */
function removedLast(part: AtomicPart): AtomicPart {
  const replaced = part.writes.filter(isReplaced);
  if (replaced.length === 0) return part;
  return {
    ...part,
    writes: part.writes.filter((write) => !isReplaced(write)),
    removals: [...part.removals, ...replaced.map(({ key }) => ({ key }))],
  };
}

const keeping = (space: string) => (part: AtomicPart): AtomicPart => ({
  ...part,
  removals: part.removals.filter(({ key }) => spaceOf(key) !== space),
});

/** Rules that only matter in runs with certain scenes. */
export const sceneRules: readonly Rule[] = [
  {
    name: "deadline-again",
    foundBy: 1,
    says: "what is sent again from the dead letters has no deadline any more",
    faultPlan: within("deadlines"),
  },
  {
    name: "letters-anew",
    foundBy: 59,
    says: "dead letters of which instances let go differently are counted anew",
    faultPlan: (faultPlan) =>
      within("crowded", "spoiled", "deadlines")({
        ...faultPlan,
        ...faultPlan.shared,
        shared: undefined,
        processes: 2,
        brim: 1,
        times: {},
        process: { ...faultPlan.process, pause: 4 },
      }),
  },
  {
    name: "never-fits",
    foundBy: 1,
    says: "what no commit can take is refused, and stands in nobody's way",
    faultPlan: within("bulky"),
  },
  {
    name: "page-refused",
    foundBy: 1,
    says: "a page of an event that no commit can take is a dead letter",
    faultPlan: within("bulky"),
  },
  {
    name: "heartbeat-aside",
    foundBy: 1,
    says: "an instance says that it lives beside what waits to be committed",
    faultPlan: within("saturated"),
  },
  {
    name: "tried-alone",
    foundBy: 3,
    says: "what was tried before is tried alone",
    faultPlan: within("poisons"),
  },
  {
    name: "tried-where-it-waits",
    foundBy: 196,
    says: "that a message is tried is written only where it still waits",
    faultPlan: (faultPlan) => ({
      ...repeated(faultPlan),
      process: { ...faultPlan.process, crash: 6, pause: 4 },
      actorsMax: 1_000,
    }),
  },
  {
    name: "ended-stay-ended",
    foundBy: 286,
    says: "whoever has ended is not written down as living by a commit that lands late",
    part: (part) => ({
      ...part,
      checks: writes(part, "instance")
        ? part.checks.filter(({ key }) => spaceOf(key) !== "ended")
        : part.checks,
    }),
  },
  {
    name: "hung-give-way",
    foundBy: 1,
    says: "what is tried keeps the others out for a while, and not for ever",
    faultPlan: within("hung"),
  },
  {
    name: "failure-of-its-message",
    foundBy: 1,
    says: "a state that cannot be made is the failure of the message that it was made for",
    faultPlan: within("spoiled"),
  },
  {
    name: "last-word",
    foundBy: 1,
    says: "what is set anew in a turn or a batch is there, whatever was taken back before",
    faultPlan: within("reminders"),
    part: removedLast,
  },
  {
    name: "behind-its-place",
    foundBy: 1,
    says: "a message that names the place of an earlier one is handled behind it",
    faultPlan: within("callers"),
  },
  {
    name: "own-wait",
    foundBy: 1,
    says: "nobody waits longer for a retry than it was to wait, whatever the clocks say",
    faultPlan: within("hours"),
  },
  {
    name: "slowest-clock",
    foundBy: 3,
    says: "what is kept for a while is over when it is by the clocks of all instances",
    faultPlan: (faultPlan) =>
      within("hours")({
        ...faultPlan,
        poison: false,
        scenes: [],
        process: { ...faultPlan.process, crash: 0, stop: 0, clockJump: 0 },
      }),
  },
  {
    name: "dead-are-seen",
    foundBy: 1,
    says: "where it can be seen that a process has ended, nobody waits for its heartbeats",
    faultPlan: within("presence"),
    connect: () => ({ presence: undefined }),
  },
  {
    name: "marks-end",
    foundBy: 1,
    says: "what is kept for a while says for how long",
    part: (part) => ({
      ...part,
      writes: part.writes.map((write) =>
        spaceOf(write.key) === "mark" ? { ...write, expiresAtMs: undefined } : write
      ),
    }),
  },
  {
    name: "subscription-goes",
    foundBy: 1,
    says: "of a subscription that ended no row is left",
    faultPlan: within("leaving"),
    part: keeping("subscribed"),
  },
  {
    name: "erased-goes",
    foundBy: 1,
    says: "of an actor that is erased no row is left for good",
    part: keeping("actor"),
  },
];
