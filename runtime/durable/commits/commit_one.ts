import type { AtomicPart, Check } from "../../ports/store.ts";
import type { CommitOutcome, CommitResult, GroupCommitter } from "./group_committer.ts";
import type { WriteSet } from "./write_set.ts";
import { receiptKey } from "../rows/keys.ts";
import type { StoreSession } from "./store_session.ts";

/** How long a receipt is kept: longer than the committer tries its commit again. */
const receiptKeepMs = 600_000;

/**
 * Commits a part, and resolves with its version, or with nothing if a check failed. The part may be lost or committed
 * twice: if its outcome is uncertain it counts as stale, and its caller looks at it again. Rejects with a
 * `TooLargeError` if no commit can take the part; `name` is what that error calls it.
 */
export function commitOne(
  committer: GroupCommitter,
  part: AtomicPart,
  name = "a part",
  find?: () => Promise<CommitOutcome>,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const done = (result: CommitResult) => {
      if (result.status === "committed") resolve(result.version);
      else if (result.status === "stale") resolve(undefined);
      else reject(result.error);
    };
    committer.submit({ part, name, done, find });
  });
}

/**
 * The same for a part whose outcome its caller has to know: if the store does not always say what became of a commit,
 * this writes a receipt with the part, and looks for the receipt. The checks of the part must fail once it has landed.
 */
export function commitKnown(
  session: StoreSession,
  writeSet: WriteSet,
  name?: string,
): Promise<string | undefined> {
  const { committer, clock, connection } = session;
  if (!session.traits.unknownOutcomes) return commitOne(committer, writeSet, name);
  const receipt = receiptKey(session.nextToken());
  writeSet.write(receipt, new Uint8Array(), { expiresAtMs: clock.now() + receiptKeepMs });
  return commitOne(committer, writeSet, name, async () => {
    const open = await checksHold(session, writeSet.checks); // before the receipt is read: the part may land in between
    const [landed] = await connection.read([receipt]);
    if (landed === undefined) return open ? "open" : "stale";
    session.probes?.reach("a part landed unheard");
    return { landed: landed.version };
  });
}

/** Whether checks hold now. */
export async function checksHold({ connection }: StoreSession, checks: readonly Check[]): Promise<boolean> {
  if (checks.length === 0) return true;
  const stored = await connection.read(checks.map(({ key }) => key));
  return checks.every(({ version }, index) => stored[index]?.version === version);
}
