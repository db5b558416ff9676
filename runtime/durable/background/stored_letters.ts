import {
  LimitExceededError,
  MailboxFullError,
  NotFoundError,
  PosthornError,
  TerminalError,
} from "../../base/errors.ts";
import type { ActorId } from "../../language/address.ts";
import { Reply } from "../../messages/builtin_protocols.ts";
import { Remote } from "../../messages/remote_address.ts";
import { uncounted } from "../../messages/respondents.ts";
import { shownActor } from "../../messages/shown_name.ts";
import type { BulkResult, WhichLetter } from "../../ports/control.ts";
import { changedMax, isMeant, matches } from "../../ports/control_arguments.ts";
import type { DeadLetterFilter } from "../../ports/observation.ts";
import type { Entry } from "../../ports/store.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { removalOf } from "../commits/write_set.ts";
import type { StoredDeadLetter, WritingServices } from "../delivery/message_writer.ts";
import { deadPrefix, nameOfActor, sentAgainKey } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { decodeValue } from "../rows/value_codec.ts";

/** How many dead letters are read together. */
const pageMax = 100;

/** A dead letter that can be read. */
interface ReadLetter {
  readonly letter: StoredDeadLetter;
  readonly text: string;
}

/**
 * What is done to dead letters in the store, whoever wrote them, and whether or not this process has them in its list. Each
 * is removed at its version, so that of two that resend or discard it one does.
 */
export class StoredLetters {
  readonly #services: WritingServices;
  readonly #gone: (key: string) => void;
  /** How many are being resent, by receiver. */
  readonly #underWay = new Map<string, number>();

  /** `gone` is called with the key of each that is no longer in the store. */
  constructor(services: WritingServices, gone: (key: string) => void = () => {}) {
    this.#services = services;
    this.#gone = gone;
  }

  /** Resends the oldest that is meant. Rejects with a `NotFoundError` if there is none. */
  async resend(id: string, which?: WhichLetter): Promise<void> {
    const found = await this.#find(id, which);
    if (found === undefined) {
      throw new NotFoundError("unknown-dead-letter", `Cannot resend ${id}: no such dead letter is kept`);
    }
    await this.resendRow(found.row, found.read);
  }

  /** Removes the oldest that is meant. Resolves with whether there was one. */
  async discard(id: string, which?: WhichLetter): Promise<boolean> {
    const found = await this.#find(id, which);
    return found !== undefined && await this.discardRow(found.row);
  }

  /** Resends those that match, oldest first. */
  resendAll(filter: DeadLetterFilter): Promise<BulkResult> {
    return this.#each(filter, (row, read) => this.resendRow(row, read));
  }

  /** Removes those that match. */
  discardAll(filter: DeadLetterFilter): Promise<BulkResult> {
    return this.#each(filter, (row) => this.discardRow(row));
  }

  /** Resends one, as it was read. Rejects with a `NotFoundError` if it is gone. */
  async resendRow({ key, version, value }: Entry, { letter, text }: ReadLetter): Promise<void> {
    const { session, writer, committedDelivery } = this.#services;
    const to = { protocol: letter.protocol, key: letter.key };
    if (to.protocol === Reply.arrive.protocol) { // it has no mailbox
      throw new TerminalError(`Cannot send ${letter.id} again: nobody waits for that reply`, {
        code: "late-reply",
      });
    }
    if (writer.remote === undefined && leavesService(letter)) {
      const why = "it goes to another service, and only a system with a transport sends it there";
      throw new PosthornError("no-transport", `Cannot send ${letter.id} again: ${why}`);
    }
    const underWay = this.#requireRoom(to, letter.id);
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
    const name = nameOfActor(to);
    this.#underWay.set(name, underWay + 1);
    const committed = await commitKnown(session, writeSet, `the dead letter ${letter.id}`).finally(() => {
      const left = this.#underWay.get(name)! - 1;
      if (left === 0) this.#underWay.delete(name);
      else this.#underWay.set(name, left);
    });
    this.#gone(key);
    if (committed === undefined) {
      const why = "another instance has sent it again";
      throw new NotFoundError("unknown-dead-letter", `Cannot send ${letter.id} again: ${why}`);
    }
    writeSet.land(committedDelivery, committed, session.nextReadEpoch());
  }

