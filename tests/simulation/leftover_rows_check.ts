import type { Entry } from "../../runtime/ports/store.ts";
import { subscribedKey, subscriberKey } from "../../runtime/durable/rows/keys.ts";
import { isOver } from "../steady/is_over.ts";
import type { CommitHistory } from "./commit_history.ts";
import { partsOf } from "./messages.ts";
import { isOfLater } from "./laters.ts";
import { mayFail } from "./mayflies.ts";
import { garbage } from "./foreign_rows.ts";

export interface LeftoverRowsOptions {
  readonly history: CommitHistory;
  /** The rows in the store when all work is done and every retention time has passed. */
  readonly rows: readonly Entry[];
  readonly nowMs: number;
  /** The subscribers by topic: the actor, and its operation. */
  readonly subscriptions: readonly (readonly [topic: string, actor: string, operation: string])[];
  /** Rows that existed before the program, which it does not know. */
  readonly planted: ReadonlySet<string>;
  /** Whether a schedule may still be due. */
  readonly mayBeDue: boolean;
  readonly lettersMax: number;
  /** The number of rows. */
  readonly processes: number;
  readonly eventsMax: number;
  readonly fail: (why: string) => void;
}

/**
 * Each process may keep this part of the bound in addition, because instances evict different dead letters
 * until they look.
 */
const passedShare = 0.1;
/** Rows that expire, and whose time has passed. */
const passing: readonly string[] = ["mark", "reply", "ended", "erased", "left", "answer", "instance"];

/** The store must contain only states, logs, dead letters and subscriptions that are still needed. */
export function checkLeftoverRows(options: LeftoverRowsOptions): void {
  const { history, rows, nowMs, planted, fail } = options;
  const demanded = demandedBy(options.subscriptions);
  const counts = new Map<string, number>();
  for (const { key, value } of rows) {
    const [kind, first, second] = key.split("\u001f");
    if (planted.has(key) && value.length === garbage.length) continue; // it is unreadable, and remains
    if (options.mayBeDue && (kind === "timer" || kind === "schedule")) continue;
    const group = kind === "event" ? `${kind} ${first}` : kind;
    counts.set(group, (counts.get(group) ?? 0) + 1);
    if (planted.has(key) || demanded.delete(key)) continue;
    const mayfly = kind === "actor" && first === "mayfly" && !mayFail(`${first}/${second}`);
    const erased = mayfly && history.written(`${first}/${second}`) === 0;
    if (
      erased || (isOfLater(key) && !options.mayBeDue) || passing.includes(kind) || isOver(key, value, nowMs)
    ) {
      fail(`it is over, and still there: ${key.replaceAll("\u001f", "/")}`);
    }
  }
  for (const key of demanded) fail(`${key.replaceAll("\u001f", "/")} is not there any more`);
  for (const [group, count] of counts) {
    if (group.startsWith("event ") && count > options.eventsMax) fail(`${group} has ${count} rows`);
    if (group === "dead" && count > options.lettersMax * (1 + passedShare * options.processes) + 1) {
      fail(`${count} dead letters are kept`);
    }
  }
}

function demandedBy(subscriptions: LeftoverRowsOptions["subscriptions"]): Set<string> {
  return new Set(subscriptions.flatMap(([topic, actor, operation]) => {
    const { protocol, key } = partsOf(actor);
    return [subscriberKey(topic, { protocol, key, operation }), subscribedKey({ protocol, key }, topic)];
  }));
}
