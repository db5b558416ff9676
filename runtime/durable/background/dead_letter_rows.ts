import type { DeadLetter, DeadLetterEntry, InMemoryDeadLetters } from "../../ports/dead_letters.ts";
import { messageOf, NotFoundError } from "../../base/errors.ts";
import { OrderedKeys } from "../../base/ordered_keys.ts";
import type { Check, Entry } from "../../ports/store.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import type { MessageWriter, StoredDeadLetter } from "../delivery/message_writer.ts";
import { type CommittedDelivery, WriteSet } from "../commits/write_set.ts";
import { deadPrefix, mailPrefix, sentAgainKey } from "../rows/keys.ts";
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
  #reading: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(services: DeadLetterRowsServices, letters: InMemoryDeadLetters, capacity: number) {
    this.#services = services;
    this.#letters = letters;
    this.#capacity = capacity;
  }

  /** Reads what is new; who comes meanwhile shares the next time. Past the bound the oldest are let go. */
  read(): Promise<void> {
    return this.#next ??= this.#behind(() => {
      this.#next = undefined;
      return this.#readAfter(this.#latest);
    });
  }

  /** What others did: reads what they wrote, wherever it is, and lets go of what they sent again. */
  heartbeat(): Promise<void> {
    return this.#behind(async () => {
      if (this.#loaded) {
        await this.#readAfter(this.#latestAtHeartbeats[0]);
        await this.#dropGone();
      } else await this.#load();
      this.#latestAtHeartbeats = [...this.#latestAtHeartbeats, this.#latest].slice(-lateHeartbeats);
      if (this.#mayBeOver && this.#kept.size >= this.#capacity) await this.#trimOlder();
      const { probes } = this.#services.session;
      if (this.#passed.size <= this.#capacity * passedShare || probes?.without("letters-anew")) return;
      await this.#settle();
    });
  }

  /** One after the other. */
  #behind(act: () => Promise<void>): Promise<void> {
    return this.#reading = this.#reading.catch(() => {}).then(act);
  }

  /** Reads the latest: more than are kept, where there are more, so that the shares of all decide which stay. */
  async #load(): Promise<void> {
    const { connection } = this.#services.session;
    const [sent] = await connection.read([sentAgainKey]);
    const found: Entry[] = [];
    for (let more = true; more;) {
      const after = found.at(-1)?.key;
      const rows = await connection.list({ prefix: deadPrefix, after, limit: pageMax, reverse: true });
      found.push(...rows);
      more = rows.length === pageMax && found.length < 2 * this.#capacity;
    }
    for (const row of found.reverse()) this.#add(row);
    this.#sentVersion = sent?.version;
    this.#loaded = true;
    this.#mayBeOver = true;
  }

  async #readAfter(after: string | undefined): Promise<void> {
    if (!this.#loaded) return await this.#load();
    const { connection } = this.#services.session;
    for (let more = true; more;) {
      const rows = await connection.list({ prefix: deadPrefix, after, limit: pageMax });
      for (const row of rows) this.#add(row);
      after = rows.at(-1)?.key;
      more = rows.length === pageMax;
    }
    await this.#trim();
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
      void this.#trim();
    } else {
      this.#mayBeOver = true;
      this.#passed.set(key, kept);
    }
  }

  #trim(): Promise<void> {
    return this.#trimming.wake();
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
      // It has passed, or would while it waits.
      deadlineMs: session.probes?.without("deadline-again") ? mail.deadlineMs : undefined,
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
    await this.#look();
    this.#sentVersion = sent?.version;
  }

  /** Lets go here of those that are in the store no longer. */
  async #look(): Promise<void> {
    const { traits } = this.#services.session;
    const kept = Array.from(this.#kept, ([key, { version }]) => ({ key, version }));
    const atOnce = Math.min(traits.limits.checks, pageMax);
    for (let first = 0; first < kept.length; first += atOnce) {
      await this.#check(kept.slice(first, first + atOnce));
    }
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
  async #settle(): Promise<void> {
    this.#services.session.probes?.reach("dead letters are counted anew");
    await this.#look();
    const passed = [...this.#passed].toSorted(([a], [b]) => a < b ? 1 : -1);
    const back = Math.max(this.#capacity - this.#kept.size, 0);
    for (const [key] of passed.slice(0, back)) {
      const [row] = await this.#services.session.connection.read([key]);
      this.#passed.delete(key);
      if (row !== undefined) this.#add(row, true);
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
    for (let first = 0; first < some.length; first += partsAtOnce) {
      await Promise.all(some.slice(first, first + partsAtOnce).map(([key, kept]) => remove(key, kept)));
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
