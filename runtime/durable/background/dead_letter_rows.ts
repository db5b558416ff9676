import type { DeadLetter, DeadLetterEntry, InMemoryDeadLetters } from "../../ports/dead_letters.ts";
import { messageOf, NotFoundError, TerminalError } from "../../base/errors.ts";
import { uncounted } from "../../messages/respondents.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { Check, Entry } from "../../ports/store.ts";
import { Reply } from "../../messages/builtin_protocols.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import type { StoredDeadLetter, WritingServices } from "../delivery/message_writer.ts";
import { removalOf } from "../commits/write_set.ts";
import { deadPrefix, sentAgainKey } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { timestampOf } from "../rows/queued_message.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";
import { decodeValue, fromText } from "../rows/value_codec.ts";

/** How many dead letters are read or checked together. */
const pageMax = 100;
/**
 * For so many heartbeats it reads again from the key that was the latest then: letters of instances whose clocks are
 * behind come before it. After that, all instances know the latest position.
 */
const lateHeartbeats = 3;
/** The share of the bound that may be in the store besides the letters known here, before they are counted anew. */
const passedShare = 0.1;

/** The row of a dead letter, as it was read. */
interface LetterRow extends Check {
  readonly bytes: number;
}

/** A dead letter that this process knows. */
interface KnownDeadLetter extends LetterRow {
  /** What is listed; absent if its row cannot be read. */
  entry: DeadLetterEntry | undefined;
}

/**
 * The dead letters in the store, those of all instances: this process knows the latest of them. It reads each once. At
 * rest a heartbeat reads one small row, which changes when a letter is resent; only then it checks which are gone.
 */
export class DeadLetterRows {
  readonly #services: WritingServices;
  readonly #letters: InMemoryDeadLetters;
  readonly #capacity: number;
  readonly #kept = new Map<string, KnownDeadLetter>();
  /** The latest key, and the latest key at each of the last heartbeats. */
  #latest: string | undefined;
  #latestAtHeartbeats: (string | undefined)[] = [];
  #loaded = false;
  /** The version of the row that each resend writes, when it was read last. */
  #sentVersion: string | undefined;
  /** Letters that left this process's list because other instances added some: those instances may have removed others. */
  readonly #passed = new Map<string, LetterRow>();
  /** Whether the store may have more letters than the bound. */
  #mayBeOver = false;
  /** Whether this instance removes the letter that leaves the list now. */
  #removes = true;
  /** Letters beyond the bound that this instance removes. */
  #over: LetterRow[] = [];
  readonly #trimming = new SingleFlight(() => this.#removeOver());
  readonly #reading = new SingleFlight(() => this.#look());
  /** Whether the next run includes the work of a heartbeat. */
  #heartbeatDue = false;

  constructor(services: WritingServices, letters: InMemoryDeadLetters, capacity: number) {
    this.#services = services;
    this.#letters = letters;
    this.#capacity = capacity;
  }

  /** Reads new letters, and removes the oldest beyond the bound. Calls during a read share the next one. */
  read(): Promise<void> {
    return this.#reading.wake();
  }

  /** Reads what other instances wrote, also before the latest key, and drops letters that they resent. */
  heartbeat(): Promise<void> {
    this.#heartbeatDue = true;
    return this.#reading.wake();
  }

