import type { DeadLetter, DeadLetterEntry, InMemoryDeadLetters } from "../../ports/dead_letters.ts";
import { messageOf, NotFoundError } from "../../base/errors.ts";
import { OrderedKeys } from "../../base/ordered_keys.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { Check, Entry } from "../../ports/store.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import type { MessageWriter, StoredDeadLetter } from "../delivery/message_writer.ts";
import { type CommittedDelivery, WriteSet } from "../commits/write_set.ts";
import { deadPrefix, mailPrefix, sentAgainKey } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { NewMessage, timestampOf } from "../rows/queued_message.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";
import { decodeValue, fromText } from "../rows/value_codec.ts";

/** How many are read together, and how many are looked for that may be gone. */
const pageMax = 100;
/**
 * For so many heartbeats what comes late is looked for in front of what is known: by then all know the latest place.
 */
const lateHeartbeats = 3;
/** How much of the bound may be in the store besides what is known here, before it is looked at what is there. */
const passedShare = 0.1;

export interface DeadLetterRowsServices {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  /** Takes in what commits bring to this process. */
  readonly committedDelivery: CommittedDelivery;
}

/** A dead letter that is in the store, as far as is known here. */
interface KnownDeadLetter {
  readonly version: string;
  readonly bytes: number;
  /** What is listed; absent where it cannot be read. */
  entry: DeadLetterEntry | undefined;
}

type Removed = Pick<KnownDeadLetter, "version" | "bytes">;

/**
 * The dead letters in the store, of whichever instance: this process knows the latest of them. It reads each once, and at
 * rest a heartbeat reads one small row: that changes when a letter was sent again, and only then is looked for which
 * are gone.
 */
export class DeadLetterRows {
  readonly #services: DeadLetterRowsServices;
  readonly #letters: InMemoryDeadLetters;
  readonly #capacity: number;
  readonly #kept = new Map<string, KnownDeadLetter>();
  /** Their keys, the oldest first. */
  readonly #keys = new OrderedKeys();
  /** The latest key, and what it was at each of the last heartbeats. */
  #latest: string | undefined;
  #latestAtHeartbeats: (string | undefined)[] = [];
  #loaded = false;
  /** Which letter was sent again last, as far as is known. */
  #sentVersion: string | undefined;
  /** Those that letters of others pushed out here: left to them, who may have let go of others instead. */
  readonly #passed = new Map<string, Removed>();
  /** Whether the store may have more than the bound. */
  #mayBeOver = false;
  /** Whether what is pushed out now is this instance's to remove. */
  #removes = true;
  /** Those that are over the bound, and are to be removed. */
  #over: (readonly [key: string, kept: Removed])[] = [];
  readonly #trimming = new SingleFlight(() => this.#removeOver());
  readonly #reading = new SingleFlight(() => this.#look());
  /** Whether the next look is that of a heartbeat. */
  #heartbeatDue = false;

  constructor(services: DeadLetterRowsServices, letters: InMemoryDeadLetters, capacity: number) {
    this.#services = services;
    this.#letters = letters;
    this.#capacity = capacity;
  }

  /** Reads what is new; who comes meanwhile shares the next time. Past the bound the oldest are let go. */
  read(): Promise<void> {
    return this.#reading.wake();
  }

  /** What others did: reads what they wrote, wherever it is, and lets go of what they sent again. */
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

