import type { ActorId } from "../../language/address.ts";
import { behindAll, behindPart, mailed, mailPrefix, partBehind } from "../rows/keys.ts";
import { QueuedMessage } from "../rows/queued_message.ts";
import type { RowReader } from "./row_reader.ts";

/** How many rows one list of a walk has. */
const stepRows = 16;

/** An actor that messages wait for, and the first of them. */
export interface WaitingActor {
  readonly actor: ActorId;
  readonly first: QueuedMessage;
}

/** Some of the actors that messages wait for, and whether there may be more. */
export interface Walk {
  readonly found: readonly WaitingActor[];
  readonly more: boolean;
}

/**
 * The actors with messages under a prefix of their mail, in the order of their names: a list for some of them, however many
 * messages wait for each.
 */
export async function waitingActors(
  reader: RowReader,
  prefix: string,
  after: ActorId | undefined,
  most: number,
): Promise<Walk> {
  const found: WaitingActor[] = [];
  let behind = after;
  while (found.length <= most) {
    const step = Math.min(stepRows, reader.left);
    if (step === 0) return { found: found.slice(0, most), more: true };
    const from = behind === undefined ? undefined : behindAll(mailPrefix(behind));
    const rows = await reader.few({ prefix, after: from, most: step });
    for (const row of rows) {
      const actor = mailed(row.key);
      if (actor.protocol === behind?.protocol && actor.key === behind.key) continue;
      behind = actor;
      found.push({ actor, first: QueuedMessage.of(row, mailPrefix(actor)) });
    }
    if (rows.length < step) break;
  }
  return { found: found.slice(0, most), more: found.length > most };
}

/**
 * The names that follow a prefix of keys, in their order, without those of built-in actors, which come last: one list of
 * one row for each, however many rows have it.
 */
export async function partsOf(
  reader: RowReader,
  prefix: string,
  after: string | undefined,
  most: number,
): Promise<{ readonly parts: readonly string[]; readonly more: boolean }> {
  const parts: string[] = [];
  let last = after;
  while (parts.length <= most) {
    if (reader.left === 0) return { parts: parts.slice(0, most), more: true };
    const behind = last === undefined ? undefined : behindPart(prefix, last);
    const [row] = await reader.few({ prefix, after: behind, most: 1 });
    if (row === undefined) break;
    last = partBehind(prefix, row.key);
    if (last.startsWith("~")) break;
    parts.push(last);
  }
  return { parts: parts.slice(0, most), more: parts.length > most };
}