  async #look(): Promise<void> {
    if (!this.#heartbeatDue) return await this.#readAfter(this.#latest);
    this.#heartbeatDue = false;
    if (this.#loaded) {
      await this.#readAfter(this.#latestAtHeartbeats[0]);
      await this.#dropGone();
    } else await this.#load();
    this.#latestAtHeartbeats = [...this.#latestAtHeartbeats, this.#latest].slice(-lateHeartbeats);
    if (this.#mayBeOver && this.#kept.size >= this.#capacity) await this.#trimOlder();
    if (this.#passed.size > this.#capacity * passedShare) await this.countAnew();
  }

  /** Reads the latest letters: up to twice the bound, so that the list applies its shares per caller to them. */
  async #load(): Promise<void> {
    const { connection } = this.#services.session;
    const [sent] = await connection.read([sentAgainKey]);
    const found: Entry[] = [];
    for await (const rows of pages(connection, { prefix: deadPrefix, limit: pageMax, reverse: true })) {
      found.push(...rows);
      if (found.length >= 2 * this.#capacity) break;
    }
    for (const row of found.reverse()) this.#add(row);
    this.#sentVersion = sent?.version;
    this.#loaded = true;
    this.#mayBeOver = true;
  }

  async #readAfter(after: string | undefined): Promise<void> {
    if (!this.#loaded) return await this.#load();
    const { connection } = this.#services.session;
    for await (const rows of pages(connection, { prefix: deadPrefix, after, limit: pageMax })) {
      for (const row of rows) this.#add(row);
    }
    await this.#trimming.wake();
  }

  #add(row: Entry, known = false): void {
    const { key } = row;
    if (this.#kept.has(key) || this.#passed.has(key)) return;
    const { session } = this.#services;
    const place = key.slice(deadPrefix.length);
    session.heard(timestampOf(place)); // later dead letters of this instance come behind it
    const own = session.gave(place);
    if (!own && !known) this.#letters.total++;
    const kept: KnownDeadLetter = { ...rowOf(row), entry: undefined };
    this.#kept.set(key, kept);
    if (key > (this.#latest ?? "")) this.#latest = key;
    this.#removes = own || !this.#loaded;
    kept.entry = this.#entryOf(row);
    this.#removes = true;
  }

  /** Adds it to the list; nothing if its row cannot be read. */
  #entryOf(row: Entry): DeadLetterEntry | undefined {
    let letter: StoredDeadLetter;
    let text: string;
    try {
      ({ head: letter, text } = decodeValue<StoredDeadLetter>(row.value));
    } catch (error) { // another program has written it: it stays, and does not hinder the others
      this.#services.session.onUnreadable(row.key, error);
      return undefined;
    }
    const { head: mail, ...whole } = letter;
    return this.#letters.add(withPayload(whole, text), {
      resend: () => this.#resend(row, letter, text),
      caller: mail.caller,
      bytes: row.value.length,
      onLetGo: () => this.#letGo(rowOf(row)),
    });
  }

  /** A letter left the list. The instance that added the new one removes it, so that not all instances do. */
  #letGo(row: LetterRow): void {
    this.#drop(row.key);
    if (this.#removes) {
      this.#over.push(row);
      void this.#trimming.wake();
    } else {
      this.#mayBeOver = true;
      this.#passed.set(row.key, row);
    }
  }

