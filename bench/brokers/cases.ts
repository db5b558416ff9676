import { type Case, ownProcess } from "../goals/process.ts";
import { measure } from "../run.ts";
import type { BrokerKind } from "./transport.ts";

/** How much one measurement does. */
export interface Sizes {
  readonly tells: number;
  readonly asks: number;
}

/** The other libraries that speak to services over NATS. What they publish by themselves nobody confirms. */
export const frameworks = ["moleculer", "nest"] as const;

/** Their packages whose publish a stream of NATS confirms; one of them in two forms. */
export const confirming = ["channels", "channelsByDefault", "jetstream"] as const;

const fileOf = (name: string): URL => new URL(name, import.meta.url);

/** What is measured over a broker, and beside what. `folder` has the frameworks, for NATS. */
export function casesOf(kind: BrokerKind, url: string, sizes: Sizes, folder: string | undefined): Case[] {
  const { tells, asks } = sizes;
  const own = (id: string, count: number): Case => ({
    id: `${kind} ${id}`,
    run: ownProcess(fileOf("posthorn.ts").href, [kind, url, id, count], count),
  });
  const bare = (id: string, count: number): Case => ({
    id: `${kind} plain ${id}`,
    run: ownProcess(fileOf(`plain_${kind}.ts`).href, [url, id, count], count),
  });
  const cases = [
    bare("tells", tells),
    own("tells", tells),
    own("durable", tells),
    own("accept", tells),
    own("local", tells),
    bare("asks", asks),
    own("asks", asks),
    own("durableAsks", asks),
  ];
  if (folder === undefined) return cases;
  for (const [id, count] of [["asks", asks], ["calls", tells], ["publish", tells]] as const) {
    if (id !== "asks") cases.push(own(id, count));
    const libraries = id === "publish" ? [...confirming, ...frameworks] : frameworks;
    for (const library of libraries) cases.push(framework(folder, library, url, id, count));
  }
  return cases;
}

function framework(folder: string, library: string, url: string, id: string, count: number): Case {
  const flags = ["run", "-A", "--no-config", "--no-lock", "--node-modules-dir=manual"];
  const args = [fileOf("framework.mjs").pathname, folder, library, url, id, String(count)];
  return {
    id: `nats ${library} ${id}`,
    run: () => measure({ command: Deno.execPath(), args: [...flags, ...args] }, count),
  };
}
