import type { Random } from "@posthorn/posthorn";
import type { StoreLimits } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";

/** The scenes: parts of some runs, in addition to the usual work of every run. */
export const sceneNames = [
  "bulky",
  "callers",
  "cancelling",
  "crowded",
  "deadlines",
  "delays",
  "erasing",
  "fronts",
  "headers",
  "hours",
  "hundreds",
  "hung",
  "laters",
  "leaving",
  "limited",
  "mayflies",
  "opening",
  "pausing",
  "poisons",
  "presence",
  "reminders",
  "saturated",
  "sessions",
  "spoiled",
  "surveys",
  "transactions",
] as const;

export type Scene = typeof sceneNames[number];

/** The probability of each scene in a run, from 0 to 1. Expensive scenes are rare. */
const shares: Readonly<Record<Scene, number>> = {
  bulky: 0.15,
  callers: 0.2,
  cancelling: 0.25,
  crowded: 0.02,
  deadlines: 0.2,
  delays: 0.15,
  erasing: 0.1,
  fronts: 0.25,
  headers: 0.1,
  hours: 0.1,
  hundreds: 0.03,
  hung: 0.1,
  laters: 0.25,
  leaving: 0.2,
  limited: 0.15,
  mayflies: 0.1,
  opening: 0.15,
  pausing: 0.15,
  poisons: 0.05,
  presence: 0.3,
  reminders: 0.25,
  saturated: 0.05,
  sessions: 0.2,
  spoiled: 0.15,
  surveys: 0.2,
  transactions: 0.1,
};

const hourMs = 3_600_000;
/** The actual limits of a server whose limits are unknown. */
const tenChecks: Partial<StoreLimits> = { checks: 10 };
const smallLimits: Partial<StoreLimits> = { valueBytes: 1_500, writes: 60, checks: 20, bytes: 60_000 };

/** Scenes that were added later: they are drawn after all else, so that a seed draws everything else as before. */
const drawnLast: readonly Scene[] = [
  "limited",
  "delays",
  "laters",
  "fronts",
  "cancelling",
  "erasing",
  "headers",
  "transactions",
  "sessions",
  "mayflies",
  "pausing",
];
const drawnFirst = sceneNames.filter((name) => !drawnLast.includes(name));

/** Scenes in which no process is stopped. */
const stopsNone: readonly Scene[] = ["hours", "poisons"];

/** Draws the scenes of a run. */
export function withScenes(faultPlan: FaultPlan, random: Random): FaultPlan {
  const first = drawnFirst.filter((name) => random.next() < shares[name]);
  const served = random.next();
  const alone = faultPlan.shared !== undefined; // then no other process could host what a front speaks to
  const ofSeveral: readonly Scene[] = ["fronts", "transactions", "sessions"];
  const last = drawnLast.filter((name) =>
    random.next() < shares[name] && !(alone && ofSeveral.includes(name))
  );
  const scenes = first.includes("saturated") ? ["saturated" as const] : [...first, ...last];
  const checks = served < 0.1 ? { limits: { ...faultPlan.limits, ...tenChecks } } : {};
  const strict = served > 0.9 ? { strict: tenChecks } : {};
  const drawn = scenes.reduce(withScene, { ...faultPlan, ...checks, ...strict });
  if (!drawn.scenes.includes("sessions") || random.next() < 0.5) return drawn;
  return { ...drawn, store: { ...drawn.store, sessionLost: 0 } }; // then nobody who lives is taken for dead too soon
}

/** A fault plan with one of the scenes. */
export function withScene(faultPlan: FaultPlan, scene: Scene): FaultPlan {
  // A false "ended" can only be excluded if there are no other faults.
  const others = faultPlan.scenes.filter((name) => name !== scene && name !== "saturated");
  if (scene === "delays" && faultPlan.scenes.includes("hours")) return faultPlan; // their due times are hours apart
  // A process is stopped, so that it hosts one protocol more.
  if (scene === "erasing" && others.some((name) => stopsNone.includes(name))) return faultPlan;
  // A message is suspected if its instance ended, even if it was only taken for dead.
  if (scene === "sessions" && others.includes("poisons")) return faultPlan;
  const scenes = scene === "saturated" ? [scene] : [...others, scene];
  const added: FaultPlan = { ...faultPlan, scenes };
  switch (scene) {
    case "bulky":
      return { ...added, limits: { ...smallLimits, ...faultPlan.limits } };
    case "transactions": // the user's process has no actors
    case "fronts": // another process hosts the actors
      return { ...added, ...faultPlan.shared, shared: undefined };
    case "sessions":
      return {
        ...added,
        scenes: [...scenes.filter((name) => name !== "presence"), "presence"],
        store: {
          ...faultPlan.store,
          sessionLost: 0.01,
          sessionStays: 0.2,
          serverRestarted: 0.004,
          presenceSilent: 0.02,
        },
      };
    case "hours": // the wait of an unknown operation is measured by clocks that are nearly the same
      return {
        ...added,
        scenes: scenes.filter((name) => name !== "delays" && name !== "erasing"),
        deploy: undefined,
        process: { ...faultPlan.process, clocksApartMs: 2 * hourMs },
      };
    case "hundreds":
    case "hung":
    case "crowded":
      return { ...added, capacity: 1_000, actorsMax: 1_000 };
    case "poisons": // one crash at a time, and each caused by the message being tried
      return {
        ...added,
        scenes: scenes.filter((name) => name !== "erasing" && name !== "sessions"),
        actorsMax: 1_000,
        process: { ...faultPlan.process, crash: 0, stop: 0, pause: 0 },
        store: { watchLost: faultPlan.store.watchLost ?? 0, listBatch: faultPlan.store.listBatch ?? 0 },
        strict: {},
        deploy: undefined,
        poison: false,
      };
    case "saturated": // the only cause of slowness is the load
      return {
        ...added,
        capacity: 1_000,
        actorsMax: 1_000,
        deploy: undefined,
        brim: 0,
        poison: false,
        process: { ...faultPlan.process, pause: 0, crash: 0, stop: 0 },
        traits: { ...faultPlan.traits, commitsAtOnce: 1, fullCommitsAtOnce: 1, partsAtOnce: 2 },
        store: { watchLost: faultPlan.store.watchLost ?? 0, lazyExpiry: faultPlan.store.lazyExpiry ?? 0 },
        times: { latencyMsMin: 20, latencyMsMax: 300 },
      };
    default:
      return added;
  }
}

/**
 * Whether clocks differ by hours, constantly, and no instance starts after another is gone whose clock it
 * never observed.
 */
export function isSteady({ scenes, process, poison }: FaultPlan): boolean {
  const { crash = 0, stop = 0, clockJump = 0 } = process;
  return scenes.includes("hours") && !poison && !scenes.includes("poisons") && crash + stop + clockJump === 0;
}