  async #removeOver(): Promise<void> {
    await Promise.resolve(); // collects all letters that one page displaces
    while (this.#over.length > 0) {
      await this.#removeAll(this.#over.splice(0), (row) =>
        this.#remove(row).catch(() => {
          this.#mayBeOver = true;
          this.#passed.set(row.key, row);
        }));
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    if (kept.entry !== undefined) this.#letters.remove(kept.entry);
  }

  async #resend({ key, version, value }: Entry, letter: StoredDeadLetter, text: string): Promise<void> {
    const { session, writer } = this.#services;
    const to = { protocol: letter.protocol, key: letter.key };
    if (to.protocol === Reply.arrive.protocol) { // it has no mailbox
      throw new TerminalError(`Cannot send ${letter.id} again: nobody waits for that reply`, {
        code: "late-reply",
      });
    }
    const writeSet = removalOf({ key, version }, value.length);
    writeSet.write(sentAgainKey, new Uint8Array());
    writer.deliverAgain(writeSet, to, { head: letter.head, text }, {
      replyTo: uncounted(letter.head.replyTo),
      attempts: undefined,
      acceptedMs: undefined,
      notBeforeMs: undefined,
      afterMs: undefined,
      deadlineMs: undefined, // it has passed, or would pass while the message waits
    });
    const committed = await commitKnown(session, writeSet, `the dead letter ${letter.id}`);
    this.#drop(key);
    if (committed === undefined) {
      const why = "another instance has sent it again";
      throw new NotFoundError("unknown-dead-letter", `Cannot send ${letter.id} again: ${why}`);
    }
    writeSet.land(this.#services.committedDelivery, committed, session.nextReadEpoch());
  }

  /** Checks all known letters if one was resent. No payload is read. */
  async #dropGone(): Promise<void> {
    const [sent] = await this.#services.session.connection.read([sentAgainKey]);
    if (sent?.version === this.#sentVersion) return;
    await this.#checkAll();
    this.#sentVersion = sent?.version;
  }

  /** Drops the letters that the store does not have any more. */
  async #checkAll(): Promise<void> {
    const { limits } = this.#services.session.traits;
    for (const some of slicesOf([...this.#kept.values()], Math.min(limits.checks, pageMax))) {
      await this.#check(some);
    }
  }

  async #check(checks: readonly Check[]): Promise<void> {
    let there: readonly (string | undefined)[];
    try {
      there = await this.#services.session.connection.commit(
        checks.map(({ key, version }) => ({ checks: [{ key, version }], writes: [], removals: [] })),
      );
    } catch (error) {
      if (isOfStore(error) || checks.length === 1) throw error;
      const half = Math.ceil(checks.length / 2); // the store may take less than its limits say
      await this.#check(checks.slice(0, half));
      return await this.#check(checks.slice(half));
    }
    for (const [index, { key }] of checks.entries()) if (there[index] === undefined) this.#drop(key);
  }

  /** Counts again after instances have removed different letters: fills the list up with passed ones, removes the rest. */
  async countAnew(): Promise<void> {
    this.#services.session.probes?.reach("dead letters are counted anew");
    await this.#checkAll();
    const passed = [...this.#passed.values()].sort((a, b) => a.key < b.key ? 1 : -1);
    const back = Math.max(this.#capacity - this.#kept.size, 0);
    for (const some of slicesOf(passed.slice(0, back).map(({ key }) => key), pageMax)) {
      const rows = await this.#services.session.connection.read(some);
      for (const key of some) this.#passed.delete(key);
      for (const row of rows) if (row !== undefined) this.#add(row, true);
    }
    await this.#removeAll(passed.slice(back), async (row) => {
      await this.#remove(row);
      this.#passed.delete(row.key);
    });
  }

  /** Removes letters that are older than all in the list: of other instances, or of a time when the bound was larger. */
  async #trimOlder(): Promise<void> {
    const { connection } = this.#services.session;
    for (let limit = 1;; limit = pageMax) { // usually there is none
      const oldest = [...this.#kept.keys()].sort()[0] ?? deadPrefix;
      const rows = await connection.list({ prefix: deadPrefix, limit });
      const over = rows.filter(({ key }) => key < oldest);
      await this.#removeAll(over.map(rowOf), (row) => this.#remove(row));
      if (rows.length === 0 || over.length < rows.length) break;
    }
    this.#mayBeOver = false;
  }

  /** Removes as many at once as one commit takes, so that commits of users wait for one of these and not for all. */
  async #removeAll(rows: readonly LetterRow[], remove: (row: LetterRow) => Promise<void>): Promise<void> {
    for (const some of slicesOf(rows, this.#services.session.traits.partsAtOnce)) {
      await Promise.all(some.map(remove));
    }
  }

  async #remove(row: LetterRow): Promise<void> {
    await commitOne(this.#services.session.committer, removalOf(row, row.bytes));
  }
}

function rowOf({ key, version, value }: Entry): LetterRow {
  return { key, version, bytes: value.length };
}

/** The letter with its payload. If that cannot be read, the message says so, and a resend sends it as it was written. */
function withPayload(letter: Omit<DeadLetter, "payload">, text: string): DeadLetter {
  try {
    return { ...letter, payload: fromText(text) };
  } catch (error) {
    const message = `${letter.message}; its payload cannot be read: ${messageOf(error)}`;
    return { ...letter, message, payload: undefined };
  }
}
