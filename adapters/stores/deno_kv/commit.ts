import type { Clock } from "../../../runtime/base/clock.ts";
import type { Random } from "../../../runtime/base/random.ts";
import type { AtomicPart, Put, StoreLimits } from "../../../runtime/ports/store.ts";
import { OutcomeUnknownError, StoreError } from "../../../runtime/base/store_errors.ts";
import { requireFits, sizeOfCommit, sum } from "../../../runtime/ports/commit_size.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import type { KvHandle } from "./handle.ts";
import type { KvValues } from "./values.ts";

/**
 * The maximum number of attempts of a commit while another process locks the file. Together they take about a
 * second.
 */
const lockedTriesMax = 50;
/** The maximum delay before each attempt, in milliseconds. */
const lockedWaitMs = 40;
/**
 * The maximum number of rounds in which the parts without conflicts are committed again. In each round, other
 * writers cause new conflicts.
 */
const roundsMax = 8;

/**
 * The form of the error with which Deno reports that a server refused a commit as invalid: nothing was
 * applied, and a retry would be refused again.
 */
const refusalForm = /\(status=4(?:00|13|22)\b[^)]*\): (.*)/s;
/** The form of a version of Deno KV. */
const stampForm = /^[0-9a-f]{20}$/;
/**
 * A version that no entry has. Replaces a version that this store never gave, which Deno KV would reject as
 * invalid.
 */
const noStamp = "f".repeat(20);

/** The services that a commit needs. */
export interface CommitServices {
  readonly kv: KvHandle;
  readonly values: KvValues;
  readonly limits: StoreLimits;
  /**
   * Whether the database is reached over a network. Its client retries a commit by itself, so the commit may
   * be applied and yet be reported as a conflict.
   */
  readonly unknownOutcomes: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

type Result = { ok: true; versionstamp: string } | { ok: false };

/**
 * Commits parts as one atomic operation. If it fails, the parts whose checks fail are left out, and the rest
 * is committed again: that takes one more read, whereas halving would take a commit for each half.
 */
export async function commitParts(
  services: CommitServices,
  parts: readonly AtomicPart[],
): Promise<(string | undefined)[]> {
  const versions = new Array<string | undefined>(parts.length).fill(undefined);
  let open = parts.map((part, index) => ({ part, index }));
  for (let round = 1; open.length > 0; round++) {
    const result = await commitUnlocked(services, open.map(({ part }) => part));
    if (result.ok) {
      for (const { index } of open) versions[index] = result.versionstamp;
      return versions;
    }
    if (open.length === 1) return versions;
    try {
      if (round === roundsMax) throw new StoreError("store-unavailable", contended);
      open = await fresh(services, open);
    } catch (error) {
      if (!services.unknownOutcomes) throw error;
      throw new OutcomeUnknownError(`Cannot tell whether a commit took effect: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return versions;
}

const contended = `Cannot commit: others changed what it checks during each of ${roundsMax} tries`;

/** The parts whose checks still hold. */
async function fresh<P extends { readonly part: AtomicPart }>(
  { values }: CommitServices,
  open: readonly P[],
): Promise<P[]> {
  const checked = new Set(open.flatMap(({ part }) => part.checks.map(({ key }) => key)));
  const versions = await reading(() => values.versions([...checked]));
  return open.filter(({ part }) => part.checks.every(({ key, version }) => versions.get(key) === version));
}

/**
 * Commits, and retries while another process locks the file. A commit that fails because of the lock has
 * applied nothing.
 */
async function commitUnlocked(services: CommitServices, parts: readonly AtomicPart[]): Promise<Result> {
  const { clock, random } = services;
  for (let tries = 1;; tries++) {
    try {
      return await commitOnce(services, parts);
    } catch (error) {
      if (!isLocked(error)) throw failureOf(error, services, parts);
      if (tries === lockedTriesMax) {
        const message =
          `Cannot commit: the file was locked at each of ${tries} tries: another process uses it`;
        throw new StoreError("store-unavailable", message, { cause: error });
      }
    }
    const waitMs = random.next() * lockedWaitMs;
    await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
  }
}

function commitOnce({ kv, values, clock }: CommitServices, parts: readonly AtomicPart[]): Promise<Result> {
  const atomic = kv.atomic();
  const nowMs = clock.now();
  let rings = false;
  /** Keys to which only empty values were written so far: another empty write changes nothing. */
  const empty = new Set<string>();
  for (const part of parts) {
    for (const { key, version } of part.checks) {
      const versionstamp = version === undefined ? null : stampForm.test(version) ? version : noStamp;
      atomic.check({ key: values.headOf(key), versionstamp });
    }
    for (const write of part.writes) {
      if (!isEmpty(write)) empty.delete(write.key);
      else if (empty.has(write.key)) continue;
      else empty.add(write.key);
      values.set(atomic, write, nowMs);
    }
    for (const removal of part.removals) {
      empty.delete(removal.key);
      values.remove(atomic, removal);
    }
    rings ||= part.rings === true;
  }
  if (rings) atomic.set(values.bell, 1);
  return atomic.commit();
}

/**
 * Whether it writes an empty value without expiry that replaces no large value, as the entry of an index
 * does.
 */
function isEmpty({ value, oldBytes = 0, expiresAtMs }: Put): boolean {
  return value.length === 0 && oldBytes === 0 && expiresAtMs === undefined;
}

/**
 * Classifies the failure of a commit. Only errors known to occur before anything is written mean that nothing
 * was applied; for any other error the outcome is unknown.
 */
function failureOf(
  error: unknown,
  { limits }: CommitServices,
  parts: readonly AtomicPart[],
): unknown {
  const message = messageOf(error);
  if (isClosed(error)) return new StoreError("store-closed", `Cannot commit: ${message}`, { cause: error });
  if (/database or disk is full/.test(message)) {
    return new StoreError("store-full", `Cannot commit: ${message}`, { cause: error });
  }
  if (/readonly database/.test(message)) {
    return new StoreError("store-unavailable", `Cannot commit: ${message}`, { cause: error });
  }
  if (error instanceof TypeError && /too large|too many/i.test(message)) {
    const size = parts.map((part) => sizeOfCommit(part, limits)).reduce(sum);
    requireFits(`${parts.length} parts together`, size, limits);
    return error; // it fits by the limits, so the limits are wrong, which must not be hidden
  }
  const refusal = refusalForm.exec(message);
  if (refusal !== null) {
    const why = `the server refuses it: ${refusal[1]}`;
    return new PosthornError("too-large", `Cannot commit ${parts.length} parts together: ${why}`, {
      cause: error,
    });
  }
  return new OutcomeUnknownError(`Cannot tell whether a commit took effect: ${message}`, { cause: error });
}

/** Runs a read and converts its failure to a `StoreError`: a failed read has changed nothing. */
export async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const code = isClosed(error) ? "store-closed" : "store-unavailable";
    throw new StoreError(code, `Cannot read: ${messageOf(error)}`, { cause: error });
  }
}

function isLocked(error: unknown): boolean {
  return /database is locked/.test(messageOf(error));
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && error.name === "BadResource";
}
