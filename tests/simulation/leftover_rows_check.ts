import type { Entry } from "../../runtime/ports/store.ts";
import { subscribedKey, subscriberKey } from "../../runtime/durable/rows/keys.ts";
import { isOver } from "../steady/is_over.ts";
import type { CommitHistory } from "./commit_history.ts";
import { partsOf } from "./messages.ts";
import { garbage } from "./foreign_rows.ts";

export interface LeftoverRowsOptions {
  readonly history: CommitHistory;
  /** All that is in the store when everything is over and every window has passed. */
  readonly rows: readonly Entry[];
  readonly nowMs: number;
  /** Who is subscribed, by topic: the actor, and its operation. */
  readonly subscriptions: readonly (readonly [topic: string, actor: string, operation: string])[];
  /** What was there before the program, of which it knows nothing. */
  readonly planted: ReadonlySet<string>;
  /** Whether something may be due yet. */
  readonly mayBeDue: boolean;
  readonly lettersMax: number;
  /** How many are there at once. */
  readonly processes: number;
  readonly eventsMax: number;
  readonly fail: (why: string) => void;
}

/** So much of the bound may be there besides for each process: they let go of different ones, until they look. */
const passedShare = 0.1;
/** What goes by itself when its time is over, which it is. */
const passing: readonly string[] = ["mark", "reply", "ended", "erased", "left", "answer", "instance"];

/** The store must be as small as what is left demands: states, logs, letters and subscriptions, and nothing else. */
export function checkLeftoverRows(options: LeftoverRowsOptions): void {
  const { history, rows, nowMs, planted, fail } = options;
  const demanded = demandedBy(options.subscriptions);
  const counts = new Map<string, number>();
  for (const { key, value } of rows) {
    const [kind, first, second] = key.split("\u001f");
    if (planted.has(key) && value.length === garbage.length) continue; // it cannot be read, and stays
    if (options.mayBeDue && (kind === "timer" || kind === "schedule")) continue;
    const group = kind === "event" ? `${kind} ${first}` : kind;
    counts.set(group, (counts.get(group) ?? 0) + 1);
    if (planted.has(key) || demanded.delete(key)) continue;
    const erased = kind === "actor" && first === "mayfly" && history.written(`${first}/${second}`) === 0;
    if (erased || passing.includes(kind) || isOver(key, value, nowMs)) {
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
