import type { ObservedInstance } from "../../ports/observation.ts";
import type { Listing, Range } from "../../observation/listing.ts";
import type { Entry } from "../../ports/store.ts";
import { instancePrefix } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import type { RowReader } from "./row_reader.ts";

/** How many instances are asked for what they host. */
const instancesMax = 1_000;

/** What the heartbeat row of an instance tells. */
interface InstanceHead {
  readonly atMs?: unknown;
  readonly hosts?: unknown;
}

/** The instances that have a heartbeat row. */
export async function observedInstances(
  reader: RowReader,
  { after, limit }: Range,
  own: string | undefined,
): Promise<Listing<ObservedInstance>> {
  const behind = after === undefined ? undefined : instancePrefix + after;
  const { rows, more } = await reader.list({ prefix: instancePrefix, after: behind, most: limit });
  const found = rows.map((row) => {
    const item = instanceOf(row, own);
    return { at: item.instance, item };
  });
  return { found, upTo: more ? found.at(-1)?.at ?? after ?? "" : undefined };
}

/** A row that cannot be read tells nothing but the name. */
function instanceOf({ key, value }: Entry, own: string | undefined): ObservedInstance {
  const instance = key.slice(instancePrefix.length);
  const { atMs, hosts } = readableHead<InstanceHead>(value) ?? {};
  return {
    instance,
    ...Array.isArray(hosts) && { hosts: hosts.filter((name) => typeof name === "string") },
    ...typeof atMs === "number" && { atMs },
    own: instance === own,
  };
}

/** The protocols that instances host. */
export class ProtocolHosts {
  readonly names: readonly string[];
  readonly #names: ReadonlySet<string>;
  /** Whether an instance does not tell what it hosts. */
  readonly #silent: boolean;

  private constructor(names: ReadonlySet<string>, silent: boolean) {
    this.#names = names;
    this.names = [...names];
    this.#silent = silent;
  }

  /** Whether an instance hosts a protocol. One that hosts too many to tell may host it. */
  has(protocol: string): boolean {
    return this.#silent || this.#names.has(protocol);
  }

  static async read(reader: RowReader): Promise<ProtocolHosts> {
    const { rows, more } = await reader.list({ prefix: instancePrefix, most: instancesMax });
    const instances = rows.map((row) => instanceOf(row, undefined));
    const silent = more || instances.some(({ hosts, atMs }) => hosts === undefined && atMs !== undefined);
    return new ProtocolHosts(new Set(instances.flatMap(({ hosts = [] }) => hosts)), silent);
  }
}