  /** Removes one. Resolves with whether it was still there. */
  async discardRow({ key, version, value }: Pick<Entry, "key" | "version" | "value">): Promise<boolean> {
    const writeSet = removalOf({ key, version }, value.length);
    writeSet.write(sentAgainKey, new Uint8Array()); // so that other instances drop it from their lists
    const committed = await commitKnown(this.#services.session, writeSet, "a dead letter");
    this.#gone(key);
    return committed !== undefined;
  }

  /**
   * Throws if the receiver, or the outbox, has no room for it: dead letters have as much as what turns send. Returns how many
   * are being resent to it.
   */
  #requireRoom(to: ActorId, id: string): number {
    const { writer } = this.#services;
    const underWay = this.#underWay.get(nameOfActor(to)) ?? 0;
    if (writer.remote?.takes(to)) {
      if (!writer.remote.isFull(to)) return underWay;
      throw new LimitExceededError(
        "outbox-full",
        `Cannot send ${id} again: the outbox to its service is full`,
      );
    }
    const room = writer.roomFor(to);
    if (room === undefined) return underWay;
    const waiting = room.waiting + (room.what === "bytes" ? 0 : underWay);
    if (waiting < room.capacity) return underWay;
    throw new MailboxFullError(shownActor(to.protocol, to.key), waiting, room.capacity, room.what);
  }

  /** The oldest that is meant. */
  async #find(
    id: string,
    which?: WhichLetter,
  ): Promise<{ readonly row: Entry; readonly read: ReadLetter } | undefined> {
    const { connection } = this.#services.session;
    for await (const rows of pages(connection, { prefix: deadPrefix, limit: pageMax })) {
      for (const row of rows) {
        const read = letterIn(row);
        if (read !== undefined && isMeant(read.letter, id, which)) return { row, read };
      }
    }
  }

  /**
   * Does something to those that match, a page at a time: those that are there when it begins, since some come back. Only those
   * to which it is done count against the bound: others stay, and would stand before the rest at every call.
   */
  async #each(
    filter: DeadLetterFilter,
    act: (row: Entry, read: ReadLetter) => Promise<unknown>,
  ): Promise<BulkResult> {
    const { connection, traits: { partsAtOnce } } = this.#services.session;
    const [last] = await connection.list({ prefix: deadPrefix, limit: 1, reverse: true });
    let [done, failed] = [0, 0];
    const one = async (row: Entry, read: ReadLetter) => {
      try {
        if (await act(row, read) !== false) done++;
      } catch (error) {
        if (!(error instanceof NotFoundError)) failed++; // otherwise another one was quicker
      }
    };
    if (last === undefined) return { done, failed, more: false };
    for await (const rows of pages(connection, { prefix: deadPrefix, limit: pageMax })) {
      const meant: { readonly row: Entry; readonly read: ReadLetter }[] = [];
      for (const row of rows.filter(({ key }) => key <= last.key)) {
        const read = letterIn(row);
        if (read !== undefined && matches(filter, read.letter)) meant.push({ row, read });
      }
      for (let from = 0; from < meant.length;) {
        if (done === changedMax) return { done, failed, more: true };
        const some = meant.slice(from, from + Math.min(partsAtOnce, changedMax - done));
        from += some.length;
        await Promise.all(some.map(({ row, read }) => one(row, read)));
      }
      if (rows.length === 0 || rows.at(-1)!.key >= last.key) break;
    }
    return { done, failed, more: false };
  }
}

/** Whether the receiver of a message is in another service. */
function leavesService({ protocol, reason, head }: StoredDeadLetter): boolean {
  return head.sent !== undefined || protocol === Remote.arrive.protocol || reason === "outbox-full";
}

/** The dead letter of a row; `undefined` if another program wrote it, so that it stays and does not hinder the others. */
function letterIn({ value }: Entry): ReadLetter | undefined {
  try {
    const { head: letter, text } = decodeValue<StoredDeadLetter>(value);
    return typeof letter.head.id === "string" ? { letter, text } : undefined;
  } catch {
    return undefined;
  }
}
