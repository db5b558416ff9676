import type { AtomicPart, Check } from "../../ports/store.ts";
import { Commission, type Committer, type Finding } from "./committer.ts";
import type { Effects } from "./effects.ts";
import { receiptKey } from "../rows/keys.ts";
import type { Ledger } from "./ledger.ts";

/** How long a receipt is kept: longer than its commit is tried again. */
const receiptKeepMs = 600_000;

/**
 * Commits a part for whoever awaits it: resolves with its version, or with nothing where a check failed. It may be lost
 * or done twice: where its outcome is uncertain it counts as stale, and is looked at again. Rejects with a
 * `TooLargeError` where no commit can take it; `name` says then what it is.
 */
export function commitOne(
  committer: Committer,
  part: AtomicPart,
  name = "a part",
): Promise<string | undefined> {
  return new Promise((resolve, reject) =>
    committer.submit(new SingleCommission(part, name, { resolve, reject }))
  );
}

/**
 * The same for a part whose outcome somebody has to know: where the store does not always say what became of a commit,
 * it writes a receipt with it, and looks for that. Its checks must fail once it has landed.
 */
export function commitKnown(ledger: Ledger, effects: Effects, name?: string): Promise<string | undefined> {
  if (!ledger.traits.unknownOutcomes) return commitOne(ledger.committer, effects, name);
  const receipt = receiptKey(ledger.nextToken());
  effects.write(receipt, new Uint8Array(), { expiresAtMs: ledger.clock.now() + receiptKeepMs });
  return new Promise((resolve, reject) =>
    ledger.committer.submit(
      new KnownCommission(effects, name ?? "a part", { resolve, reject }, { ledger, receipt }),
    )
  );
}

interface Waiter {
  resolve(version: string | undefined): void;
  reject(error: unknown): void;
}

class SingleCommission extends Commission {
  readonly name: string;
  readonly part: AtomicPart;
  readonly #waiter: Waiter;

  constructor(part: AtomicPart, name: string, waiter: Waiter) {
    super();
    this.part = part;
    this.name = name;
    this.#waiter = waiter;
  }

  committed(version: string | undefined): void {
    this.#waiter.resolve(version);
  }

  stale(): void {
    this.#waiter.resolve(undefined);
  }

  failed(error: unknown): void {
    this.#waiter.reject(error);
  }

  find(): Promise<Finding> {
    return Promise.resolve("stale");
  }
}

class KnownCommission extends SingleCommission {
  readonly #proof: { readonly ledger: Ledger; readonly receipt: string };

  constructor(
    part: AtomicPart,
    name: string,
    waiter: Waiter,
    proof: { readonly ledger: Ledger; readonly receipt: string },
  ) {
    super(part, name, waiter);
    this.#proof = proof;
  }

  override async find(): Promise<Finding> {
    const { ledger, receipt } = this.#proof;
    const open = await hold(ledger, this.part.checks); // before the receipt: it may land in between
    const [landed] = await ledger.connection.read([receipt]);
    if (landed === undefined) return open ? "open" : "stale";
    ledger.probes?.reach("a part landed unheard");
    return { landed: landed.version };
  }
}

/** Whether checks hold now. */
export async function hold({ connection }: Ledger, checks: readonly Check[]): Promise<boolean> {
  if (checks.length === 0) return true;
  const stored = await connection.read(checks.map(({ key }) => key));
  return checks.every(({ version }, index) => stored[index]?.version === version);
}
