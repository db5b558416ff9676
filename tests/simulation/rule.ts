import type { Clock } from "../../runtime/base/clock.ts";
import { indexPrefix, unassigned } from "../../runtime/durable/rows/keys.ts";
import type { Probes } from "../../runtime/durable/commits/probes.ts";
import type { RecordHead } from "../../runtime/durable/rows/actor_record.ts";
import { decodeValue, encodeValue } from "../../runtime/durable/rows/value_codec.ts";
import type { AtomicPart, KeyRange, Store, StoreConnection } from "../../runtime/ports/store.ts";
import type { StoreCosts } from "./store_costs.ts";
import type { FaultPlan } from "./fault_plan.ts";
import type { Patches } from "./patches.ts";
import type { Deploy } from "./rolling_deploy.ts";

/** One rule of the protocol, and how to take it out. */
export interface Rule {
  readonly name: string;
  /** The rule, as a sentence. */
  readonly says: string;
  /** The first seed, from 1, that detects its removal: as many runs are needed. */
  readonly foundBy: number;
  /** Replaces methods of the code by ones without the rule. */
  readonly code?: (patches: Patches) => void;
  /** Commits parts without the rule. */
  readonly part?: (part: AtomicPart) => AtomicPart;
  /** Additional faults that make detection faster, because a rule may only matter with rare faults. */
  readonly faultPlan?: (faultPlan: FaultPlan) => FaultPlan;
  /** Connections without the rule. */
  readonly connect?: (connection: StoreConnection, clock: Clock) => Partial<StoreConnection>;
}

export const spaceOf = (key: string): string => key.slice(0, key.indexOf("\u001f"));

export function unchecked(
  space: string,
  when: (part: AtomicPart) => boolean = () => true,
): (part: AtomicPart) => AtomicPart {
  return (part) =>
    when(part) ? { ...part, checks: part.checks.filter(({ key }) => spaceOf(key) !== space) } : part;
}

/** The part without its writes of that space. */
export function unwritten(space: string): (part: AtomicPart) => AtomicPart {
  return (part) => ({ ...part, writes: part.writes.filter(({ key }) => spaceOf(key) !== space) });
}

export const writes = (part: AtomicPart, space: string): boolean =>
  part.writes.some(({ key }) => spaceOf(key) === space);
export const removes = (part: AtomicPart, space: string): boolean =>
  part.removals.some(({ key }) => spaceOf(key) === space);

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}

/** Many calls are slow. */
export function slow(faultPlan: FaultPlan): FaultPlan {
  return { ...faultPlan, store: { ...faultPlan.store, slow: 0.2 } };
}

/** A store over a network whose client often retries a commit by itself. */
export function repeated(faultPlan: FaultPlan): FaultPlan {
  if (faultPlan.shared !== undefined) return faultPlan;
  const { unknownLanded = 0 } = faultPlan.store;
  const store = { ...faultPlan.store, landedStale: 0.5, unknownLanded: Math.max(unknownLanded, 0.1) };
  return { ...faultPlan, store };
}

/** Commits are often lost, and nobody hears of it; none is refused. */
export function lost(faultPlan: FaultPlan): FaultPlan {
  if (faultPlan.shared !== undefined) return faultPlan;
  return { ...faultPlan, store: { ...faultPlan.store, locked: 0, unknownLost: 0.3 } };
}

export function listened(faultPlan: FaultPlan): FaultPlan {
  return { ...faultPlan, listening: true };
}

/** Another revision replaces the first, in the end on all processes. */
export function deployed(faultPlan: FaultPlan): FaultPlan {
  const gets = (place: number) => 10_000 + 10_000 * place;
  const places = Array.from({ length: faultPlan.processes }, (_, place) => place);
  const deploy: Deploy = {
    getsMs: places.map(gets),
    backMs: undefined,
    abandoned: false,
    hosting: places.map((place) => place % 2 === 0),
  };
  return { ...faultPlan, deploy: faultPlan.deploy ?? deploy };
}

/** The new revision is rolled back for a while, on several processes. */
export function abandoned(faultPlan: FaultPlan): FaultPlan {
  const { shared, ...rest } = faultPlan;
  return {
    ...rest,
    ...shared,
    processes: 3,
    deploy: { ...faultPlan.deploy!, abandoned: true },
    shared: undefined,
  };
}

/** Whether an entry moves from the index of an instance to the unassigned index. */
export const isLeft = (part: AtomicPart): boolean =>
  removes(part, "index") && part.writes.some(({ key }) => key.startsWith(indexPrefix(unassigned)));
export const isDropped = ({ key, value }: AtomicPart["writes"][number]): boolean =>
  spaceOf(key) === "dead" && decodeValue<{ reason: string }>(value).head.reason === "dropped";
export const isState = ({ key }: { readonly key: string }): boolean =>
  !["mail", "index"].includes(spaceOf(key));
/** The part with changed turns in its records. */
export function turnsHidden(part: AtomicPart, before: readonly string[] | undefined): AtomicPart {
  const writes = part.writes.map((write) => {
    if (spaceOf(write.key) !== "actor") return write;
    const { head, text } = decodeValue<RecordHead>(write.value);
    return { ...write, value: encodeValue({ ...head, before }, text) };
  });
  return { ...part, writes };
}

export const isMail = ({ prefix }: KeyRange): boolean => spaceOf(prefix) === "mail";

/** A store without a rule, whose connections allow the code to be observed. */
export function probed(
  store: Store,
  probes: Probes,
  { rule, hints, costs, opening }: {
    readonly rule: Rule | undefined;
    readonly hints: boolean;
    readonly costs: StoreCosts;
    /** The reason why it cannot be opened now. */
    readonly opening: (clock: Clock) => Promise<void>;
  },
): Store {
  return {
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      await opening(services.clock);
      const connection = await store.open(services);
      const plain: StoreConnection = {
        read: (keys) => connection.read(keys),
        list: (range) => costs.list(connection, range),
        commit: (parts) => {
          const changed = rule?.part === undefined ? parts : parts.map(rule.part);
          return costs.commit(
            connection,
            hints ? changed : changed.map((part) => ({ ...part, rings: false })),
          );
        },
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
        presence: connection.presence,
      };
      return Object.assign({ ...plain, ...rule?.connect?.(plain, services.clock) }, { probes });
    },
  };
}

/** The part with deduplication rows that expire soon. */
export function withoutMarks(part: AtomicPart, expiresAtMs: number): AtomicPart {
  const writes = part.writes.map((write) =>
    spaceOf(write.key) === "mark" ? { ...write, expiresAtMs } : write
  );
  return { ...part, writes };
}