  /** Reads the latest: more than are kept, where there are more, so that the shares of all decide which stay. */
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
    await this.#trimming.run();
  }

  #add(row: Entry, known = false): void {
    const { key, version, value } = row;
    if (this.#kept.has(key) || this.#passed.has(key)) return;
    const { session } = this.#services;
    const place = key.slice(deadPrefix.length);
    session.heard(timestampOf(place)); // what dies here from now on is behind it
    const own = session.gave(place);
    if (!own && !known) this.#letters.total++;
    const kept: KnownDeadLetter = { version, bytes: value.length, entry: undefined };
    this.#kept.set(key, kept);
    this.#keys.add(key);
    if (key > (this.#latest ?? "")) this.#latest = key;
    this.#removes = own || !this.#loaded;
    kept.entry = this.#entryOf(row);
    this.#removes = true;
  }

  /** Lists it; nothing where it cannot be read. */
  #entryOf(row: Entry): DeadLetterEntry | undefined {
    let letter: StoredDeadLetter;
    let text: string;
    try {
      ({ head: letter, text } = decodeValue<StoredDeadLetter>(row.value));
    } catch (error) { // another program has written it: it stays, and none of the others waits for it
      this.#services.session.onUnreadable(row.key, error);
      return undefined;
    }
    const { head: mail, ...whole } = letter;
    return this.#letters.add(withPayload(whole, text), {
      resend: () => this.#resend(row, letter, mail, text),
      caller: mail.caller,
      bytes: row.value.length,
      onLetGo: () => this.#letGo(row),
    });
  }

  /** It was pushed out. Whoever adds one removes what that pushes out: so they do not all do the same. */
  #letGo({ key, version, value }: Entry): void {
    this.#drop(key);
    const kept = { version, bytes: value.length };
    if (this.#removes) {
      this.#over.push([key, kept]);
      void this.#trimming.run();
    } else {
      this.#mayBeOver = true;
      this.#passed.set(key, kept);
    }
  }

  async #removeOver(): Promise<void> {
    await Promise.resolve(); // all that one page pushes out
    while (this.#over.length > 0) {
      await this.#removeAll(this.#over.splice(0), (key, kept) =>
        this.#remove(key, kept).catch(() => {
          this.#mayBeOver = true;
          this.#passed.set(key, kept);
        }));
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#keys.delete(key);
    if (kept.entry !== undefined) this.#letters.remove(kept.entry);
  }

  async #resend(
    { key, version, value }: Entry,
    letter: StoredDeadLetter,
    mail: StoredDeadLetter["head"],
    text: string,
  ): Promise<void> {
    const { session, writer } = this.#services;
    const to = { protocol: letter.protocol, key: letter.key };
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged({ key, version }, value.length);
    writeSet.write(sentAgainKey, new Uint8Array());
    const head = {
      ...mail,
      via: session.instance,
      attempts: undefined,
      notBeforeMs: undefined,
      afterMs: undefined,
      deadlineMs: undefined, // it has passed, or would while it waits
    };
    writer.deliver(
      writeSet,
      to,
      new NewMessage(session.encoder, mailPrefix(to), session.nextPosition(), head, text),
    );
    const committed = await commitKnown(session, writeSet, `the dead letter ${letter.id}`);
    this.#drop(key);
    if (committed === undefined) {
      const why = "another instance has sent it again";
      throw new NotFoundError("unknown-dead-letter", `Cannot send ${letter.id} again: ${why}`);
    }
    writeSet.land(this.#services.committedDelivery, committed, session.nextReadEpoch());
  }

  /** Where one was sent again: of all that are kept it is asked whether they are there. No payload is read. */
  async #dropGone(): Promise<void> {
    const [sent] = await this.#services.session.connection.read([sentAgainKey]);
    if (sent?.version === this.#sentVersion) return;
    await this.#checkAll();
    this.#sentVersion = sent?.version;
  }

  /** Lets go here of those that are in the store no longer. */
  async #checkAll(): Promise<void> {
    const { limits } = this.#services.session.traits;
    const kept = Array.from(this.#kept, ([key, { version }]) => ({ key, version }));
    for (const some of slicesOf(kept, Math.min(limits.checks, pageMax))) await this.#check(some);
  }

  async #check(checks: readonly Check[]): Promise<void> {
    let there: readonly (string | undefined)[];
    try {
      there = await this.#services.session.connection.commit(
        checks.map((check) => ({ checks: [check], writes: [], removals: [] })),
      );
    } catch (error) {
      if (isOfStore(error) || checks.length === 1) throw error;
      const half = Math.ceil(checks.length / 2); // the store may take less than it says
      await this.#check(checks.slice(0, half));
      return await this.#check(checks.slice(half));
    }
    for (const [index, { key }] of checks.entries()) if (there[index] === undefined) this.#drop(key);
  }

  /** Each let go of what it took for the one too many: as many as are gone here come back, and the others go. */
  async countAnew(): Promise<void> {
    this.#services.session.probes?.reach("dead letters are counted anew");
    await this.#checkAll();
    const passed = [...this.#passed].toSorted(([a], [b]) => a < b ? 1 : -1);
    const back = Math.max(this.#capacity - this.#kept.size, 0);
    for (const some of slicesOf(passed.slice(0, back).map(([key]) => key), pageMax)) {
      const rows = await this.#services.session.connection.read(some);
      for (const key of some) this.#passed.delete(key);
      for (const row of rows) if (row !== undefined) this.#add(row, true);
    }
    await this.#removeAll(passed.slice(back), async (key, kept) => {
      await this.#remove(key, kept);
      this.#passed.delete(key);
    });
  }

  /** Lets go of those that are older than all that are kept: of others, or from when the bound was a larger one. */
  async #trimOlder(): Promise<void> {
    const { connection } = this.#services.session;
    for (let limit = 1;; limit = pageMax) { // mostly there is none
      const oldest = this.#keys.list(deadPrefix, undefined, false).next().value ?? deadPrefix;
      const rows = await connection.list({ prefix: deadPrefix, limit });
      const over = rows.filter(({ key }) => key < oldest);
      await this.#removeAll(
        over.map(({ key, version, value }) => [key, { version, bytes: value.length }] as const),
      );
      if (rows.length === 0 || over.length < rows.length) break;
    }
    this.#mayBeOver = false;
  }

  /** As many at once as one commit takes: what users commit meanwhile waits for one, and not for all. */
  async #removeAll(
    some: readonly (readonly [string, Removed])[],
    remove = (key: string, kept: Removed) => this.#remove(key, kept),
  ): Promise<void> {
    const { partsAtOnce } = this.#services.session.traits;
    for (const together of slicesOf(some, partsAtOnce)) {
      await Promise.all(together.map(([key, kept]) => remove(key, kept)));
    }
  }

  async #remove(key: string, { version, bytes }: Removed): Promise<void> {
    const writeSet = new WriteSet();
    writeSet.removeIfUnchanged({ key, version }, bytes);
    await commitOne(this.#services.session.committer, writeSet);
  }
}

/** Where the payload cannot be read the letter says so; it is sent again as it was written. */
function withPayload(letter: Omit<DeadLetter, "payload">, text: string): DeadLetter {
  try {
    return { ...letter, payload: fromText(text) };
  } catch (error) {
    const message = `${letter.message}; its payload cannot be read: ${messageOf(error)}`;
    return { ...letter, message, payload: undefined };
  }
}
