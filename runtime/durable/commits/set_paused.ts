import { LimitExceededError } from "../../base/errors.ts";
import { pausedKey } from "../rows/keys.ts";
import { pausedRow, readPaused } from "../rows/paused_row.ts";
import { commitOne } from "./commit_one.ts";
import type { StoreSession } from "./store_session.ts";
import { WriteSet } from "./write_set.ts";

/** How many protocols of a store may be paused. */
export const pausedMax = 1_000;

/**
 * Writes down that a protocol is paused, or that it is not, and notifies the other instances. The row stays when it names
 * none any more: a commit that lands late finds that its version has changed.
 */
export async function setPaused(session: StoreSession, protocol: string, paused: boolean): Promise<void> {
  const { committer, connection } = session;
  for (;;) {
    const { protocols: before, version } = await readPaused(connection);
    if (before.has(protocol) === paused) return;
    if (paused && before.size >= pausedMax) {
      const why = `${before.size} of ${pausedMax} protocols of the store are paused`;
      throw new LimitExceededError("too-many-paused", `Cannot pause ${protocol}: ${why}`);
    }
    const protocols = new Set(before);
    if (paused) protocols.add(protocol);
    else protocols.delete(protocol);
    const writeSet = new WriteSet();
    writeSet.checks.push({ key: pausedKey, version });
    writeSet.write(pausedKey, pausedRow(protocols));
    writeSet.rings = true;
    await commitOne(committer, writeSet, `the pause of ${protocol}`); // if it is stale, or nobody knows, the row tells
  }
}
