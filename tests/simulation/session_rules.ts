import { SimulatedServer } from "../../testing/simulation/sessions.ts";
import type { StoreConnection } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { removes, type Rule, spaceOf, unchecked, writes } from "./rule.ts";
import { withScene } from "./scenes.ts";

const sessions = (faultPlan: FaultPlan): FaultPlan => withScene(faultPlan, "sessions");

/** The server restarts, and no session ends otherwise. */
function restarts(faultPlan: FaultPlan): FaultPlan {
  const { store, ...rest } = sessions(faultPlan);
  return { ...rest, store: { ...store, sessionLost: 0, serverRestarted: 0.02 } };
}

/** A look at the heartbeats often takes seconds, and is of a time before. */
function lookingLate(faultPlan: FaultPlan): FaultPlan {
  const plan = restarts(faultPlan);
  return { ...plan, store: { ...plan.store, slow: 0.2, listBatch: 1 } };
}

/** A connection whose instance is not told that its row is gone, so that it keeps its name. */
function neverReborn(connection: StoreConnection): Partial<StoreConnection> {
  const own = new Set<string>();
  return {
    commit(parts) {
      for (const { writes } of parts) {
        for (const { key } of writes) if (spaceOf(key) === "instance") own.add(key);
      }
      return connection.commit(parts);
    },
    async read(keys) {
      const rows = await connection.read(keys);
      if (keys.length !== 1 || !own.has(keys[0])) return rows;
      return [rows[0] ?? { key: keys[0], value: new Uint8Array(), version: "gone" }];
    },
  };
}

/** Rules of locks that tell who lives, and of what follows if they are wrong. */
export const sessionRules: readonly Rule[] = [
  {
    name: "restart-is-no-death",
    foundBy: 1,
    says: "a lock that is free because its server has restarted is no death",
    faultPlan: restarts,
    code: (patches) => patches.method(SimulatedServer.prototype, "isOfThisStart", () => () => true),
  },
  {
    name: "dead-as-seen",
    foundBy: 3,
    says: "an instance counts as dead only if its row is the one that was not renewed",
    faultPlan: lookingLate,
    part: unchecked("instance", (part) => removes(part, "instance") && writes(part, "ended")),
  },
  {
    name: "heartbeat-check",
    foundBy: 1,
    says: "an instance that was taken for dead cannot renew its row",
    faultPlan: sessions,
    part: unchecked("instance", (part) => part.writes.every(({ key }) => spaceOf(key) === "instance")),
  },
  {
    name: "reborn",
    foundBy: 3,
    says: "an instance that was taken for dead goes on under another name",
    faultPlan: sessions,
    connect: neverReborn,
  },
];
