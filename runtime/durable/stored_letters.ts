import type { DeadLetter, KeptDeadLetters } from "../dead_letters.ts";
import { UnknownError } from "../errors.ts";
import type { Stored } from "../store.ts";
import type { Dispatch, StoredLetter } from "./dispatch.ts";
import { Effects } from "./effects.ts";
import { deadPrefix, mailPrefix } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { MailDraft } from "./mail.ts";
import { commitKnown, commitOne } from "./single_commission.ts";
import { decodeValue, fromText } from "./stored_value.ts";

/** The most that one list gives. */
const pageMax = 1_000;
/** How many of the latest are looked at together for those that are not known. */
const lookMax = 100;

export interface StoredLettersServices {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  handOver(arrivals: Effects["arrivals"], version: string, senderMoment: number): void;
}

/** The dead letters in the store, of whichever instance: this process knows the latest of them. */
export class StoredLetters {
  readonly #services: StoredLettersServices;
  readonly #letters: KeptDeadLetters;
  readonly #capacity: number;
  /** The key of the latest that was read. */
  #latest: string | undefined;
  /** The keys of those that were read last. */
  readonly #known = new Set<string>();
  #reading: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(services: StoredLettersServices, letters: KeptDeadLetters, capacity: number) {
    this.#services = services;
    this.#letters = letters;
    this.#capacity = capacity;
  }

  /** Reads what is new; who comes meanwhile shares the next time. Past the bound the oldest is let go. */
  read(): Promise<void> {
    return this.#next ??= this.#reading.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#reading = this.#read();
    });
  }

  /** Reads all that is not known, wherever it is: an instance whose clock is behind writes in front of others. */
  async readAll(): Promise<void> {
    const { connection } = this.#services.ledger;
    const found: Stored[] = [];
    for (let before: string | undefined, more = true; more;) {
      const rows = await connection.list({
        prefix: deadPrefix,
        after: before,
        limit: lookMax,
        reverse: true,
      });
      const fresh = rows.filter(({ key }) => !this.#known.has(key));
      found.push(...fresh);
      before = rows.at(-1)?.key;
      more = rows.length === lookMax && fresh.length > 0 && found.length < this.#capacity;
    }
    for (const row of found.reverse()) this.#add(row);
    await this.#keepBound();
  }

  async #read(): Promise<void> {
    const { connection } = this.#services.ledger;
    for (let more = true; more;) {
      const rows = await connection.list({ prefix: deadPrefix, after: this.#latest, limit: pageMax });
      for (const row of rows) this.#add(row);
      more = rows.length === pageMax;
    }
    await this.#keepBound();
  }

  async #keepBound(): Promise<void> {
    if (this.#letters.size >= this.#capacity) await this.#trim(); // else there are not that many
  }

  #add(row: Stored): void {
    if (this.#known.has(row.key)) return;
    this.#known.add(row.key);
    if (row.key > (this.#latest ?? "")) this.#latest = row.key;
    for (const oldest of this.#known) {
      if (this.#known.size <= this.#capacity + lookMax) break;
      this.#known.delete(oldest);
    }
    const { head, text } = decodeValue<StoredLetter>(row.value);
    const { head: mail, ...letter } = head;
    const whole: DeadLetter = { ...letter, payload: fromText(text) };
    this.#letters.add(whole, () => this.#sendAgain(row, head, mail, text));
  }

  async #sendAgain(
    { key, version, value }: Stored,
    letter: StoredLetter,
    mail: StoredLetter["head"],
    text: string,
  ): Promise<void> {
    const { ledger, dispatch } = this.#services;
    const to = { protocol: letter.protocol, key: letter.key };
    const effects = new Effects();
    effects.checks.push({ key, version });
    effects.remove(key, value.length);
    const head = {
      ...mail,
      via: ledger.instance,
      attempts: undefined,
      notBeforeMs: undefined,
      deadlineMs: undefined,
    };
    dispatch.deliver(
      effects,
      to,
      new MailDraft(ledger.encoder, mailPrefix(to), ledger.nextPlace(), head, text),
    );
    const committed = await commitKnown(ledger, effects, `the dead letter ${letter.id}`);
    if (committed === undefined) {
      const why = "another instance has sent it again";
      throw new UnknownError("unknown-dead-letter", `Cannot send ${letter.id} again: ${why}`);
    }
    this.#services.handOver(effects.arrivals, committed, ledger.nextMoment());
  }

  async #trim(): Promise<void> {
    const { connection, committer } = this.#services.ledger;
    let room = this.#capacity;
    let after: string | undefined;
    for (;;) {
      const rows = await connection.list({ prefix: deadPrefix, after, limit: pageMax, reverse: true });
      await Promise.all(
        rows.slice(room).map(({ key, version, value }) => {
          const effects = new Effects();
          effects.checks.push({ key, version });
          effects.remove(key, value.length);
          return commitOne(committer, effects);
        }),
      );
      if (rows.length < pageMax) return;
      room = Math.max(room - rows.length, 0);
      after = rows.at(-1)!.key;
    }
  }
}
