import { type Actor, PosthornError } from "@posthorn/posthorn";
import type { SimulatedHost } from "@posthorn/posthorn/testing/simulation";
import type { NamedProtocol } from "../../runtime/language/protocol.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { Echo, type Job, kinds, Node, StampedScroll, Vacant } from "./messages.ts";
import type { Stage } from "./phases.ts";
import { placeOf, type Program } from "./rolling_deploy.ts";

/** Whether a process is a front: the last one is, if the scene takes part and others can host the actors. */
export function isFront({ name }: SimulatedHost, { scenes, processes }: FaultPlan): boolean {
  return scenes.includes("fronts") && processes > 1 && placeOf(name) === processes - 1;
}

/**
 * What a process hosts and what its peers host. A front hosts none of the durable actors; its transient one it hosts in
 * some runs, and in the others that is a peer, whose messages the other processes refuse.
 */
export function divided(
  host: SimulatedHost,
  actors: readonly Actor[],
  faultPlan: FaultPlan,
  { revision }: Program,
): { readonly actors: readonly Actor[]; readonly peers?: readonly NamedProtocol<string>[] } {
  if (!isFront(host, faultPlan)) {
    const isVacant = faultPlan.scenes.includes("erasing") && !actors.some(({ name }) => name === "vacant");
    return { actors, ...isVacant && { peers: [Vacant] } };
  }
  const transient = host.random.next() < 0.5 ? actors.filter((actor) => actor.transient) : [];
  const { scroll: _, ...others } = kinds;
  const scroll = revision === 2 ? StampedScroll : kinds.scroll;
  const echo = transient.length === 0 ? [Echo] : [];
  return { actors: transient, peers: [...Object.values(others), scroll, ...echo] };
}

/**
 * When no fault happens any more, what is asked through a front is answered, and what only a transient actor could answer
 * is refused.
 */
export async function askThroughFronts(stage: Stage, faultPlan: FaultPlan, asks: Set<string>): Promise<void> {
  const { simulation, clients, fail } = stage;
  for (const through of simulation.running) {
    const { host: { name } } = through;
    if (!isFront(through.host, faultPlan)) continue;
    const job: Job = { tag: `front-${name}`, from: "ask", seq: 0, path: [], does: "write" };
    asks.add(job.tag);
    const sent = clients.note("node/n0", job);
    const ask = { timeoutMs: Infinity }; // clocks may be apart by more than any other time
    const answer = await clients.call((system) => system.ref(Node, "n0").ask(Node.add, job, ask), through);
    if (!("value" in answer)) {
      return fail(`${name}, a front, gets no answer to ${job.tag}: ${wordsOf(answer)}`);
    }
    Object.assign(sent, { outcome: "accepted", answer: answer.value });
    if (!faultPlan.beside || through.system.stats().protocols.echo !== undefined) continue;
    const errand = { to: "node/n0", job };
    const refused = await clients.call(
      (system) => system.ref(Echo, "e1").ask(Echo.relay, errand, ask),
      through,
    );
    const code = "error" in refused && refused.error instanceof PosthornError
      ? refused.error.code
      : undefined;
    if (code !== "transient-peer") fail(`${name}, a front, is not refused by echo: ${wordsOf(refused)}`);
    else stage.reach("a front is refused by a transient actor");
  }
}

function wordsOf(outcome: object): string {
  return "error" in outcome ? String(outcome.error) : Object.keys(outcome).join();
}
