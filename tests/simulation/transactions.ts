import { OutcomeUnknownError, type Random, StoreError, type System } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import { Transactions } from "../../runtime/durable/transactions.ts";
import { postedPrefix } from "../../runtime/ports/transaction.ts";
import { UserTransaction } from "../runtime/durable/user_transaction.ts";
import type { Clients, Sent, Workload } from "./clients.ts";
import { type Job, partsOf } from "./messages.ts";
import { type Rule, spaceOf } from "./rule.ts";
import { withScene } from "./scenes.ts";

const actors = ["node/t0", "node/t1", "aside/t2"];
/** For how long a transaction stays open at the most, and the most that it sends. */
const openMsMax = 8_000;
const sendsMax = 4;

/**
 * Users who send within transactions of their own, in a process without a system. Some transactions stay open for long, and
 * some are rolled back.
 */
export function transactions(simulation: Simulation<System>): Workload {
  const store = simulation.store.instance("user");
  const sends = new Transactions({ traits: store.traits, clock: simulation.clock, random: userRandom() });
  const opening = store.open({ clock: simulation.clock });
  const errand = async (clients: Clients, tag: string) => {
    const transaction = new UserTransaction(await opening);
    const tx = sends.on(transaction);
    const sent: Sent[] = [];
    const settle = (outcome: Sent["outcome"], why: string) => {
      for (const one of sent) Object.assign(one, { outcome, why });
      simulation.note(`${tag}, a transaction, is ${why}`);
    };
    const count = 1 + Math.floor(clients.draw() * sendsMax);
    try {
      for (let seq = 1; seq <= count; seq++) {
        const actor = clients.pick(actors);
        const { kind, key } = partsOf(actor);
        const job: Job = { tag: `${tag}.${seq}`, from: tag, seq, path: [], does: "write" };
        const named = clients.draw() < 0.3;
        sent.push(clients.note(actor, job));
        await tx.ref(kind, key).tell(kind.job, job, named ? { id: job.tag } : {});
      }
      await clients.pause(clients.draw() * openMsMax);
      if (clients.draw() < 0.3) return settle("refused", "rolled back");
      const committed = await transaction.end();
      settle(committed ? "accepted" : "open", committed ? "committed" : "not known to be committed");
    } catch (error) {
      if (!(error instanceof StoreError) && !(error instanceof OutcomeUnknownError)) throw error;
      settle(error instanceof StoreError ? "refused" : "open", String(error));
    }
  };
  return { name: "t", count: 20, everyMs: 1_800, errand };
}

/** Names that no process of the simulation has. */
export function userRandom(seed = 72): Random {
  const random = seededRandom(seed);
  return {
    next: () => random.next(),
    ulid: (nowMs) => random.ulid(nowMs).replace(/.{10}$/, (end) => `TX${end.slice(2)}`),
  };
}

const isPosted = ({ key }: { readonly key: string }) => key.startsWith(postedPrefix);

/** Rules of what transactions of users send. */
export const transactionRules: readonly Rule[] = [
  {
    name: "posted-replaced",
    foundBy: 1,
    says: "whoever removes the index entries of a transaction puts the actor into an index",
    faultPlan: (faultPlan) => withScene(faultPlan, "transactions"),
    part: (part) => ({
      ...part,
      writes: part.removals.some(isPosted)
        ? part.writes.filter(({ key }) => spaceOf(key) !== "index")
        : part.writes,
    }),
  },
  {
    name: "posted-is-looked-for",
    foundBy: 1,
    says: "heartbeats look for what transactions have written, whatever watches tell",
    faultPlan: (faultPlan) => withScene(faultPlan, "transactions"),
    connect: (connection) => ({
      list: async (range) => {
        const rows = await connection.list(range);
        return rows.filter((row) => !isPosted(row));
      },
    }),
  },
];
