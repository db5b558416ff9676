import type { AtomicPart, Check } from "../../ports/store.ts";
import { type CommitOutcome, type GroupCommitter, PendingCommit } from "./group_committer.ts";
import type { WriteSet } from "./write_set.ts";
import { receiptKey } from "../rows/keys.ts";
import type { StoreSession } from "./store_session.ts";

/** How long a receipt is kept: longer than its commit is tried again. */
const receiptKeepMs = 600_000;

/**
 * Commits a part for whoever awaits it: resolves with its version, or with nothing where a check failed. It may be lost
 * or done twice: where its outcome is uncertain it counts as stale, and is looked at again. Rejects with a
 * `TooLargeError` where no commit can take it; `name` says then what it is.
 */
export function commitOne(
  committer: GroupCommitter,
  part: AtomicPart,
  name = "a part",
): Promise<string | undefined> {
  return new Promise((resolve, reject) =>
    committer.submit(new SingleCommit(part, name, { resolve, reject }))
  );
}

/**
 * The same for a part whose outcome somebody has to know: where the store does not always say what became of a commit,
 * it writes a receipt with it, and looks for that. Its checks must fail once it has landed.
 */
export function commitKnown(
  session: StoreSession,
  writeSet: WriteSet,
  name?: string,
): Promise<string | undefined> {
  if (!session.traits.unknownOutcomes) return commitOne(session.committer, writeSet, name);
  const receipt = receiptKey(session.nextToken());
  writeSet.write(receipt, new Uint8Array(), { expiresAtMs: session.clock.now() + receiptKeepMs });
  return new Promise((resolve, reject) =>
    session.committer.submit(
      new ReceiptCommit(writeSet, name ?? "a part", { resolve, reject }, { session, receipt }),
    )
  );
}

interface Deferred {
  resolve(version: string | undefined): void;
  reject(error: unknown): void;
}

class SingleCommit extends PendingCommit {
  readonly name: string;
  readonly part: AtomicPart;
  readonly #deferred: Deferred;

  constructor(part: AtomicPart, name: string, deferred: Deferred) {
    super();
    this.part = part;
    this.name = name;
    this.#deferred = deferred;
  }

  committed(version: string | undefined): void {
    this.#deferred.resolve(version);
  }

  stale(): void {
    this.#deferred.resolve(undefined);
  }

  failed(error: unknown): void {
    this.#deferred.reject(error);
  }

  find(): Promise<CommitOutcome> {
    return Promise.resolve("stale");
  }
}

class ReceiptCommit extends SingleCommit {
  readonly #known: { readonly session: StoreSession; readonly receipt: string };

  constructor(
    part: AtomicPart,
    name: string,
    deferred: Deferred,
    known: { readonly session: StoreSession; readonly receipt: string },
  ) {
    super(part, name, deferred);
    this.#known = known;
  }

  override async find(): Promise<CommitOutcome> {
    const { session, receipt } = this.#known;
    const open = await checksHold(session, this.part.checks); // before the receipt: it may land in between
    const [landed] = await session.connection.read([receipt]);
    if (landed === undefined) return open ? "open" : "stale";
    session.probes?.reach("a part landed unheard");
    return { landed: landed.version };
  }
}

/** Whether checks hold now. */
export async function checksHold({ connection }: StoreSession, checks: readonly Check[]): Promise<boolean> {
  if (checks.length === 0) return true;
  const stored = await connection.read(checks.map(({ key }) => key));
  return checks.every(({ version }, index) => stored[index]?.version === version);
}
